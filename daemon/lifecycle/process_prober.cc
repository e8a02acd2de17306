#include "daemon/lifecycle/process_prober.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/lifecycle/golden_samples.h"
#include "daemon/lifecycle/instance_options.h"
#include "daemon/lifecycle/version_names.h"
#include "daemon/probe/choose_plan.h"
#include "registry/artifact_reader.h"
#include "registry/base/log.h"
#include "registry/base/status_macros.h"
#include "registry/model_config.h"

namespace modeld {

ProcessProber::ProcessProber(const ArtifactStore* store, Registry* registry,
                             const ProcessProberOptions& options, std::unique_ptr<ProbeProcess> process)
    : store_(store), registry_(registry), options_(options), process_(std::move(process)) {}

absl::StatusOr<v1::ProbeReport> ProcessProber::Probe(const VersionRecord& record) {
  MODELD_RETURN_IF_ERROR(CheckAllowed(record.format, options_.formats));
  ProbeRequest request;
  request.artifact_path = store_->PathOf(record.sha256);
  request.format = record.format;
  request.limits = options_.limits;
  MODELD_ASSIGN_OR_RETURN(request.config_json, registry_->ConfigOf(record.model, record.version));
  if (!store_->Contains(record.sha256)) {
    return absl::NotFoundError(absl::StrCat("the artifact of ", NameVersion(record.model, record.version),
                                            " is missing: ", request.artifact_path,
                                            "; restore it from a backup, or drop its file again"));
  }
  MODELD_ASSIGN_OR_RETURN(const ParsedConfig parsed, ParseModelConfig(request.config_json));
  request.device = DeviceOf(parsed.config);
  if (!request.device.empty()) options_.release_device_memory();
  absl::StatusOr<std::vector<GoldenFile>> golden =
      FindGoldenSamples(*store_, *registry_, record, parsed.config);
  if (absl::IsInvalidArgument(golden.status())) {
    v1::ProbeReport report;
    report.set_outcome(v1::PROBE_OUTCOME_CONTRADICTS_CONFIG);
    report.set_reason(std::string(golden.status().message()));
    return report;
  }
  if (!golden.ok()) return std::move(golden).status();
  request.golden = *std::move(golden);

  const SchedulingDefaults& scheduling = options_.scheduling;
  request.most_threads = MostThreads(parsed.config.execution(), scheduling.instances,
                                     scheduling.threads_per_instance, scheduling.cpus);
  std::string graph;
  if (options_.search.known_plans != nullptr) {
    graph = options_.search.known_plans->GraphOf(record, parsed.config);
    const std::optional<v1::ProbeReport> known =
        options_.search.always ? std::nullopt : options_.search.known_plans->OfSameGraph(record, graph);
    if (known) {
      *request.known_plans.mutable_plans() = known->plans();
      request.known_plans.set_plans_of(known->plans_of());
    }
    request.try_plans =
        options_.search.always || known || options_.search.known_plans->RunsOtherwise(record.model);
  }

  UnpackedFiles unpacked;
  if (options_.unpacker != nullptr) {
    MODELD_ASSIGN_OR_RETURN(unpacked, background_.Run([&] {
      return options_.unpacker->Unpack(request.artifact_path, record.format);
    }));
    request.unpacked = unpacked.directory();
  }
  MODELD_ASSIGN_OR_RETURN(v1::ProbeReport report, process_->Run(std::move(request)));
  report.set_graph(graph);
  const int threads = ChosenThreads(report, report.engine(), {report.machine(), report.cpus()});
  report.set_resident_bytes(
      BytesOfInstances(report, InstancePlanOf(parsed.config, scheduling, threads).instances));
  if (report.unconfined_size() > 0 && !std::exchange(said_unconfined_, true)) {
    LogWarning("probes are not fully confined on this system",
               {{"not_applied", absl::StrJoin(report.unconfined(), "; ")}});
  }
  return report;
}

void ProcessProber::Cancel() { process_->Cancel(); }

}  // namespace modeld
