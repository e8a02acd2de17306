#include "daemon/predict/request_log.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "registry/base/trace_parent.h"

namespace modeld {
namespace {

constexpr double kLinesPerSecond = 5;
constexpr double kBurst = 50;
constexpr size_t kMaxRequestIdBytes = 128;

std::string Milliseconds(int64_t nanoseconds) {
  return absl::StrFormat("%.3f", static_cast<double>(nanoseconds) * 1e-6);
}

}  // namespace

RequestTrace ValidTrace(std::string_view request_id, std::string_view traceparent) {
  RequestTrace trace;
  if (IsRequestId(request_id)) trace.request_id = request_id;
  if (ParseTraceParent(traceparent).has_value()) trace.traceparent = traceparent;
  return trace;
}

bool IsRequestId(std::string_view text) {
  return !text.empty() && text.size() <= kMaxRequestIdBytes &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

RequestLog::RequestLog(const Clock* clock, RequestLogOptions options, WriteFn write)
    : clock_(clock),
      options_(options),
      slow_nanoseconds_(options.slow == absl::InfiniteDuration() ? std::numeric_limits<int64_t>::max()
                                                                 : absl::ToInt64Nanoseconds(options.slow)),
      write_(write ? std::move(write)
                   : [](LogLevel level, std::string_view message,
                        const std::vector<LogField>& fields) { Log(level, message, fields); }),
      faults_(kLinesPerSecond, kBurst),
      slow_(kLinesPerSecond, kBurst) {}

bool RequestLog::Wants(bool models_fault, int64_t total_nanoseconds) const {
  return options_.all || total_nanoseconds >= slow_nanoseconds_ || models_fault;
}

void RequestLog::Write(const Request& request) {
  const absl::StatusCode code = request.status->code();
  const bool fault = request.models_fault;
  const bool slow = request.total_nanoseconds >= slow_nanoseconds_;
  int64_t left_out = 0;
  if (!options_.all) {
    const std::optional<int64_t> taken = (fault ? faults_ : slow_).Take(clock_->Steady());
    if (!taken.has_value()) return;
    left_out = *taken;
  }
  // The caller's own words are as long as the caller likes; Quote bounds and escapes them.
  std::vector<LogField> fields = {{"model", std::string(request.model)}};
  if (!request.version.empty()) fields.emplace_back("version", std::string(request.version));
  fields.emplace_back("code", absl::StatusCodeToString(code));
  fields.emplace_back("total_ms", Milliseconds(request.total_nanoseconds));
  fields.emplace_back("queue_ms", Milliseconds(request.queue_nanoseconds));
  fields.emplace_back("run_ms", Milliseconds(request.run_nanoseconds));
  if (!request.trace->request_id.empty()) fields.emplace_back("request_id", request.trace->request_id);
  if (!request.trace->traceparent.empty()) fields.emplace_back("traceparent", request.trace->traceparent);
  if (!request.status->ok()) fields.emplace_back("error", *request.status);
  if (left_out > 0) fields.emplace_back("left_out", absl::StrCat(left_out));
  if (fault) return write_(LogLevel::kError, "request failed by the model's fault", fields);
  if (slow) return write_(LogLevel::kWarning, "request took long", fields);
  write_(LogLevel::kInfo, "request", fields);
}

}  // namespace modeld
