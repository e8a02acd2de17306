#include "daemon/lifecycle/guard.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace modeld {
namespace {

// Below this no difference of two medians is worth a rollback: it may be the machine's.
constexpr double kLatencyNoiseSeconds = 1e-4;

std::string Number(double value) { return absl::StrFormat("%.3g", value); }
std::string Milliseconds(double seconds) { return absl::StrFormat("%.3g ms", seconds * 1e3); }

nlohmann::json Figures(const StatsWindow& window) {
  return {{"requests", window.requests},
          {"errors", window.errors},
          {"looked_for_nan", window.looked_for_nan},
          {"not_a_number", window.not_a_number},
          {"nan_of_huge", window.nan_of_huge},
          {"latency_p50_seconds", window.latency.Median()},
          {"latency_p99_seconds", window.latency.Quantile(0.99)}};
}

Breach MakeBreach(std::string_view rule, double limit, std::string reason, const StatsWindow& window,
                  const StatsWindow& baseline) {
  const nlohmann::json evidence = {
      {"rule", rule}, {"limit", limit}, {"watched", Figures(window)}, {"baseline", Figures(baseline)}};
  return {.reason = std::move(reason), .evidence = evidence.dump()};
}

std::optional<Breach> JudgeNan(const GuardLimits& limits, const StatsWindow& window,
                               const StatsWindow& baseline, const std::string& baseline_name) {
  if (limits.allow_nan || window.not_a_number == 0) return std::nullopt;
  if (baseline.not_a_number == 0 && window.not_a_number > window.nan_of_huge) {
    return MakeBreach("not_a_number", 0,
                      absl::StrCat(window.not_a_number, " of ", window.looked_for_nan, " answers hold NaN; ",
                                   baseline_name, " gave none"),
                      window, baseline);
  }
  if (window.looked_for_nan < limits.min_requests) return std::nullopt;
  const double excess = window.nan_ratio() - baseline.nan_ratio();
  if (excess <= limits.max_error_ratio) return std::nullopt;
  return MakeBreach("not_a_number", limits.max_error_ratio,
                    absl::StrCat("the ratio of answers that hold NaN is ", Number(window.nan_ratio()),
                                 ", for ", baseline_name, " ", Number(baseline.nan_ratio()),
                                 "; allowed beyond that: ", Number(limits.max_error_ratio)),
                    window, baseline);
}

std::optional<Breach> JudgeErrors(const GuardLimits& limits, const StatsWindow& window,
                                  const StatsWindow& baseline, const std::string& baseline_name) {
  if (window.errors == 0 || window.requests < limits.min_requests) return std::nullopt;
  const double excess = window.error_ratio() - baseline.error_ratio();
  if (excess <= limits.max_error_ratio) return std::nullopt;
  return MakeBreach(
      "error_ratio", limits.max_error_ratio,
      absl::StrCat(window.errors, " of ", window.requests, " requests failed by its fault, for ",
                   baseline_name, " ", baseline.errors, " of ", baseline.requests,
                   "; allowed beyond that ratio: ", Number(limits.max_error_ratio)),
      window, baseline);
}

std::optional<Breach> JudgeLatency(const GuardLimits& limits, const StatsWindow& window,
                                   const StatsWindow& baseline, const std::string& baseline_name) {
  if (!limits.max_latency_ratio.has_value()) return std::nullopt;
  if (window.latency.total() < limits.min_requests || baseline.latency.total() < limits.min_requests) {
    return std::nullopt;
  }
  const double median = window.latency.Median();
  const double before = baseline.latency.Median();
  if (median <= before * *limits.max_latency_ratio || median - before <= kLatencyNoiseSeconds) {
    return std::nullopt;
  }
  return MakeBreach(
      "latency_ratio", *limits.max_latency_ratio,
      absl::StrCat("its median latency is ", Milliseconds(median), ", for ", baseline_name, " ",
                   Milliseconds(before), "; allowed: ", Number(*limits.max_latency_ratio), " times that"),
      window, baseline);
}

}  // namespace

GuardLimits GuardLimitsOf(const v1::GuardConfig& config, absl::Duration default_watch) {
  GuardLimits limits;
  limits.watch = config.has_watch_seconds() ? absl::Seconds(config.watch_seconds()) : default_watch;
  if (config.has_max_error_ratio()) limits.max_error_ratio = config.max_error_ratio();
  if (config.has_max_latency_ratio()) limits.max_latency_ratio = config.max_latency_ratio();
  if (config.has_min_requests()) limits.min_requests = config.min_requests();
  limits.allow_nan = config.allow_nan();
  return limits;
}

std::optional<Breach> Judge(const GuardLimits& limits, const StatsWindow& window, const StatsWindow& baseline,
                            const std::string& baseline_name) {
  if (std::optional<Breach> breach = JudgeNan(limits, window, baseline, baseline_name)) return breach;
  if (std::optional<Breach> breach = JudgeErrors(limits, window, baseline, baseline_name)) return breach;
  return JudgeLatency(limits, window, baseline, baseline_name);
}

}  // namespace modeld
