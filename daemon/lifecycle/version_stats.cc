#include "daemon/lifecycle/version_stats.h"

namespace modeld {

StatsSnapshot& StatsSnapshot::operator+=(const StatsSnapshot& other) {
  requests += other.requests;
  errors += other.errors;
  looked_for_nan += other.looked_for_nan;
  not_a_number += other.not_a_number;
  nan_of_huge += other.nan_of_huge;
  latency += other.latency;
  return *this;
}

StatsSnapshot& StatsSnapshot::operator-=(const StatsSnapshot& other) {
  requests -= other.requests;
  errors -= other.errors;
  looked_for_nan -= other.looked_for_nan;
  not_a_number -= other.not_a_number;
  nan_of_huge -= other.nan_of_huge;
  latency -= other.latency;
  return *this;
}

bool IsModelsFault(absl::StatusCode code) {
  return code == absl::StatusCode::kInternal || code == absl::StatusCode::kUnimplemented;
}

void VersionStats::Record(const RequestOutcome& outcome) {
  Stripe* const own = stripes_.OfThisThread();
  if (own == nullptr) return;
  Stripe& stripe = *own;
  // The whole before its parts, which Snapshot reads in the opposite order: a part is never larger.
  stripe.requests.fetch_add(1, std::memory_order_relaxed);
  if (IsModelsFault(outcome.code)) stripe.errors.fetch_add(1, std::memory_order_release);
  if (outcome.code == absl::StatusCode::kOk) stripe.latency.Record(outcome.nanoseconds);
  if (outcome.looked_for_nan) {
    stripe.looked_for_nan.fetch_add(1, std::memory_order_relaxed);
    if (outcome.not_a_number) stripe.not_a_number.fetch_add(1, std::memory_order_release);
    if (outcome.not_a_number && outcome.huge_inputs) {
      stripe.nan_of_huge.fetch_add(1, std::memory_order_release);
    }
  }
}

StatsSnapshot VersionStats::Snapshot() const {
  StatsSnapshot all;
  stripes_.ForEach([&](const Stripe& stripe) {
    all.nan_of_huge += stripe.nan_of_huge.load(std::memory_order_acquire);
    all.not_a_number += stripe.not_a_number.load(std::memory_order_acquire);
    all.looked_for_nan += stripe.looked_for_nan.load(std::memory_order_relaxed);
    all.errors += stripe.errors.load(std::memory_order_acquire);
    all.requests += stripe.requests.load(std::memory_order_relaxed);
    all.latency += stripe.latency.Snapshot();
  });
  return all;
}

VersionStatsView VersionStats::View() const {
  const StatsSnapshot all = Snapshot();
  return {.requests = all.requests,
          .errors = all.errors,
          .not_a_number = all.not_a_number,
          .latency_p50_seconds = all.latency.Median(),
          .latency_p99_seconds = all.latency.Quantile(0.99)};
}

}  // namespace modeld
