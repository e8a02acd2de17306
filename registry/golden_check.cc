// CheckGoldenSample: the look at a sample's bytes that needs no engine.
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "modeld/v1/value.pb.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/golden.h"
#include "registry/model_config.h"

namespace modeld {
namespace {

constexpr int kMaxNesting = 32;

// Bytes an element takes in `raw`; 0 for BYTES, whose elements say it themselves.
uint64_t ItemBytes(std::string_view dtype) {
  if (dtype == "BOOL" || dtype == "INT8" || dtype == "UINT8") return 1;
  if (dtype == "INT16" || dtype == "UINT16" || dtype == "FP16" || dtype == "BF16") return 2;
  if (dtype == "INT32" || dtype == "UINT32" || dtype == "FP32") return 4;
  if (dtype == "INT64" || dtype == "UINT64" || dtype == "FP64" || dtype == "COMPLEX64") return 8;
  return dtype == "COMPLEX128" ? 16 : 0;
}

int TypedElements(const v1::Tensor& tensor) {
  return tensor.bool_values_size() + tensor.int_values_size() + tensor.uint_values_size() +
         tensor.float_values_size() + tensor.double_values_size() + tensor.bytes_values_size();
}

absl::Status Invalid(const std::string& where, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(where, ": ", what));
}

absl::Status CheckTensor(const v1::Tensor& tensor, const std::string& where) {
  if (tensor.dtype().empty() || !IsKnownDtype(tensor.dtype())) {
    return Invalid(where, absl::StrCat("unknown dtype ", Quote(tensor.dtype())));
  }
  uint64_t elements = 1;
  bool empty = false;
  for (const int64_t size : tensor.shape()) {
    if (size < 0) return Invalid(where, absl::StrCat("dimension of size ", size));
    empty |= size == 0;
    if (size > 0 && elements > std::numeric_limits<int64_t>::max() / static_cast<uint64_t>(size) / 16) {
      return Invalid(where, "the product of its dimensions overflows");
    }
    if (size > 0) elements *= static_cast<uint64_t>(size);
  }
  if (empty) elements = 0;
  const int typed = TypedElements(tensor);
  if (typed > 0) {
    if (!tensor.raw().empty()) return Invalid(where, "both raw and typed elements");
    if (static_cast<uint64_t>(typed) == elements) return absl::OkStatus();
    return Invalid(where, absl::StrCat(typed, " elements, but its shape holds ", elements));
  }
  const uint64_t item_bytes = ItemBytes(tensor.dtype());
  if (item_bytes == 0 || tensor.raw().size() == elements * item_bytes) return absl::OkStatus();
  return Invalid(where, absl::StrCat(tensor.raw().size(), " bytes, but its shape takes ",
                                     elements * item_bytes, " as ", tensor.dtype()));
}

absl::Status CheckValue(const v1::Value& value, const std::string& where, int depth);

absl::Status CheckItems(const google::protobuf::RepeatedPtrField<v1::Value>& items, const std::string& where,
                        int depth) {
  for (int i = 0; i < items.size(); ++i) {
    MODELD_RETURN_IF_ERROR(CheckValue(items[i], absl::StrCat(where, "[", i, "]"), depth));
  }
  return absl::OkStatus();
}

absl::Status CheckValue(const v1::Value& value, const std::string& where, int depth) {
  if (depth > kMaxNesting) return Invalid(where, absl::StrCat("nested deeper than ", kMaxNesting));
  switch (value.kind_case()) {
    case v1::Value::KIND_NOT_SET:
      return Invalid(where, "no value is set");
    case v1::Value::kTensor:
      return CheckTensor(value.tensor(), where);
    case v1::Value::kList:
      return CheckItems(value.list().items(), where, depth + 1);
    case v1::Value::kTuple:
      return CheckItems(value.tuple().items(), where, depth + 1);
    case v1::Value::kDict:
      for (int i = 0; i < value.dict().entries_size(); ++i) {
        const v1::DictEntry& entry = value.dict().entries(i);
        MODELD_RETURN_IF_ERROR(CheckValue(entry.key(), absl::StrCat(where, "{key ", i, "}"), depth + 1));
        MODELD_RETURN_IF_ERROR(CheckValue(entry.value(), absl::StrCat(where, "{", i, "}"), depth + 1));
      }
      return absl::OkStatus();
    default:
      return absl::OkStatus();
  }
}

}  // namespace

absl::Status CheckGoldenSample(std::string_view name, std::string_view bytes) {
  const std::string where = absl::StrCat("golden sample ", Quote(name));
  if (bytes.size() > static_cast<size_t>(kMaxGoldenBytes)) {
    return Invalid(where, absl::StrCat(bytes.size(), " bytes; at most ", kMaxGoldenBytes, " are allowed"));
  }
  v1::GoldenSample sample;
  if (!sample.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Invalid(where, "it is no serialized modeld.v1.GoldenSample; see docs/golden_samples.md");
  }
  if (sample.outputs().empty()) {
    return Invalid(where, "it has no outputs, so that there is nothing to compare");
  }
  for (const auto& [input, value] : sample.inputs()) {
    MODELD_RETURN_IF_ERROR(CheckValue(value, absl::StrCat(where, ": input ", Quote(input)), 0));
  }
  for (const auto& [output, value] : sample.outputs()) {
    MODELD_RETURN_IF_ERROR(CheckValue(value, absl::StrCat(where, ": output ", Quote(output)), 0));
  }
  return absl::OkStatus();
}

}  // namespace modeld
