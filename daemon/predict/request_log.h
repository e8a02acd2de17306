// RequestLog: log lines about single requests: those that failed by the model's fault, those that took long,
// and, where it is asked for, all of them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "registry/base/clock.h"
#include "registry/base/line_limiter.h"
#include "registry/base/log.h"

namespace modeld {

// By what a caller knows a request. Both are carried to log lines and back in the reply.
struct RequestTrace {
  std::string request_id;   // empty: it has none
  std::string traceparent;  // of W3C Trace Context, valid; empty: it has none
};

// Of what a caller sent as `x-request-id` and `traceparent`; what is not valid counts as none.
RequestTrace ValidTrace(std::string_view request_id, std::string_view traceparent);

// Whether it may be carried as one: printable ASCII, of 1 to 128 characters.
bool IsRequestId(std::string_view text);

struct RequestLogOptions {
  bool all = false;                                // each request, also those that were answered
  absl::Duration slow = absl::InfiniteDuration();  // from here on a request took long
};

// Thread-safe.
class RequestLog {
 public:
  struct Request {
    const RequestTrace* trace;
    std::string_view model;
    std::string_view version;  // empty: none was found
    const absl::Status* status;
    bool models_fault;  // that it failed
    int64_t total_nanoseconds;
    int64_t queue_nanoseconds;
    int64_t run_nanoseconds;
  };
  using WriteFn =
      std::function<void(LogLevel level, std::string_view message, const std::vector<LogField>& fields)>;

  // `clock` outlives it. `write` is for tests; null: Log.
  RequestLog(const Clock* clock, RequestLogOptions options, WriteFn write = nullptr);

  // Cheap, and mostly false: whether there is something to write about such a request.
  bool Wants(bool models_fault, int64_t total_nanoseconds) const;
  // Faults and slow requests are limited to so many lines a second; the next line says how many were left
  // out. The log of all requests is not limited. REQUIRES: it wants the request.
  void Write(const Request& request);

 private:
  const Clock* const clock_;
  const RequestLogOptions options_;
  const int64_t slow_nanoseconds_;
  const WriteFn write_;
  LineLimiter faults_;
  LineLimiter slow_;
};

}  // namespace modeld
