#include "registry/cli/parse_value.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/cli/json_value.h"
#include "registry/cli/npy.h"
#include "registry/cli/type_notation.h"

namespace modeld {
namespace {

using Json = nlohmann::ordered_json;

absl::StatusOr<Json> ParseJson(const std::string& text) {
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& error) {
    return absl::InvalidArgumentError(absl::StrCat("expected JSON, such as [[1, 2], [3, 4]], or @FILE; ",
                                                   Quote(text, 60), " is none from byte ", error.byte,
                                                   " on"));
  } catch (const Json::exception&) {
    return absl::InvalidArgumentError(
        absl::StrCat("a number of ", Quote(text, 60), " is beyond the range of FP64"));
  }
}

absl::StatusOr<v1::Value> FromJsonText(const TypeNotation& type, const std::string& dtype,
                                       const std::string& text) {
  MODELD_ASSIGN_OR_RETURN(const Json json, ParseJson(text));
  return ValueFromJson(type, dtype, json);
}

absl::StatusOr<v1::Value> FromText(const TypeNotation& type, const std::string& dtype,
                                   const std::string& text) {
  if (IsScalarType(type)) return ScalarFromText(type, text);
  if (type.name == "Any" && !Json::accept(text)) {
    v1::Value value;
    value.set_string_value(text);
    return value;
  }
  return FromJsonText(type, dtype, text);
}

bool IsString(const TypeNotation& type) {
  if (type.name == "Optional" && !type.parameters.empty()) return IsString(type.parameters[0]);
  return type.name == "str";
}

// Strings travel as UTF-8.
absl::StatusOr<v1::Value> CheckUtf8(v1::Value value) {
  try {
    if (value.has_string_value()) static_cast<void>(Json(value.string_value()).dump());
    return value;
  } catch (const Json::type_error&) {
    return absl::InvalidArgumentError(absl::StrCat(Quote(value.string_value(), 60), " is not UTF-8"));
  }
}

bool BeginsAsImage(absl::string_view content) {
  const bool webp =
      absl::StartsWith(content, "RIFF") && content.size() >= 12 && content.substr(8, 4) == "WEBP";
  return webp || absl::StartsWith(content, "\xFF\xD8\xFF") ||
         absl::StartsWith(content, "\x89PNG\r\n\x1a\n") || absl::StartsWith(content, "BM");
}

absl::StatusOr<v1::Value> FromFile(const TypeNotation& type, const std::string& dtype,
                                   const std::string& path, const ReadFileFn& read_file) {
  const bool npy = absl::EndsWithIgnoreCase(path, ".npy");
  const bool json = absl::EndsWithIgnoreCase(path, ".json");
  MODELD_ASSIGN_OR_RETURN(std::string content, read_file(path));
  v1::Value value;
  if (!npy && !json && !IsString(type)) {
    if (!BeginsAsImage(content)) {
      return absl::InvalidArgumentError(
          absl::StrCat(Quote(path),
                       " is neither an image (JPEG, PNG, WebP, BMP) nor a .npy or .json file; a value "
                       "that begins with @ is written @@"));
    }
    value.mutable_tensor()->set_dtype("BYTES");
    value.mutable_tensor()->add_bytes_values(std::move(content));
    return value;
  }
  if (npy) {
    MODELD_ASSIGN_OR_RETURN(*value.mutable_tensor(), ParseNpy(content));
    return value;
  }
  if (json) return FromJsonText(type, dtype, content);
  value.set_string_value(std::move(content));
  return value;
}

}  // namespace

absl::StatusOr<InputText> SplitInput(const std::string& argument) {
  const size_t equals = argument.find('=');
  if (equals == std::string::npos || equals == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("input ", Quote(argument, 60), " is not of the form NAME=VALUE or NAME=@FILE"));
  }
  return InputText{argument.substr(0, equals), argument.substr(equals + 1)};
}

absl::StatusOr<v1::Value> ParseInput(const v1::ArgumentSignature& signature, const std::string& text,
                                     const ReadFileFn& read_file) {
  const TypeNotation type = ParseTypeNotation(signature.type());
  const bool from_file = absl::StartsWith(text, "@") && !absl::StartsWith(text, "@@");
  absl::StatusOr<v1::Value> value =
      from_file ? FromFile(type, signature.dtype(), text.substr(1), read_file)
                : FromText(type, signature.dtype(), absl::StartsWith(text, "@@") ? text.substr(1) : text);
  if (value.ok()) value = CheckUtf8(*std::move(value));
  if (value.ok()) return value;
  return absl::Status(value.status().code(),
                      absl::StrCat("input ", Quote(signature.name()), ": ", value.status().message()));
}

}  // namespace modeld
