#include "daemon/oip/flatten.h"

#include <cstdint>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/oip/raw_bytes.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

using Values = google::protobuf::RepeatedPtrField<v1::Value>;

absl::Status IsComplex(const std::string& name) {
  return absl::UnimplementedError(
      absl::StrCat("output ", Quote(name),
                   " is complex, for which the Open Inference Protocol has no dtype; call "
                   "modeld.v1.ModelService, or have the model return real and imaginary parts"));
}

v1::Tensor OneDimension(const char* dtype, int64_t size) {
  v1::Tensor tensor;
  tensor.set_dtype(dtype);
  tensor.add_shape(size);
  return tensor;
}

const char* DTypeOfScalar(v1::Value::KindCase kind) {
  switch (kind) {
    case v1::Value::kBoolValue:
      return "BOOL";
    case v1::Value::kIntValue:
      return "INT64";
    case v1::Value::kFloatValue:
      return "FP64";
    case v1::Value::kStringValue:
      return "BYTES";
    default:
      return nullptr;
  }
}

void AppendScalar(const v1::Value& value, std::string* raw) {
  switch (value.kind_case()) {
    case v1::Value::kBoolValue:
      return AppendRaw(static_cast<uint8_t>(value.bool_value()), raw);
    case v1::Value::kIntValue:
      return AppendRaw(value.int_value(), raw);
    case v1::Value::kFloatValue:
      return AppendRaw(value.float_value(), raw);
    default:
      return AppendRawString(value.string_value(), raw);
  }
}

// Of the same kind, all of them; false: an item is no scalar, or of another kind.
bool AreScalars(const Values& values) {
  if (values.empty() || DTypeOfScalar(values[0].kind_case()) == nullptr) return false;
  for (const v1::Value& value : values) {
    if (value.kind_case() != values[0].kind_case()) return false;
  }
  return true;
}

absl::Status FlattenItems(const std::string& name, Values& items,
                          const google::protobuf::RepeatedPtrField<std::string>& names,
                          std::vector<NamedTensor>* tensors) {
  if (AreScalars(items)) {
    v1::Tensor tensor = OneDimension(DTypeOfScalar(items[0].kind_case()), items.size());
    for (const v1::Value& item : items) AppendScalar(item, tensor.mutable_raw());
    tensors->emplace_back(name, std::move(tensor));
    return absl::OkStatus();
  }
  for (int i = 0; i < items.size(); ++i) {
    const std::string item = names.size() == items.size() ? names[i] : absl::StrCat(i);
    MODELD_RETURN_IF_ERROR(Flatten(absl::StrCat(name, ".", item), items[i], tensors));
  }
  return absl::OkStatus();
}

std::string KeyText(const v1::Value& key) {
  switch (key.kind_case()) {
    case v1::Value::kStringValue:
      return key.string_value();
    case v1::Value::kIntValue:
      return absl::StrCat(key.int_value());
    case v1::Value::kBoolValue:
      return key.bool_value() ? "true" : "false";
    default:
      return absl::StrCat(key.float_value());
  }
}

}  // namespace

absl::Status Flatten(const std::string& name, v1::Value& value, std::vector<NamedTensor>* tensors) {
  switch (value.kind_case()) {
    case v1::Value::kTensor:
      if (absl::StartsWith(value.tensor().dtype(), "COMPLEX")) return IsComplex(name);
      tensors->emplace_back(name, std::move(*value.mutable_tensor()));
      return absl::OkStatus();
    case v1::Value::kComplexValue:
      return IsComplex(name);
    case v1::Value::kList:
      return FlattenItems(name, *value.mutable_list()->mutable_items(), {}, tensors);
    case v1::Value::kTuple:
      return FlattenItems(name, *value.mutable_tuple()->mutable_items(), value.tuple().names(), tensors);
    case v1::Value::kDict:
      for (v1::DictEntry& entry : *value.mutable_dict()->mutable_entries()) {
        MODELD_RETURN_IF_ERROR(
            Flatten(absl::StrCat(name, ".", KeyText(entry.key())), *entry.mutable_value(), tensors));
      }
      return absl::OkStatus();
    case v1::Value::kNone:
    case v1::Value::KIND_NOT_SET:
      return absl::OkStatus();
    default:
      break;
  }
  v1::Tensor tensor = OneDimension(DTypeOfScalar(value.kind_case()), 1);
  AppendScalar(value, tensor.mutable_raw());
  tensors->emplace_back(name, std::move(tensor));
  return absl::OkStatus();
}

}  // namespace modeld
