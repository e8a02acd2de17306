#include "registry/cli/json_tensor.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMaxDimensions = 32;

// The typed field that an element goes to.
enum class Field { kBool, kInt, kUint, kFloat, kDouble, kBytes, kNone };

Field FieldOf(const std::string& dtype) {
  if (dtype == "BOOL") return Field::kBool;
  if (dtype == "UINT64") return Field::kUint;
  if (absl::StartsWith(dtype, "INT") || absl::StartsWith(dtype, "UINT")) return Field::kInt;
  if (dtype == "FP16" || dtype == "BF16" || dtype == "FP32") return Field::kFloat;
  if (dtype == "FP64") return Field::kDouble;
  if (dtype == "BYTES") return Field::kBytes;
  return Field::kNone;
}

std::vector<const Json*> Leaves(const Json& json) {
  std::vector<const Json*> level = {&json};
  while (!level.empty() && level.front()->is_array()) {
    std::vector<const Json*> next;
    for (const Json* array : level) {
      for (const Json& item : *array) next.push_back(&item);
    }
    level = std::move(next);
  }
  return level;
}

// Where a tensor's dtype is not declared, its elements tell.
std::string InferDtype(const std::vector<const Json*>& leaves) {
  bool bools = !leaves.empty(), integers = !leaves.empty(), strings = !leaves.empty();
  for (const Json* leaf : leaves) {
    bools &= leaf->is_boolean();
    integers &= leaf->is_number_integer();
    strings &= leaf->is_string();
  }
  return bools ? "BOOL" : integers ? "INT64" : strings ? "BYTES" : "FP32";
}

absl::Status WrongElement(const Json& json, const std::string& dtype) {
  return absl::InvalidArgumentError(absl::StrCat("element ", Quote(json.dump(), 40), " is no ", dtype));
}

// The shape of nested arrays, by their first items.
absl::StatusOr<std::vector<int64_t>> ShapeOf(const Json& json) {
  std::vector<int64_t> shape;
  for (const Json* level = &json; level->is_array(); level = &level->front()) {
    shape.push_back(static_cast<int64_t>(level->size()));
    if (shape.size() > kMaxDimensions) {
      return absl::InvalidArgumentError(
          absl::StrCat("a tensor of more than ", kMaxDimensions, " dimensions"));
    }
    if (level->empty()) break;
  }
  return shape;
}

// Refuses ragged arrays: every array of a level has the length that the shape says.
absl::Status CheckRegular(const Json& json, const std::vector<int64_t>& shape, size_t dimension) {
  if (dimension == shape.size()) {
    if (!json.is_array()) return absl::OkStatus();
    return absl::InvalidArgumentError("ragged arrays: an element is an array, another is not");
  }
  if (!json.is_array()) {
    return absl::InvalidArgumentError(absl::StrCat("ragged arrays: expected an array of ", shape[dimension],
                                                   ", got ", Quote(json.dump(), 40)));
  }
  if (static_cast<int64_t>(json.size()) != shape[dimension]) {
    return absl::InvalidArgumentError(absl::StrCat("ragged arrays: dimension ", dimension, " is ",
                                                   shape[dimension], " at first, then ", json.size()));
  }
  for (const Json& item : json) MODELD_RETURN_IF_ERROR(CheckRegular(item, shape, dimension + 1));
  return absl::OkStatus();
}

absl::Status AppendElement(const Json& json, Field field, v1::Tensor& tensor) {
  switch (field) {
    case Field::kBool:
      if (!json.is_boolean()) break;
      tensor.add_bool_values(json.get<bool>());
      return absl::OkStatus();
    case Field::kInt:
      if (!json.is_number_integer()) break;
      if (json.is_number_unsigned() && json.get<uint64_t>() > uint64_t{std::numeric_limits<int64_t>::max()})
        break;
      tensor.add_int_values(json.get<int64_t>());
      return absl::OkStatus();
    case Field::kUint:
      if (!json.is_number_unsigned()) break;
      tensor.add_uint_values(json.get<uint64_t>());
      return absl::OkStatus();
    case Field::kFloat:
      if (!json.is_number() || std::abs(json.get<double>()) > std::numeric_limits<float>::max()) break;
      tensor.add_float_values(json.get<float>());
      return absl::OkStatus();
    case Field::kDouble:
      if (!json.is_number()) break;
      tensor.add_double_values(json.get<double>());
      return absl::OkStatus();
    case Field::kBytes:
      if (!json.is_string()) break;
      tensor.add_bytes_values(json.get<std::string>());
      return absl::OkStatus();
    case Field::kNone:
      break;
  }
  return WrongElement(json, tensor.dtype());
}

}  // namespace

absl::StatusOr<v1::Tensor> TensorFromJson(const std::string& dtype, const Json& json) {
  MODELD_ASSIGN_OR_RETURN(const std::vector<int64_t> shape, ShapeOf(json));
  MODELD_RETURN_IF_ERROR(CheckRegular(json, shape, 0));
  const std::vector<const Json*> leaves = Leaves(json);

  v1::Tensor tensor;
  tensor.set_dtype(dtype.empty() ? InferDtype(leaves) : dtype);
  tensor.mutable_shape()->Assign(shape.begin(), shape.end());
  const Field field = FieldOf(tensor.dtype());
  if (field == Field::kNone) {
    return absl::InvalidArgumentError(
        absl::StrCat("a tensor of ", tensor.dtype(), " cannot be written as JSON; give it as @FILE.npy"));
  }
  for (const Json* leaf : leaves) MODELD_RETURN_IF_ERROR(AppendElement(*leaf, field, tensor));
  return tensor;
}

}  // namespace modeld
