#include "registry/version_order.h"

#include <algorithm>
#include <optional>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "registry/base/quote.h"

namespace modeld {
namespace {

constexpr size_t kMaxLength = 128;

bool IsNumber(std::string_view part) {
  return !part.empty() && std::all_of(part.begin(), part.end(), absl::ascii_isdigit);
}

// Both are numbers, of any length.
std::strong_ordering CompareNumbers(std::string_view a, std::string_view b) {
  a.remove_prefix(std::min(a.find_first_not_of('0'), a.size()));
  b.remove_prefix(std::min(b.find_first_not_of('0'), b.size()));
  if (a.size() != b.size()) return a.size() <=> b.size();
  return a <=> b;
}

// Numbers before text; numbers by value, text bytewise.
std::strong_ordering ComparePart(std::string_view a, std::string_view b) {
  const bool a_is_number = IsNumber(a);
  const bool b_is_number = IsNumber(b);
  if (a_is_number && b_is_number) return CompareNumbers(a, b);
  if (a_is_number != b_is_number) {
    return a_is_number ? std::strong_ordering::less : std::strong_ordering::greater;
  }
  return a <=> b;
}

// Takes the text up to the next separator off the front of `rest`; `rest` becomes none behind the last part.
std::string_view TakePart(std::optional<std::string_view>& rest, std::string_view separators) {
  const std::string_view text = *rest;
  const size_t end = text.find_first_of(separators);
  if (end == std::string_view::npos) {
    rest.reset();
    return text;
  }
  rest = text.substr(end + 1);
  return text.substr(0, end);
}

// Where the pre-release begins: at the first hyphen that does not separate the numbers of a date.
size_t FindPreRelease(std::string_view text) {
  size_t begin = 0;
  while (true) {
    const size_t end = std::min(text.find_first_of(".-", begin), text.size());
    if (end == text.size()) return std::string_view::npos;
    if (text[end] == '.') return text.find('-', end);
    const size_t next_end = std::min(text.find_first_of(".-", end + 1), text.size());
    if (!IsNumber(text.substr(begin, end - begin)) || !IsNumber(text.substr(end + 1, next_end - end - 1))) {
      return end;
    }
    begin = end + 1;
  }
}

struct ParsedVersion {
  std::string_view release;  // parts separated by dots, or by the hyphens of a date
  std::optional<std::string_view> pre_release;
};

ParsedVersion Parse(std::string_view text) {
  if (text.size() > 1 && (text[0] == 'v' || text[0] == 'V') && absl::ascii_isdigit(text[1])) {
    text.remove_prefix(1);
  }
  text = text.substr(0, text.find('+'));
  const size_t pre_release = FindPreRelease(text);
  if (pre_release == std::string_view::npos) return {text, std::nullopt};
  return {text.substr(0, pre_release), text.substr(pre_release + 1)};
}

std::strong_ordering CompareReleases(std::optional<std::string_view> a, std::optional<std::string_view> b) {
  while (a || b) {
    std::string_view a_part = a ? TakePart(a, ".-") : "0";
    std::string_view b_part = b ? TakePart(b, ".-") : "0";
    if (a_part.empty()) a_part = "0";
    if (b_part.empty()) b_part = "0";
    if (const auto order = ComparePart(a_part, b_part); order != 0) return order;
  }
  return std::strong_ordering::equal;
}

std::strong_ordering ComparePreReleases(std::optional<std::string_view> a,
                                        std::optional<std::string_view> b) {
  if (!a || !b) return !a <=> !b;  // a release comes after its pre-releases
  while (a && b) {
    const std::string_view a_part = TakePart(a, ".");
    const std::string_view b_part = TakePart(b, ".");
    if (const auto order = ComparePart(a_part, b_part); order != 0) return order;
  }
  return a.has_value() <=> b.has_value();  // more parts come after fewer
}

// Whether `text` is made of letters, digits and `punctuation` and begins with a letter or digit.
bool MatchesRule(std::string_view text, bool (*is_letter_or_digit)(char), std::string_view punctuation) {
  return !text.empty() && text.size() <= kMaxLength && is_letter_or_digit(text[0]) &&
         std::all_of(text.begin(), text.end(), [&](char c) {
           return is_letter_or_digit(c) || punctuation.find(c) != std::string_view::npos;
         });
}

bool IsLowerOrDigit(char c) { return absl::ascii_islower(c) || absl::ascii_isdigit(c); }
bool IsLetterOrDigit(char c) { return absl::ascii_isalnum(c); }

}  // namespace

std::strong_ordering CompareVersions(std::string_view a, std::string_view b) {
  const ParsedVersion parsed_a = Parse(a);
  const ParsedVersion parsed_b = Parse(b);
  if (const auto order = CompareReleases(parsed_a.release, parsed_b.release); order != 0) return order;
  if (const auto order = ComparePreReleases(parsed_a.pre_release, parsed_b.pre_release); order != 0) {
    return order;
  }
  return a <=> b;
}

absl::Status ValidateVersion(std::string_view version) {
  if (MatchesRule(version, IsLetterOrDigit, "._+-")) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "version ", Quote(version),
      " is not allowed: it must have 1 to 128 characters, letters, digits and \"._+-\", and begin "
      "with a letter or digit"));
}

absl::Status ValidateModelName(std::string_view name) {
  if (MatchesRule(name, IsLowerOrDigit, "._-")) return absl::OkStatus();
  const std::string lower = absl::AsciiStrToLower(std::string(name));
  const bool lower_would_do = MatchesRule(lower, IsLowerOrDigit, "._-");
  return absl::InvalidArgumentError(
      absl::StrCat("model name ", Quote(name),
                   " is not allowed: it must have 1 to 128 characters, lower-case letters, digits and "
                   "\"._-\", and begin with "
                   "a letter or digit",
                   lower_would_do ? absl::StrCat("; name it \"", lower, "\"") : ""));
}

}  // namespace modeld
