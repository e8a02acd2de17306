#include "daemon/lifecycle/request_metrics.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <numeric>

#include "absl/time/clock.h"

namespace modeld {
namespace {

constexpr int kExactBits = 6;  // of RunSizes::kExact

int64_t SteadyNanoseconds() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void Add(std::atomic<int64_t>& to, int64_t count) { to.fetch_add(count, std::memory_order_relaxed); }
int64_t Read(const std::atomic<int64_t>& from) { return from.load(std::memory_order_relaxed); }

}  // namespace

size_t IndexOfCode(absl::StatusCode code) {
  const auto index = static_cast<size_t>(code);
  return index < kStatusCodes ? index : static_cast<size_t>(absl::StatusCode::kUnknown);
}

size_t RunSizes::IndexOf(int64_t rows) {
  if (rows <= static_cast<int64_t>(kExact)) return static_cast<size_t>(std::max<int64_t>(1, rows)) - 1;
  const auto power = static_cast<size_t>(std::bit_width(static_cast<uint64_t>(rows - 1)));
  return std::min(kExact + power - kExactBits - 1, kSizes - 1);
}

int64_t RunSizes::RowsOf(size_t index) {
  if (index < kExact) return static_cast<int64_t>(index) + 1;
  return int64_t{1} << (index - kExact + kExactBits + 1);
}

int64_t RequestCounts::failed() const {
  return std::accumulate(by_code.begin() + 1, by_code.end(), int64_t{0});
}

void RequestMetrics::Begin() {
  if (Stripe* const stripe = stripes_.OfThisThread()) Add(stripe->begun, 1);
}

void RequestMetrics::End(const EndedRequest& request) {
  Stripe* const own = stripes_.OfThisThread();
  if (own == nullptr) return;
  Stripe& stripe = *own;
  if (request.run_rows > 0) {
    Runs& runs = stripe.runs[RunSizes::IndexOf(request.run_rows)];
    Add(runs.count, 1);
    Add(runs.nanoseconds, request.run_nanoseconds);
    Add(stripe.run_rows, request.run_rows);
  }
  if (request.code == absl::StatusCode::kOk) {
    stripe.total.Record(request.total_nanoseconds);
    stripe.queue.Record(request.queue_nanoseconds);
    stripe.run.Record(request.run_nanoseconds);
    Add(stripe.input_nanoseconds, request.input_nanoseconds);
    Add(stripe.output_nanoseconds,
        std::max<int64_t>(0, request.total_nanoseconds - request.input_nanoseconds -
                                 request.queue_nanoseconds - request.run_nanoseconds));
    Add(stripe.rows, request.rows);
    stripe.last_steady_nanoseconds.store(SteadyNanoseconds(), std::memory_order_relaxed);
  } else {
    Add(stripe.failed_nanoseconds, request.total_nanoseconds);
  }
  // Last, so that who sees it counted sees its times too.
  stripe.by_code[IndexOfCode(request.code)].fetch_add(1, std::memory_order_release);
}

RequestCounts RequestMetrics::Snapshot() const {
  RequestCounts all;
  int64_t ended = 0;
  int64_t last = 0;
  stripes_.ForEach([&](const Stripe& stripe) {
    for (size_t code = 0; code < kStatusCodes; ++code) {
      const int64_t count = stripe.by_code[code].load(std::memory_order_acquire);
      all.by_code[code] += count;
      ended += count;
    }
    stripe.total.AddTo(all.total);
    stripe.queue.AddTo(all.queue);
    stripe.run.AddTo(all.run);
    all.input_nanoseconds += Read(stripe.input_nanoseconds);
    all.output_nanoseconds += Read(stripe.output_nanoseconds);
    all.rows += Read(stripe.rows);
    all.failed_nanoseconds += Read(stripe.failed_nanoseconds);
    for (size_t size = 0; size < RunSizes::kSizes; ++size) {
      all.runs[size].count += Read(stripe.runs[size].count);
      all.runs[size].nanoseconds += Read(stripe.runs[size].nanoseconds);
    }
    all.run_rows += Read(stripe.run_rows);
    last = std::max(last, Read(stripe.last_steady_nanoseconds));
  });
  // After what ended: a request may begin on one thread and end on another.
  stripes_.ForEach([&](const Stripe& stripe) { all.in_flight += Read(stripe.begun); });
  all.in_flight = std::max<int64_t>(0, all.in_flight - ended);
  if (last != 0) all.last = absl::Now() - absl::Nanoseconds(SteadyNanoseconds() - last);
  return all;
}

CountsByCode RefusedRequests::Snapshot() const {
  CountsByCode counts;
  std::transform(by_code_.begin(), by_code_.end(), counts.begin(), Read);
  return counts;
}

}  // namespace modeld
