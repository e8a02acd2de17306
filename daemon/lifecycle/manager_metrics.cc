// What is measured of the Manager's work.
#include <utility>

#include "daemon/lifecycle/lifecycle_metrics.h"
#include "daemon/lifecycle/manager.h"

namespace modeld {

VersionMetrics MetricsOf(const ServedVersion& version) {
  VersionMetrics metrics;
  metrics.version = version.version;
  metrics.engine = version.engine;
  metrics.plan = version.plan;
  if (version.instances != nullptr) {
    metrics.instances = version.instances->instances();
    metrics.load = version.instances->load();
  }
  metrics.requests = version.metrics.Snapshot();
  return metrics;
}

LifecycleMetrics Manager::Metrics() const {
  LifecycleMetrics all;
  std::vector<VersionHandle> handles;  // of all versions, in the order in which they are in `all`
  {
    MutexLock lock(&mutex_);
    all.counts = counts_;
    all.memory_budget_bytes = memory_budget_bytes_;
    all.used_bytes = used_bytes_;
    all.draining = draining_;
    all.models.reserve(models_.size());
    for (const auto& [name, model] : models_) model.MeasureInto(&all.models.emplace_back(), &handles);
  }
  // Reading what requests counted takes a while where there are many: commands need not wait for it.
  size_t next = 0;
  for (ModelMetrics& model : all.models) {
    for (VersionMetrics& version : model.versions) {
      VersionMetrics measured = MetricsOf(*handles[next++]);
      measured.live = version.live;
      measured.resident_bytes = version.resident_bytes;
      measured.artifact_bytes = version.artifact_bytes;
      version = std::move(measured);
    }
  }
  return all;
}

void Manager::NoteSwap(const std::string& model, absl::Duration begun) {
  ++counts_.swaps;
  swaps_begun_[model] = begun;
}

void Manager::NotePublished(const std::string& model) {
  const auto swap = swaps_begun_.find(model);
  if (swap == swaps_begun_.end()) return;
  counts_.swap.Add(absl::ToInt64Nanoseconds(clock_->Steady() - swap->second));
  swaps_begun_.erase(swap);
}

void Manager::NoteDrained(const std::string& model, const std::string& version) {
  // Of several instances of one version the first that was given up is taken to go first.
  const auto drain = drains_begun_.find({model, version});
  if (drain == drains_begun_.end()) return;
  counts_.drain.Add(absl::ToInt64Nanoseconds(clock_->Steady() - drain->second));
  drains_begun_.erase(drain);
}

}  // namespace modeld
