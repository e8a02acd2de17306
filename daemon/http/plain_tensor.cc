#include "daemon/http/plain_tensor.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "daemon/codec/half.h"
#include "daemon/http/json_writer.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxDimensions = 32;
constexpr char kBase64[] = "b64";

std::string Shown(const Json& json) {
  return Quote(json.dump(-1, ' ', false, Json::error_handler_t::replace), 40);
}

DType DTypeOfElements(const std::vector<const Json*>& elements) {
  bool bools = !elements.empty(), integers = !elements.empty(), strings = !elements.empty();
  for (const Json* element : elements) {
    bools &= element->is_boolean();
    integers &= element->is_number_integer();
    strings &= element->is_string() || IsBytes(*element);
  }
  return bools ? DType::kBool : integers ? DType::kInt64 : strings ? DType::kBytes : DType::kFp32;
}

// Regular arrays only: every one of a level is as long as the first.
absl::Status Collect(const Json& json, size_t depth, std::vector<int64_t>* shape, bool first,
                     std::vector<const Json*>* elements) {
  if (!json.is_array()) {
    if (depth != shape->size())
      return absl::InvalidArgumentError("the arrays are ragged: an item is an array, another is not");
    elements->push_back(&json);
    return absl::OkStatus();
  }
  if (depth == kMaxDimensions) {
    return absl::InvalidArgumentError(absl::StrCat("a tensor of more than ", kMaxDimensions, " dimensions"));
  }
  const auto size = static_cast<int64_t>(json.size());
  if (depth == shape->size()) {
    if (!first)
      return absl::InvalidArgumentError("the arrays are ragged: an item is an array, another is not");
    shape->push_back(size);
  } else if ((*shape)[depth] != size) {
    return absl::InvalidArgumentError(absl::StrCat("the arrays are ragged: dimension ", depth, " is ",
                                                   (*shape)[depth], " at first, then ", size));
  }
  for (const Json& item : json) {
    MODELD_RETURN_IF_ERROR(Collect(item, depth + 1, shape, first && &item == &json.front(), elements));
  }
  return absl::OkStatus();
}

bool AppendElement(const Json& json, DType dtype, v1::Tensor& tensor) {
  constexpr auto kMost = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  switch (dtype) {
    case DType::kBool:
      if (!json.is_boolean()) return false;
      tensor.add_bool_values(json.get<bool>());
      return true;
    case DType::kUint64:
      if (!json.is_number_unsigned()) return false;
      tensor.add_uint_values(json.get<uint64_t>());
      return true;
    case DType::kFp16:
    case DType::kBf16:
    case DType::kFp32:
      if (!json.is_number() || std::abs(json.get<double>()) > double{std::numeric_limits<float>::max()})
        return false;
      tensor.add_float_values(static_cast<float>(json.get<double>()));
      return true;
    case DType::kFp64:
      if (!json.is_number()) return false;
      tensor.add_double_values(json.get<double>());
      return true;
    case DType::kBytes: {
      if (json.is_string()) {
        tensor.add_bytes_values(json.get_ref<const std::string&>());
        return true;
      }
      std::string bytes;
      if (!IsBytes(json) || !absl::Base64Unescape(json[kBase64].get_ref<const std::string&>(), &bytes))
        return false;
      tensor.add_bytes_values(std::move(bytes));
      return true;
    }
    case DType::kComplex64:
    case DType::kComplex128:
      return false;
    default:
      if (!json.is_number_integer() || (json.is_number_unsigned() && json.get<uint64_t>() > kMost))
        return false;
      tensor.add_int_values(json.get<int64_t>());
      return true;
  }
}

// FP16 and BF16 as FP32, which holds them exactly.
std::string Widened(DType dtype, const std::string& raw) {
  std::string wide;
  for (size_t at = 0; at + sizeof(uint16_t) <= raw.size(); at += sizeof(uint16_t)) {
    uint16_t half;
    std::memcpy(&half, raw.data() + at, sizeof(half));
    const float value = dtype == DType::kFp16 ? HalfToFloat(half) : Bfloat16ToFloat(half);
    wide.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  return wide;
}

template <typename Append>
absl::Status WithTensor(const std::string& output, const v1::Tensor& tensor, Append append) {
  std::optional<DType> dtype = DTypeFromName(tensor.dtype());
  if (!dtype) return absl::InternalError(absl::StrCat("output of dtype ", tensor.dtype()));
  const std::vector<int64_t> shape(tensor.shape().begin(), tensor.shape().end());
  absl::Status status;
  if (*dtype == DType::kFp16 || *dtype == DType::kBf16) {
    status = append(DType::kFp32, shape, Widened(*dtype, tensor.raw()));
  } else {
    status = append(*dtype, shape, tensor.raw());
  }
  if (status.ok()) return status;
  return absl::Status(status.code(),
                      absl::StrCat("output ", Quote(output), ": ", std::string(status.message())));
}

absl::Status AppendItems(const std::string& output,
                         const google::protobuf::RepeatedPtrField<v1::Value>& items, std::string* json) {
  json->push_back('[');
  for (int i = 0; i < items.size(); ++i) {
    if (i > 0) json->push_back(',');
    MODELD_RETURN_IF_ERROR(AppendPlainValue(output, items[i], json));
  }
  json->push_back(']');
  return absl::OkStatus();
}

absl::Status AppendDict(const std::string& output, const v1::DictValue& dict, std::string* json) {
  json->push_back('{');
  for (int i = 0; i < dict.entries_size(); ++i) {
    if (i > 0) json->push_back(',');
    const v1::Value& key = dict.entries(i).key();
    if (key.kind_case() == v1::Value::kStringValue) {
      AppendJsonString(key.string_value(), json);
    } else {
      std::string text;
      MODELD_RETURN_IF_ERROR(AppendPlainValue(output, key, &text));
      AppendJsonString(text, json);
    }
    json->push_back(':');
    MODELD_RETURN_IF_ERROR(AppendPlainValue(output, dict.entries(i).value(), json));
  }
  json->push_back('}');
  return absl::OkStatus();
}

}  // namespace

bool IsBytes(const Json& json) {
  return json.is_object() && json.size() == 1 && json.contains(kBase64) && json[kBase64].is_string();
}

void AppendPlainString(std::string_view text, std::string* json) { AppendJsonString(text, json); }

absl::StatusOr<v1::Tensor> PlainTensor(const Json& json, std::optional<DType> dtype) {
  std::vector<int64_t> shape;
  std::vector<const Json*> elements;
  MODELD_RETURN_IF_ERROR(Collect(json, 0, &shape, true, &elements));
  const DType known = dtype ? *dtype : DTypeOfElements(elements);
  v1::Tensor tensor;
  tensor.set_dtype(std::string(DTypeName(known)));
  tensor.mutable_shape()->Assign(shape.begin(), shape.end());
  for (const Json* element : elements) {
    if (!AppendElement(*element, known, tensor)) {
      return absl::InvalidArgumentError(absl::StrCat("element ", Shown(*element), " is no ", tensor.dtype()));
    }
  }
  return tensor;
}

absl::Status AppendPlainValue(const std::string& output, const v1::Value& value, std::string* json) {
  const auto append = [json](DType dtype, const std::vector<int64_t>& shape, const std::string& raw) {
    return AppendJsonNested(dtype, shape, raw, json);
  };
  switch (value.kind_case()) {
    case v1::Value::kTensor:
      return WithTensor(output, value.tensor(), append);
    case v1::Value::kBoolValue:
      json->append(value.bool_value() ? "true" : "false");
      return absl::OkStatus();
    case v1::Value::kIntValue:
      absl::StrAppend(json, value.int_value());
      return absl::OkStatus();
    case v1::Value::kFloatValue: {
      const double number = value.float_value();
      return AppendJsonElements(DType::kFp64, {reinterpret_cast<const char*>(&number), sizeof(number)}, json);
    }
    case v1::Value::kStringValue:
      AppendJsonString(value.string_value(), json);
      return absl::OkStatus();
    case v1::Value::kList:
      return AppendItems(output, value.list().items(), json);
    case v1::Value::kTuple:
      return AppendItems(output, value.tuple().items(), json);
    case v1::Value::kDict:
      return AppendDict(output, value.dict(), json);
    case v1::Value::kComplexValue:
      return absl::UnimplementedError(
          absl::StrCat("output ", Quote(output), " is complex, which JSON does not have; use gRPC"));
    case v1::Value::kNone:
    case v1::Value::KIND_NOT_SET:
      break;
  }
  json->append("null");
  return absl::OkStatus();
}

absl::Status PlainRows(const std::string& output, const v1::Value& value, std::vector<std::string>* rows) {
  if (value.kind_case() != v1::Value::kTensor || value.tensor().shape().empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("output ", Quote(output), " has no rows; send `inputs` instead of `instances`"));
  }
  return WithTensor(output, value.tensor(),
                    [rows](DType dtype, const std::vector<int64_t>& shape, const std::string& raw) {
                      return JsonRows(dtype, shape, raw, rows);
                    });
}

}  // namespace modeld
