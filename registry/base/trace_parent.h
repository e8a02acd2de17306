// W3C Trace Context's `traceparent`: by which a request is found again in the traces of all that it passed.
// Format: https://www.w3.org/TR/trace-context/#traceparent-header
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace modeld {

struct TraceParent {
  std::string trace_id;   // 32 hexadecimal digits, lower case, not all zero
  std::string parent_id;  // 16 of them, likewise
  bool sampled = false;

  friend bool operator==(const TraceParent&, const TraceParent&) = default;
};

// `00-<trace id>-<parent id>-<flags>`. None: it is not one, and is to be ignored. Of a version to come, whose
// further fields nobody knows, what this version knows is read.
std::optional<TraceParent> ParseTraceParent(std::string_view text);

}  // namespace modeld
