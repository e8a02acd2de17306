#include "daemon/oip/statistics.h"

#include <algorithm>

#include "absl/time/time.h"

namespace modeld {
namespace {

uint64_t Unsigned(int64_t number) { return static_cast<uint64_t>(std::max<int64_t>(0, number)); }

void Set(inference::StatisticDuration* duration, int64_t count, int64_t nanoseconds) {
  duration->set_count(Unsigned(count));
  duration->set_ns(Unsigned(nanoseconds));
}

}  // namespace

void FillStatistics(const RequestCounts& counts, inference::ModelStatistics* statistics) {
  if (counts.last != absl::InfinitePast()) {
    statistics->set_last_inference(Unsigned(absl::ToUnixMillis(counts.last)));
  }
  statistics->set_inference_count(Unsigned(counts.rows));
  const int64_t answered = counts.answered();
  inference::InferStatistics& inference = *statistics->mutable_inference_stats();
  Set(inference.mutable_success(), answered, counts.total.nanoseconds);
  Set(inference.mutable_fail(), counts.failed(), counts.failed_nanoseconds);
  Set(inference.mutable_queue(), answered, counts.queue.nanoseconds);
  Set(inference.mutable_compute_input(), answered, counts.input_nanoseconds);
  Set(inference.mutable_compute_infer(), answered, counts.run.nanoseconds);
  Set(inference.mutable_compute_output(), answered, counts.output_nanoseconds);
  int64_t runs = 0;
  for (size_t size = 0; size < RunSizes::kSizes; ++size) {
    const RequestCounts::Runs& of_size = counts.runs[size];
    if (of_size.count == 0) continue;
    runs += of_size.count;
    inference::InferBatchStatistics& batch = *statistics->add_batch_stats();
    batch.set_batch_size(Unsigned(RunSizes::RowsOf(size)));
    // What is done for single requests before and after is not known by runs.
    Set(batch.mutable_compute_input(), of_size.count, 0);
    Set(batch.mutable_compute_infer(), of_size.count, of_size.nanoseconds);
    Set(batch.mutable_compute_output(), of_size.count, 0);
  }
  statistics->set_execution_count(Unsigned(runs));
}

inference::ModelStatistics StatisticsOf(const ServedVersion& version) {
  inference::ModelStatistics statistics;
  statistics.set_name(version.model);
  statistics.set_version(version.version);
  FillStatistics(version.metrics.Snapshot(), &statistics);
  if (version.resident_bytes > 0) {
    inference::MemoryUsage& memory = *statistics.add_memory_usage();
    memory.set_type("CPU");
    memory.set_byte_size(Unsigned(version.resident_bytes));
  }
  return statistics;
}

}  // namespace modeld
