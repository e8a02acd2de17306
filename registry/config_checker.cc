#include "registry/config_checker.h"

#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "registry/base/closest_match.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/strict_json.h"

namespace modeld {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using Json = nlohmann::json;

bool IsInteger(const Json& value, int64_t lowest, int64_t highest) {
  if (value.is_number_unsigned()) return value.get<uint64_t>() <= static_cast<uint64_t>(highest);
  return value.is_number_integer() && value.get<int64_t>() >= lowest && value.get<int64_t>() <= highest;
}

// What a single value of a scalar field must be; and whether `value` is it.
struct Expectation {
  const char* text;
  bool met;
};
Expectation ExpectScalar(FieldDescriptor::CppType type, const Json& value) {
  switch (type) {
    case FieldDescriptor::CPPTYPE_STRING:
      return {"a string", value.is_string()};
    case FieldDescriptor::CPPTYPE_BOOL:
      return {"true or false", value.is_boolean()};
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return {"a number", value.is_number()};
    case FieldDescriptor::CPPTYPE_INT32:
      return {"an integer of 32 bits",
              IsInteger(value, std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max())};
    case FieldDescriptor::CPPTYPE_INT64:
      return {"an integer of 64 bits",
              IsInteger(value, std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max())};
    default:
      return {"a type that config.json does not have", false};
  }
}

class TypeChecker {
 public:
  explicit TypeChecker(const std::map<std::string, std::string>& spellings) : spellings_(spellings) {}

  absl::Status CheckObject(const Json& object, const Descriptor& message, const std::string& path) const {
    for (const auto& [key, value] : object.items()) {
      const std::string member = MemberPath(path, key);
      const FieldDescriptor* const field = message.FindFieldByName(key);
      if (field == nullptr) return UnknownKey(member, key, message);
      MODELD_RETURN_IF_ERROR(CheckField(value, *field, member));
    }
    return absl::OkStatus();
  }

 private:
  absl::Status CheckField(const Json& value, const FieldDescriptor& field, const std::string& path) const {
    if (!field.is_repeated()) return CheckSingle(value, field, path);
    if (field.is_map()) return CheckMap(value, *field.message_type()->map_value(), path);
    if (!value.is_array()) return Mismatch("an array", value, path);
    for (size_t i = 0; i < value.size(); ++i) {
      MODELD_RETURN_IF_ERROR(CheckSingle(value[i], field, ElementPath(path, i)));
    }
    return absl::OkStatus();
  }

  absl::Status CheckMap(const Json& value, const FieldDescriptor& element, const std::string& path) const {
    if (!value.is_object()) return Mismatch("an object", value, path);
    for (const auto& [key, item] : value.items()) {
      MODELD_RETURN_IF_ERROR(CheckSingle(item, element, MemberPath(path, key)));
    }
    return absl::OkStatus();
  }

  absl::Status CheckSingle(const Json& value, const FieldDescriptor& field, const std::string& path) const {
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      if (!value.is_object()) return Mismatch("an object", value, path);
      const bool free_form = field.message_type()->full_name() == "google.protobuf.Struct";
      return free_form ? absl::OkStatus() : CheckObject(value, *field.message_type(), path);
    }
    const Expectation expectation = ExpectScalar(field.cpp_type(), value);
    return expectation.met ? absl::OkStatus() : Mismatch(expectation.text, value, path);
  }

  absl::Status Mismatch(const std::string& expected, const Json& value, const std::string& path) const {
    std::string got = DescribeJson(value);
    std::string remedy;
    if (value.is_number()) {
      const auto spelling = spellings_.find(path);
      const std::string text = spelling == spellings_.end() ? value.dump() : spelling->second;
      got = absl::StrCat("the number ", text);
      if (expected == "a string") remedy = absl::StrCat("; write ", Quote(text));
    }
    if (value.is_null()) remedy = "; leave the key out for its default";
    return FieldError(path, absl::StrCat("expected ", expected, ", got ", got, remedy));
  }

  const std::map<std::string, std::string>& spellings_;
};

}  // namespace

absl::Status CheckTypes(const Json& object, const Descriptor& message,
                        const std::map<std::string, std::string>& spellings) {
  return TypeChecker(spellings).CheckObject(object, message, "");
}

absl::Status ConfigError(const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("config.json: ", what));
}

absl::Status FieldError(const std::string& path, const std::string& what) {
  return ConfigError(absl::StrCat("field ", Quote(path), ": ", what));
}

absl::Status UnknownKey(const std::string& path, const std::string& key, const Descriptor& message) {
  std::vector<std::string> known;
  known.reserve(message.field_count());
  for (int i = 0; i < message.field_count(); ++i) known.push_back(message.field(i)->name());
  return ConfigError(absl::StrCat("unknown key ", Quote(path), DidYouMean(key, known)));
}

std::string DescribeJson(const Json& value) {
  switch (value.type()) {
    case Json::value_t::null:
      return "null";
    case Json::value_t::boolean:
      return value.get<bool>() ? "true" : "false";
    case Json::value_t::string:
      return absl::StrCat("the string ", Quote(value.get_ref<const std::string&>(), 60));
    case Json::value_t::array:
      return "an array";
    case Json::value_t::object:
      return "an object";
    default:
      return absl::StrCat("the number ", value.dump());
  }
}

}  // namespace modeld
