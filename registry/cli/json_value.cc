#include "registry/cli/json_value.h"

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/cli/json_tensor.h"

namespace modeld {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kMaxDepth = 32;  // the daemon takes no deeper nesting

// Where in the value we are.
struct Place {
  std::string path;
  int depth = 0;

  Place Inside(const std::string& step) const { return {path + step, depth + 1}; }
};

absl::Status At(const Place& place, const std::string& message) {
  return absl::InvalidArgumentError(place.path.empty() ? message : absl::StrCat(place.path, ": ", message));
}

absl::Status Unexpected(const Place& place, const std::string& expected, const Json& json) {
  return At(place, absl::StrCat("expected ", expected, ", got ", Quote(json.dump(), 60)));
}

v1::Value None() {
  v1::Value value;
  value.mutable_none();
  return value;
}

absl::StatusOr<v1::Value> Convert(const TypeNotation& type, const std::string& dtype, const Json& json,
                                  const Place& place);

const TypeNotation& Parameter(const TypeNotation& type, size_t index) {
  static const TypeNotation kAny{.name = "Any", .parameters = {}, .field_names = {}};
  return index < type.parameters.size() ? type.parameters[index] : kAny;
}

bool FitsInt64(const Json& json) {
  return json.is_number_integer() &&
         !(json.is_number_unsigned() && json.get<uint64_t>() > uint64_t{std::numeric_limits<int64_t>::max()});
}

absl::StatusOr<v1::Value> ConvertScalar(const TypeNotation& type, const Json& json, const Place& place) {
  v1::Value value;
  if (type.name == "bool" && json.is_boolean()) {
    value.set_bool_value(json.get<bool>());
  } else if ((type.name == "int" || type.name == "number") && FitsInt64(json)) {
    value.set_int_value(json.get<int64_t>());
  } else if ((type.name == "float" || type.name == "number") && json.is_number()) {
    value.set_float_value(json.get<double>());
  } else if (type.name == "str" && json.is_string()) {
    value.set_string_value(json.get<std::string>());
  } else if (type.name == "NoneType" && json.is_null()) {
    value.mutable_none();
  } else {
    return Unexpected(place, type.name, json);
  }
  return value;
}

absl::StatusOr<v1::Value> ConvertComplex(const Json& json, const Place& place) {
  const bool pair = json.is_array() && json.size() == 2 && json[0].is_number() && json[1].is_number();
  if (!pair && !json.is_number()) return Unexpected(place, "complex as a number or [real, imaginary]", json);
  v1::Value value;
  value.mutable_complex_value()->set_real((pair ? json[0] : json).get<double>());
  if (pair) value.mutable_complex_value()->set_imag(json[1].get<double>());
  return value;
}

absl::StatusOr<v1::Value> ConvertList(const TypeNotation& type, const Json& json, const Place& place) {
  if (!json.is_array()) return Unexpected(place, "an array", json);
  v1::Value value;
  value.mutable_list();
  for (size_t i = 0; i < json.size(); ++i) {
    MODELD_ASSIGN_OR_RETURN(
        *value.mutable_list()->add_items(),
        Convert(Parameter(type, 0), "", json[i], place.Inside(absl::StrCat("[", i, "]"))));
  }
  return value;
}

absl::StatusOr<v1::Value> ConvertTuple(const TypeNotation& type, const Json& json, const Place& place) {
  const bool by_name = json.is_object() && !type.field_names.empty();
  if (!json.is_array() && !by_name) return Unexpected(place, "an array", json);
  if (json.size() != type.parameters.size()) {
    return At(place, absl::StrCat("expected ", type.parameters.size(), " items, got ", json.size()));
  }
  v1::Value value;
  v1::TupleValue* tuple = value.mutable_tuple();
  for (size_t i = 0; i < json.size(); ++i) {
    if (by_name && !json.contains(type.field_names[i])) {
      return At(place, absl::StrCat("field ", Quote(type.field_names[i]), " is missing"));
    }
    const Json& item = by_name ? json[type.field_names[i]] : json[i];
    MODELD_ASSIGN_OR_RETURN(*tuple->add_items(),
                            Convert(type.parameters[i], "", item, place.Inside(absl::StrCat("[", i, "]"))));
  }
  tuple->mutable_names()->Assign(type.field_names.begin(), type.field_names.end());
  return value;
}

absl::StatusOr<v1::Value> ConvertDict(const TypeNotation& type, const Json& json, const Place& place) {
  if (!json.is_object()) return Unexpected(place, "an object", json);
  TypeNotation key_type = Parameter(type, 0);
  if (key_type.name == "Any") key_type.name = "str";
  v1::Value value;
  value.mutable_dict();
  for (const auto& [key, item] : json.items()) {
    const Place inside = place.Inside(absl::StrCat("[", Quote(key), "]"));
    v1::DictEntry* entry = value.mutable_dict()->add_entries();
    absl::StatusOr<v1::Value> converted_key = ScalarFromText(key_type, key);
    if (!converted_key.ok()) return At(inside, std::string(converted_key.status().message()));
    *entry->mutable_key() = *std::move(converted_key);
    MODELD_ASSIGN_OR_RETURN(*entry->mutable_value(), Convert(Parameter(type, 1), "", item, inside));
  }
  return value;
}

absl::StatusOr<v1::Value> ConvertUnion(const TypeNotation& type, const Json& json, const Place& place) {
  for (const TypeNotation& alternative : type.parameters) {
    absl::StatusOr<v1::Value> value = Convert(alternative, "", json, place);
    if (value.ok()) return value;
  }
  return Unexpected(place, "one of the union's types", json);
}

// Where no type says otherwise: as it stands.
absl::StatusOr<v1::Value> ConvertAny(const Json& json, const Place& place) {
  static const TypeNotation kAnything{.name = "Any", .parameters = {}, .field_names = {}};
  if (json.is_array()) return ConvertList(kAnything, json, place);
  if (json.is_object()) return ConvertDict(kAnything, json, place);
  const char* name = json.is_null()      ? "NoneType"
                     : json.is_boolean() ? "bool"
                     : json.is_string()  ? "str"
                                         : "number";
  return ConvertScalar({.name = name, .parameters = {}, .field_names = {}}, json, place);
}

absl::StatusOr<v1::Value> ConvertTensor(const std::string& dtype, const Json& json, const Place& place) {
  absl::StatusOr<v1::Tensor> tensor = TensorFromJson(dtype, json);
  if (!tensor.ok()) return At(place, std::string(tensor.status().message()));
  v1::Value value;
  *value.mutable_tensor() = *std::move(tensor);
  return value;
}

absl::StatusOr<v1::Value> Convert(const TypeNotation& type, const std::string& dtype, const Json& json,
                                  const Place& place) {
  if (place.depth > kMaxDepth) return At(place, absl::StrCat("nested deeper than ", kMaxDepth));
  if (type.name == "Tensor") return ConvertTensor(dtype, json, place);
  if (type.name == "Optional") {
    return json.is_null() ? None() : Convert(Parameter(type, 0), dtype, json, place);
  }
  if (type.name == "List") return ConvertList(type, json, place);
  if (type.name == "Tuple" || type.name == "NamedTuple") return ConvertTuple(type, json, place);
  if (type.name == "Dict") return ConvertDict(type, json, place);
  if (type.name == "Union") return ConvertUnion(type, json, place);
  if (type.name == "complex") return ConvertComplex(json, place);
  if (IsScalarType(type)) return ConvertScalar(type, json, place);
  return ConvertAny(json, place);
}

}  // namespace

bool IsScalarType(const TypeNotation& type) {
  if (type.name == "Optional") return IsScalarType(Parameter(type, 0));
  for (const char* name : {"bool", "int", "float", "number", "str", "NoneType"}) {
    if (type.name == name) return true;
  }
  return false;
}

absl::StatusOr<v1::Value> ScalarFromText(const TypeNotation& type, const std::string& text) {
  const bool none = text == "None" || text == "null";
  if (type.name == "Optional") return none ? None() : ScalarFromText(Parameter(type, 0), text);

  v1::Value value;
  bool truth = false;
  int64_t integer = 0;
  double real = 0;
  if (type.name == "str") {
    value.set_string_value(text);
  } else if (type.name == "bool" && absl::SimpleAtob(text, &truth)) {
    value.set_bool_value(truth);
  } else if ((type.name == "int" || type.name == "number") && absl::SimpleAtoi(text, &integer)) {
    value.set_int_value(integer);
  } else if ((type.name == "float" || type.name == "number") && absl::SimpleAtod(text, &real)) {
    value.set_float_value(real);
  } else if (type.name == "NoneType" && none) {
    value.mutable_none();
  } else {
    return absl::InvalidArgumentError(absl::StrCat("expected ", type.name, ", got ", Quote(text, 60)));
  }
  return value;
}

absl::StatusOr<v1::Value> ValueFromJson(const TypeNotation& type, const std::string& dtype,
                                        const Json& json) {
  return Convert(type, dtype, json, Place{});
}

}  // namespace modeld
