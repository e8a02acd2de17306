#include "registry/cli/type_notation.h"

#include <cctype>
#include <optional>
#include <utility>

namespace modeld {
namespace {

constexpr int kMaxDepth = 32;

// Recursive descent over
//   type  = name [ "[" "()" | type {"," type} "]" ] | name "(" [field {"," field}] ")"
//   field = name ":" type
class Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) {}

  std::optional<TypeNotation> ParseAll() {
    std::optional<TypeNotation> type = ParseType(0);
    SkipSpaces();
    if (!rest_.empty()) return std::nullopt;
    return type;
  }

 private:
  std::optional<TypeNotation> ParseType(int depth) {
    if (depth > kMaxDepth) return std::nullopt;
    TypeNotation type;
    type.name = TakeName();
    if (type.name.empty()) return std::nullopt;
    if (Take('[')) {
      if (Take('(')) return Take(')') && Take(']') ? std::optional(type) : std::nullopt;
      return ParseParameters(']', /*named=*/false, depth, type) ? std::optional(type) : std::nullopt;
    }
    if (Take('(')) {
      if (Take(')')) return type;
      return ParseParameters(')', /*named=*/true, depth, type) ? std::optional(type) : std::nullopt;
    }
    return type;
  }

  bool ParseParameters(char end, bool named, int depth, TypeNotation& type) {
    do {
      if (named) {
        type.field_names.push_back(TakeName());
        if (!Take(':')) return false;
      }
      std::optional<TypeNotation> parameter = ParseType(depth + 1);
      if (!parameter.has_value()) return false;
      type.parameters.push_back(*std::move(parameter));
    } while (Take(','));
    return Take(end);
  }

  void SkipSpaces() {
    while (!rest_.empty() && rest_.front() == ' ') rest_.remove_prefix(1);
  }

  bool Take(char wanted) {
    SkipSpaces();
    if (rest_.empty() || rest_.front() != wanted) return false;
    rest_.remove_prefix(1);
    return true;
  }

  std::string TakeName() {
    SkipSpaces();
    size_t length = 0;
    while (length < rest_.size() && (std::isalnum(static_cast<unsigned char>(rest_[length])) != 0 ||
                                     rest_[length] == '_' || rest_[length] == '.')) {
      ++length;
    }
    std::string name(rest_.substr(0, length));
    rest_.remove_prefix(length);
    return name;
  }

  std::string_view rest_;
};

}  // namespace

TypeNotation ParseTypeNotation(std::string_view text) {
  return Parser(text).ParseAll().value_or(TypeNotation{.name = "Any", .parameters = {}, .field_names = {}});
}

}  // namespace modeld
