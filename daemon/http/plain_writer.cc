#include "daemon/http/plain_writer.h"

#include <cstdint>
#include <cstring>
#include <optional>

#include "absl/strings/str_cat.h"
#include "daemon/codec/half.h"
#include "daemon/http/json_writer.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

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
