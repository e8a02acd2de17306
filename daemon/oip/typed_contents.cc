#include "daemon/oip/typed_contents.h"

#include <cstdint>
#include <cstring>

#include "daemon/engine/dtype.h"

namespace modeld {
namespace {

template <typename From, typename To>
void Append(const std::string& raw, google::protobuf::RepeatedField<To>* to) {
  const size_t count = raw.size() / sizeof(From);
  to->Reserve(static_cast<int>(count));
  for (size_t i = 0; i < count; ++i) {
    From element;
    std::memcpy(&element, raw.data() + i * sizeof(From), sizeof(From));
    to->AddAlreadyReserved(static_cast<To>(element));
  }
}

void AppendStrings(const std::string& raw, google::protobuf::RepeatedPtrField<std::string>* to) {
  for (size_t at = 0; at + sizeof(uint32_t) <= raw.size();) {
    uint32_t length = 0;
    std::memcpy(&length, raw.data() + at, sizeof(length));
    at += sizeof(length);
    to->Add(raw.substr(at, length));
    at += length;
  }
}

}  // namespace

bool HasTypedContents(const std::string& datatype) {
  const std::optional<DType> dtype = DTypeFromName(datatype);
  return dtype && *dtype != DType::kFp16 && *dtype != DType::kBf16;
}

void SetTypedContents(const std::string& datatype, const std::string& raw,
                      inference::InferTensorContents* contents) {
  switch (DTypeFromName(datatype).value_or(DType::kBytes)) {
    case DType::kBool:
      return Append<uint8_t>(raw, contents->mutable_bool_contents());
    case DType::kInt8:
      return Append<int8_t>(raw, contents->mutable_int_contents());
    case DType::kInt16:
      return Append<int16_t>(raw, contents->mutable_int_contents());
    case DType::kInt32:
      return Append<int32_t>(raw, contents->mutable_int_contents());
    case DType::kInt64:
      return Append<int64_t>(raw, contents->mutable_int64_contents());
    case DType::kUint8:
      return Append<uint8_t>(raw, contents->mutable_uint_contents());
    case DType::kUint16:
      return Append<uint16_t>(raw, contents->mutable_uint_contents());
    case DType::kUint32:
      return Append<uint32_t>(raw, contents->mutable_uint_contents());
    case DType::kUint64:
      return Append<uint64_t>(raw, contents->mutable_uint64_contents());
    case DType::kFp32:
      return Append<float>(raw, contents->mutable_fp32_contents());
    case DType::kFp64:
      return Append<double>(raw, contents->mutable_fp64_contents());
    default:
      return AppendStrings(raw, contents->mutable_bytes_contents());
  }
}

}  // namespace modeld
