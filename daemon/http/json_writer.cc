#include "daemon/http/json_writer.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/codec/utf8.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr char kRemedy[] = "; ask for the output as binary data (`binary_data`: true), or use gRPC";

// What std::to_chars writes of a float, with a point, so that readers keep it a float.
template <typename Float>
void AppendFinite(Float value, std::string* json) {
  std::array<char, 40> text;
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
  json->append(text.data(), end);
  const std::string_view written(text.data(), static_cast<size_t>(end - text.data()));
  if (written.find_first_of(".e") == std::string_view::npos) json->append(".0");
}

template <typename T>
absl::Status AppendElement(T value, std::string* json) {
  if constexpr (std::is_floating_point_v<T>) {
    if (!std::isfinite(value)) {
      const char* const what = std::isnan(value) ? "NaN" : "infinity";
      return absl::UnimplementedError(
          absl::StrCat("an element is ", what, ", which JSON does not have", kRemedy));
    }
    AppendFinite(value, json);
  } else if constexpr (std::is_same_v<T, bool>) {
    json->append(value ? "true" : "false");
  } else {
    std::array<char, 24> text;
    json->append(text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr);
  }
  return absl::OkStatus();
}

template <typename T>
absl::Status AppendFixed(std::string_view raw, std::string* json) {
  for (size_t at = 0; at + sizeof(T) <= raw.size(); at += sizeof(T)) {
    T element;
    if constexpr (std::is_same_v<T, bool>) {
      element = raw[at] != 0;
    } else {
      std::memcpy(&element, raw.data() + at, sizeof(T));
    }
    if (at > 0) json->push_back(',');
    MODELD_RETURN_IF_ERROR(AppendElement(element, json));
  }
  return absl::OkStatus();
}

// Takes an element of BYTES off the front.
std::string_view NextBytes(std::string_view* raw) {
  uint32_t length = 0;
  if (raw->size() < sizeof(length)) return std::exchange(*raw, {});
  std::memcpy(&length, raw->data(), sizeof(length));
  raw->remove_prefix(sizeof(length));
  const std::string_view element = raw->substr(0, length);
  raw->remove_prefix(element.size());
  return element;
}

absl::Status AppendBytes(std::string_view raw, std::string* json) {
  for (bool first = true; !raw.empty(); first = false) {
    const std::string_view element = NextBytes(&raw);
    if (!IsUtf8(element)) {
      return absl::UnimplementedError(
          absl::StrCat("an element of BYTES is not UTF-8, as strings of JSON have to be", kRemedy));
    }
    if (!first) json->push_back(',');
    AppendJsonString(element, json);
  }
  return absl::OkStatus();
}

// The bytes of `count` elements at the front of `raw`.
size_t BytesOf(DType dtype, std::string_view raw, int64_t count) {
  if (dtype != DType::kBytes) return static_cast<size_t>(count) * ItemSize(dtype);
  const size_t all = raw.size();
  for (int64_t i = 0; i < count; ++i) NextBytes(&raw);
  return all - raw.size();
}

absl::Status AppendArrays(DType dtype, const int64_t* shape, size_t rank, std::string_view* raw,
                          std::string* json) {
  const int64_t count = rank == 0 ? 1 : shape[0];
  if (rank > 0) json->push_back('[');
  if (rank <= 1) {
    const size_t size = BytesOf(dtype, *raw, count);
    MODELD_RETURN_IF_ERROR(AppendJsonElements(dtype, raw->substr(0, size), json));
    raw->remove_prefix(std::min(size, raw->size()));
  } else {
    for (int64_t i = 0; i < count; ++i) {
      if (i > 0) json->push_back(',');
      MODELD_RETURN_IF_ERROR(AppendArrays(dtype, shape + 1, rank - 1, raw, json));
    }
  }
  if (rank > 0) json->push_back(']');
  return absl::OkStatus();
}

void AppendField(const Message& message, const FieldDescriptor& field, int index, std::string* json) {
  const Reflection& reflection = *message.GetReflection();
  const auto get = [&](auto repeated, auto single) {
    return index >= 0 ? (reflection.*repeated)(message, &field, index)
                      : (reflection.*single)(message, &field);
  };
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      json->append(get(&Reflection::GetRepeatedBool, &Reflection::GetBool) ? "true" : "false");
      break;
    case FieldDescriptor::CPPTYPE_INT32:
      absl::StrAppend(json, get(&Reflection::GetRepeatedInt32, &Reflection::GetInt32));
      break;
    case FieldDescriptor::CPPTYPE_INT64:
      absl::StrAppend(json, get(&Reflection::GetRepeatedInt64, &Reflection::GetInt64));
      break;
    case FieldDescriptor::CPPTYPE_UINT32:
      absl::StrAppend(json, get(&Reflection::GetRepeatedUInt32, &Reflection::GetUInt32));
      break;
    case FieldDescriptor::CPPTYPE_UINT64:
      absl::StrAppend(json, get(&Reflection::GetRepeatedUInt64, &Reflection::GetUInt64));
      break;
    case FieldDescriptor::CPPTYPE_FLOAT:
      if (!AppendElement(get(&Reflection::GetRepeatedFloat, &Reflection::GetFloat), json).ok())
        json->append("null");
      break;
    case FieldDescriptor::CPPTYPE_DOUBLE:
      if (!AppendElement(get(&Reflection::GetRepeatedDouble, &Reflection::GetDouble), json).ok())
        json->append("null");
      break;
    case FieldDescriptor::CPPTYPE_STRING:
      AppendJsonString(get(&Reflection::GetRepeatedString, &Reflection::GetString), json);
      break;
    case FieldDescriptor::CPPTYPE_ENUM:
      AppendJsonString(index >= 0 ? reflection.GetRepeatedEnum(message, &field, index)->name()
                                  : reflection.GetEnum(message, &field)->name(),
                       json);
      break;
    case FieldDescriptor::CPPTYPE_MESSAGE:
      AppendJsonMessage(index >= 0 ? reflection.GetRepeatedMessage(message, &field, index)
                                   : reflection.GetMessage(message, &field),
                        json);
      break;
  }
}

void AppendMapEntry(const Message& entry, std::string* json) {
  const FieldDescriptor& key = *entry.GetDescriptor()->map_key();
  std::string text;
  AppendField(entry, key, -1, &text);
  if (key.cpp_type() != FieldDescriptor::CPPTYPE_STRING) text = absl::StrCat("\"", text, "\"");
  absl::StrAppend(json, text, ":");
  AppendField(entry, *entry.GetDescriptor()->map_value(), -1, json);
}

}  // namespace

void AppendJsonString(std::string_view text, std::string* json) {
  std::string valid;
  if (!IsUtf8(text)) {
    valid = ToUtf8(std::string(text));
    text = valid;
  }
  json->push_back('"');
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      json->push_back('\\');
      json->push_back(c);
    } else if (c == '\n') {
      json->append("\\n");
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      constexpr char kDigits[] = "0123456789abcdef";
      json->append("\\u00");
      json->push_back(kDigits[static_cast<unsigned char>(c) >> 4]);
      json->push_back(kDigits[c & 0xf]);
    } else {
      json->push_back(c);
    }
  }
  json->push_back('"');
}

void AppendJsonMessage(const Message& message, std::string* json) {
  const Reflection& reflection = *message.GetReflection();
  json->push_back('{');
  bool first = true;
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor& field = *message.GetDescriptor()->field(i);
    if (field.has_presence() && !reflection.HasField(message, &field)) continue;
    if (!std::exchange(first, false)) json->push_back(',');
    AppendJsonString(field.name(), json);
    json->push_back(':');
    if (!field.is_repeated()) {
      AppendField(message, field, -1, json);
      continue;
    }
    json->push_back(field.is_map() ? '{' : '[');
    for (int k = 0; k < reflection.FieldSize(message, &field); ++k) {
      if (k > 0) json->push_back(',');
      if (field.is_map()) {
        AppendMapEntry(reflection.GetRepeatedMessage(message, &field, k), json);
      } else {
        AppendField(message, field, k, json);
      }
    }
    json->push_back(field.is_map() ? '}' : ']');
  }
  json->push_back('}');
}

absl::Status AppendJsonElements(DType dtype, std::string_view raw, std::string* json) {
  switch (dtype) {
    case DType::kBool:
      return AppendFixed<bool>(raw, json);
    case DType::kInt8:
      return AppendFixed<int8_t>(raw, json);
    case DType::kInt16:
      return AppendFixed<int16_t>(raw, json);
    case DType::kInt32:
      return AppendFixed<int32_t>(raw, json);
    case DType::kInt64:
      return AppendFixed<int64_t>(raw, json);
    case DType::kUint8:
      return AppendFixed<uint8_t>(raw, json);
    case DType::kUint16:
      return AppendFixed<uint16_t>(raw, json);
    case DType::kUint32:
      return AppendFixed<uint32_t>(raw, json);
    case DType::kUint64:
      return AppendFixed<uint64_t>(raw, json);
    case DType::kFp32:
      return AppendFixed<float>(raw, json);
    case DType::kFp64:
      return AppendFixed<double>(raw, json);
    case DType::kBytes:
      return AppendBytes(raw, json);
    default:
      return absl::UnimplementedError(
          absl::StrCat("tensors of ", std::string(DTypeName(dtype)), " are not sent as JSON", kRemedy));
  }
}

absl::Status AppendJsonNested(DType dtype, const std::vector<int64_t>& shape, std::string_view raw,
                              std::string* json) {
  return AppendArrays(dtype, shape.data(), shape.size(), &raw, json);
}

absl::Status JsonRows(DType dtype, const std::vector<int64_t>& shape, std::string_view raw,
                      std::vector<std::string>* rows) {
  for (int64_t i = 0; i < shape[0]; ++i) {
    MODELD_RETURN_IF_ERROR(
        AppendArrays(dtype, shape.data() + 1, shape.size() - 1, &raw, &rows->emplace_back()));
  }
  return absl::OkStatus();
}

}  // namespace modeld
