#include "registry/base/trace_parent.h"

#include <algorithm>

namespace modeld {
namespace {

constexpr size_t kVersionAt = 0, kVersionDigits = 2;
constexpr size_t kTraceIdAt = 3, kTraceIdDigits = 32;
constexpr size_t kParentIdAt = 36, kParentIdDigits = 16;
constexpr size_t kFlagsAt = 53, kFlagsDigits = 2;
constexpr size_t kLength = 55;
constexpr size_t kLongest = 512;  // of a version to come

bool IsHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool IsId(std::string_view text) { return IsHex(text) && text.find_first_not_of('0') != text.npos; }

int ValueOf(char hex) { return hex <= '9' ? hex - '0' : hex - 'a' + 10; }

}  // namespace

std::optional<TraceParent> ParseTraceParent(std::string_view text) {
  if (text.size() < kLength || text.size() > kLongest) return std::nullopt;
  const std::string_view version = text.substr(kVersionAt, kVersionDigits);
  const std::string_view trace_id = text.substr(kTraceIdAt, kTraceIdDigits);
  const std::string_view parent_id = text.substr(kParentIdAt, kParentIdDigits);
  const std::string_view flags = text.substr(kFlagsAt, kFlagsDigits);
  for (const size_t dash : {kTraceIdAt, kParentIdAt, kFlagsAt}) {
    if (text[dash - 1] != '-') return std::nullopt;
  }
  if (!IsHex(version) || version == "ff" || !IsId(trace_id) || !IsId(parent_id) || !IsHex(flags)) {
    return std::nullopt;
  }
  if (text.size() > kLength && (version == "00" || text[kLength] != '-')) return std::nullopt;
  return TraceParent{.trace_id = std::string(trace_id),
                     .parent_id = std::string(parent_id),
                     .sampled = (ValueOf(flags.back()) & 1) != 0};
}

}  // namespace modeld
