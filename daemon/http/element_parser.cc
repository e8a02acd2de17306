#include "daemon/http/element_parser.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>

#include "absl/strings/str_cat.h"
#include "registry/base/quote.h"

namespace modeld {
namespace {

template <typename T>
void AppendValue(T value, std::string* raw) {
  raw->append(reinterpret_cast<const char*>(&value), sizeof(value));
}

bool DoesNotFit(JsonReader& reader, std::string_view token, DType dtype) {
  return reader.Fail(absl::InvalidArgumentError(
      absl::StrCat("element ", Quote(token, 40), " is no ", std::string(DTypeName(dtype)))));
}

template <typename T>
bool ReadInteger(JsonReader& reader, DType dtype, std::string* raw) {
  std::string_view token;
  if (!reader.Number(&token)) return false;
  T value = 0;
  // Of an unsigned type it takes no sign, but "-0" is 0.
  const std::string_view digits = token == "-0" ? token.substr(1) : token;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) return DoesNotFit(reader, token, dtype);
  AppendValue(value, raw);
  return true;
}

template <typename T>
T NearestOf(const std::string& text);
template <>
float NearestOf<float>(const std::string& text) {
  return std::strtof(text.c_str(), nullptr);
}
template <>
double NearestOf<double>(const std::string& text) {
  return std::strtod(text.c_str(), nullptr);
}

template <typename T>
bool ReadFloat(JsonReader& reader, DType dtype, std::string* raw) {
  std::string_view token;
  if (!reader.Number(&token)) return false;
  T value = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), value);
  if (error != std::errc()) {
    // Beyond the largest, or below the smallest, which is 0 or near to it: from_chars does not tell which.
    value = NearestOf<T>(std::string(token));
    if (!std::isfinite(value)) return DoesNotFit(reader, token, dtype);
  }
  AppendValue(value, raw);
  return true;
}

bool ReadNumber(JsonReader& reader, DType dtype, std::string* raw) {
  switch (dtype) {
    case DType::kInt8:
      return ReadInteger<int8_t>(reader, dtype, raw);
    case DType::kInt16:
      return ReadInteger<int16_t>(reader, dtype, raw);
    case DType::kInt32:
      return ReadInteger<int32_t>(reader, dtype, raw);
    case DType::kInt64:
      return ReadInteger<int64_t>(reader, dtype, raw);
    case DType::kUint8:
      return ReadInteger<uint8_t>(reader, dtype, raw);
    case DType::kUint16:
      return ReadInteger<uint16_t>(reader, dtype, raw);
    case DType::kUint32:
      return ReadInteger<uint32_t>(reader, dtype, raw);
    case DType::kUint64:
      return ReadInteger<uint64_t>(reader, dtype, raw);
    case DType::kFp32:
      return ReadFloat<float>(reader, dtype, raw);
    case DType::kFp64:
      return ReadFloat<double>(reader, dtype, raw);
    default:
      return reader.Fail(absl::InvalidArgumentError(absl::StrCat(
          "elements of ", std::string(DTypeName(dtype)),
          " cannot be sent as JSON; send the tensor as binary data (binary_data_size), or use gRPC")));
  }
}

}  // namespace

void AppendBytesElement(std::string_view element, std::string* raw) {
  AppendValue(static_cast<uint32_t>(element.size()), raw);
  raw->append(element);
}

bool ReadElement(JsonReader& reader, DType dtype, std::string* raw) {
  const char next = reader.Peek();
  if (next == 'N') {
    return reader.Fail(
        absl::InvalidArgumentError("JSON has no NaN and no Infinity; send the tensor as binary data "
                                   "(binary_data_size), or use gRPC"));
  }
  if (dtype == DType::kBool) {
    bool value = false;
    if (!reader.Bool(&value)) return false;
    raw->push_back(value ? '\1' : '\0');
    return true;
  }
  if (dtype == DType::kBytes) {
    std::string text;
    if (!reader.String(&text)) return false;
    AppendBytesElement(text, raw);
    return true;
  }
  return ReadNumber(reader, dtype, raw);
}

}  // namespace modeld
