#include "daemon/metrics/families.h"

#include <utility>

#include "daemon/metrics/family_builder.h"

namespace modeld {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;

constexpr double kNanoseconds = 1e9;  // of a second

std::string CodeName(size_t code) { return absl::StatusCodeToString(static_cast<absl::StatusCode>(code)); }

std::string StateName(size_t state) {
  return std::string(VersionStateName(static_cast<VersionState>(state)));
}

Labels LabelsOf(const ModelMetrics& model, const VersionMetrics& version) {
  Labels labels;
  labels.reserve(3);  // and one more of the family's own
  labels.push_back({"model", model.name});
  labels.push_back({"version", version.version});
  return labels;
}

// Families that have one series for each version in memory.
class VersionFamilies {
 public:
  void Add(const ModelMetrics& model, const VersionMetrics& version) {
    const Labels labels = LabelsOf(model, version);
    const RequestCounts& requests = version.requests;
    for (size_t code = 0; code < kStatusCodes; ++code) {
      if (code != 0 && requests.by_code[code] == 0) continue;
      AddRequests(labels, code, requests.by_code[code]);
    }
    request_seconds_.Add(labels, requests.total);
    queue_seconds_.Add(labels, requests.queue);
    compute_seconds_.Add(labels, requests.run);
    batch_rows_.AddRuns(labels, requests);
    in_flight_.Add(labels, requests.in_flight);
    queue_depth_.Add(labels, version.load.queued);
    instances_.Add(labels, version.instances);
    instances_busy_.Add(labels, version.load.running);
    busy_seconds_.Add(labels, static_cast<double>(version.load.busy_nanoseconds) / kNanoseconds);
    resident_bytes_.Add(labels, version.resident_bytes);
    artifact_bytes_.Add(labels, version.artifact_bytes);
    Labels info = labels;
    info.push_back({"engine", version.engine});
    info.push_back({"plan", version.plan});
    info_.Add(std::move(info), int64_t{1});
    if (version.live) live_.Add(labels, int64_t{1});
  }
  void AddRequests(Labels labels, size_t code, int64_t count) {
    labels.push_back({"code", CodeName(code)});
    requests_.Add(std::move(labels), count);
  }
  void TakeInto(std::vector<MetricFamily>& families) {
    for (FamilyBuilder* family : {&requests_, &request_seconds_, &queue_seconds_, &compute_seconds_,
                                  &batch_rows_, &in_flight_, &queue_depth_, &instances_, &instances_busy_,
                                  &busy_seconds_, &resident_bytes_, &artifact_bytes_, &info_, &live_}) {
      families.push_back(family->Take());
    }
  }

 private:
  FamilyBuilder requests_{"modeld_requests_total",
                          "Requests that ended, by gRPC status code; without a version: refused before one "
                          "was found",
                          MetricType::Counter};
  FamilyBuilder request_seconds_{"modeld_request_seconds",
                                 "Time of answered requests, from the message to the answer's",
                                 MetricType::Histogram};
  FamilyBuilder queue_seconds_{"modeld_request_queue_seconds",
                               "Time that answered requests waited for their run", MetricType::Histogram};
  FamilyBuilder compute_seconds_{"modeld_request_compute_seconds",
                                 "Time of the run that an answered request was part of",
                                 MetricType::Histogram};
  FamilyBuilder batch_rows_{"modeld_batch_rows", "Rows of a run, without padding; 1 where there are none",
                            MetricType::Histogram};
  FamilyBuilder in_flight_{"modeld_requests_in_flight", "Requests that came and have not ended",
                           MetricType::Gauge};
  FamilyBuilder queue_depth_{"modeld_queue_depth", "Requests that wait for an instance", MetricType::Gauge};
  FamilyBuilder instances_{"modeld_instances", "Runs that may go on at a time", MetricType::Gauge};
  FamilyBuilder instances_busy_{"modeld_instances_busy", "Instances that run something", MetricType::Gauge};
  FamilyBuilder busy_seconds_{"modeld_instance_busy_seconds_total",
                              "Time of runs that ended, of all instances together", MetricType::Counter};
  FamilyBuilder resident_bytes_{"modeld_version_resident_bytes",
                                "Memory that the version takes, as its probe measured or by its size",
                                MetricType::Gauge};
  FamilyBuilder artifact_bytes_{"modeld_version_artifact_bytes", "Size of the version's artifact",
                                MetricType::Gauge};
  FamilyBuilder info_{"modeld_version_info", "1 for each version in memory, with what runs it",
                      MetricType::Gauge};
  FamilyBuilder live_{"modeld_version_live", "1 for the version that requests get which name none",
                      MetricType::Gauge};
};

void AddModels(const Measured& measured, std::vector<MetricFamily>& families) {
  VersionFamilies of_versions;
  FamilyBuilder states("modeld_model_versions", "Versions of a model, by state", MetricType::Gauge);
  std::array<int64_t, kVersionStates> all{};
  for (const ModelMetrics& model : measured.lifecycle.models) {
    for (size_t state = 0; state < kVersionStates; ++state) {
      all[state] += model.versions_by_state[state];
      if (model.versions_by_state[state] == 0) continue;
      states.Add({{"model", model.name}, {"state", StateName(state)}}, model.versions_by_state[state]);
    }
    for (size_t code = 0; code < kStatusCodes; ++code) {
      if (model.refused[code] == 0) continue;
      of_versions.AddRequests({{"model", model.name}, {"version", ""}}, code, model.refused[code]);
    }
    for (const VersionMetrics& version : model.versions) of_versions.Add(model, version);
  }
  of_versions.TakeInto(families);
  families.push_back(states.Take());

  FamilyBuilder versions("modeld_versions", "Registered versions, by state", MetricType::Gauge);
  for (size_t state = 0; state < kVersionStates; ++state) {
    versions.Add({{"state", StateName(state)}}, all[state]);
  }
  families.push_back(versions.Take());

  FamilyBuilder unrouted("modeld_unrouted_requests_total",
                         "Requests to models that are not registered, by gRPC status code",
                         MetricType::Counter);
  for (size_t code = 1; code < kStatusCodes; ++code) {
    const int64_t count = measured.refused_without_model[code];
    if (count > 0 || static_cast<absl::StatusCode>(code) == absl::StatusCode::kNotFound) {
      unrouted.Add({{"code", CodeName(code)}}, count);
    }
  }
  families.push_back(unrouted.Take());
}

void AddLifecycle(const LifecycleMetrics& lifecycle, std::vector<MetricFamily>& families) {
  const LifecycleCounts& counts = lifecycle.counts;
  const auto counter = [&](const char* name, const char* help, int64_t value) {
    FamilyBuilder family(name, help, MetricType::Counter);
    family.Add({}, value);
    families.push_back(family.Take());
  };
  const auto histogram = [&](const char* name, const char* help, const TimeCounts& times) {
    FamilyBuilder family(name, help, MetricType::Histogram);
    family.Add({}, times);
    families.push_back(family.Take());
  };
  counter("modeld_swaps_total", "Times that live moved from one version to another", counts.swaps);
  histogram("modeld_swap_seconds", "From the decision to move live until requests see it", counts.swap);
  histogram("modeld_drain_seconds", "From a version's last new request until its memory was free",
            counts.drain);
  counter("modeld_quarantines_total", "Versions that were quarantined", counts.quarantines);
  FamilyBuilder rollbacks("modeld_rollbacks_total", "Times that live went back, by who decided it",
                          MetricType::Counter);
  rollbacks.Add({{"cause", "command"}}, counts.rollbacks);
  rollbacks.Add({{"cause", "watch"}}, counts.automatic_rollbacks);
  families.push_back(rollbacks.Take());
  FamilyBuilder probes("modeld_probes_total", "Probes of new versions, by verdict", MetricType::Counter);
  probes.Add({{"verdict", "passed"}}, counts.probes_passed);
  probes.Add({{"verdict", "refused"}}, counts.probes_refused);
  probes.Add({{"verdict", "failed"}}, counts.probes_failed);
  families.push_back(probes.Take());
  FamilyBuilder loads("modeld_loads_total", "Loads of versions, by outcome", MetricType::Counter);
  loads.Add({{"outcome", "loaded"}}, counts.loads);
  loads.Add({{"outcome", "failed"}}, counts.failed_loads);
  families.push_back(loads.Take());
}

void AddDaemon(const Measured& measured, std::vector<MetricFamily>& families) {
  const LifecycleMetrics& lifecycle = measured.lifecycle;
  const auto add = [&](const char* name, const char* help, auto value, MetricType type = MetricType::Gauge) {
    FamilyBuilder family(name, help, type);
    family.Add({}, value);
    families.push_back(family.Take());
  };
  add("modeld_models", "Registered models", static_cast<int64_t>(lifecycle.models.size()));
  add("modeld_memory_used_bytes", "Memory that versions take, those that drain included",
      lifecycle.used_bytes);
  add("modeld_memory_budget_bytes", "Memory that versions may take; 0: without limit",
      lifecycle.memory_budget_bytes);
  add("modeld_draining_instances", "Versions in memory that get no new requests", lifecycle.draining);
  add("modeld_scheduler_requests_in_flight", "Requests that are queued or run, of all models",
      measured.requests_in_flight);
  add("modeld_running_threads", "Threads that models run on", measured.running_threads);
  add("modeld_open_sequences", "Sequences that are open", measured.sequences);
  add("modeld_sequence_state_bytes", "Memory that the states of sequences take", measured.sequence_bytes);
  add("modeld_ready", "1 once what was live before the start is loaded or has failed",
      int64_t{measured.ready});
  add("modeld_drop_directory_readable", "0 while the drop directory cannot be read",
      int64_t{measured.drop_directory_readable});
  add("modeld_dropped_files", "Files in the drop directory that are not registered versions",
      measured.dropped_files);
  FamilyBuilder build("modeld_build_info", "1, with the daemon's version", MetricType::Gauge);
  build.Add({{"version", measured.daemon_version}}, int64_t{1});
  families.push_back(build.Take());

  const ProcessMetrics& process = measured.process;
  add("process_cpu_seconds_total", "CPU time of the process", process.cpu_seconds, MetricType::Counter);
  add("process_resident_memory_bytes", "Resident memory of the process", process.resident_bytes);
  add("process_virtual_memory_bytes", "Virtual memory of the process", process.virtual_bytes);
  add("process_threads", "Threads of the process", process.threads);
  add("process_open_fds", "Open file descriptors of the process", process.open_files);
  add("process_max_fds", "File descriptors that the process may open", process.max_files);
  add("process_start_time_seconds", "When the process started, since the epoch", process.start_seconds);
}

}  // namespace

std::vector<MetricFamily> Families(const Measured& measured) {
  std::vector<MetricFamily> families;
  AddModels(measured, families);
  AddLifecycle(measured.lifecycle, families);
  AddDaemon(measured, families);
  return families;
}

}  // namespace modeld
