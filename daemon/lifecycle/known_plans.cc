#include "daemon/lifecycle/known_plans.h"

#include <algorithm>
#include <set>
#include <utility>

#include "registry/archive_reader.h"
#include "registry/base/file_system.h"
#include "registry/sha256.h"

namespace modeld {
namespace {

// A model that is deployed again and again has its plan in the last one; the others are for rollbacks and for
// architectures that take turns.
constexpr size_t kRecentVersions = 8;
constexpr int kRecentEvents = 200;

}  // namespace

KnownPlans::KnownPlans(const ArtifactStore* store, Registry* registry, const Engine& engine, Machine machine)
    : store_(store), registry_(registry), libraries_(EngineText(engine)), machine_(std::move(machine)) {}

bool KnownPlans::Holds(const v1::ProbeReport& report) const {
  if (report.plans().empty() && report.no_plans().empty()) return false;
  return report.engine() == libraries_ && !machine_.cpu_model.empty() &&
         Machine{.cpu_model = report.machine(), .cpus = report.cpus()} == machine_;
}

std::string KnownPlans::GraphOf(const VersionRecord& record, const v1::ModelConfig& config) const {
  if (record.format != ArtifactFormat::kTorchScript) return "";
  const absl::StatusOr<std::string> graph =
      ReadGraphIdentity(*FileSystem::Real(), store_->PathOf(record.sha256));
  if (!graph.ok()) return "";
  v1::ModelConfig run_alike;
  *run_alike.mutable_execution() = config.execution();
  *run_alike.mutable_batching() = config.batching();
  *run_alike.mutable_warmup() = config.warmup();
  *run_alike.mutable_inputs() = config.inputs();
  Sha256 hash;
  hash.Update(*graph);
  hash.Update(run_alike.SerializeAsString());
  return hash.Finish().value_or("");
}

std::optional<v1::ProbeReport> KnownPlans::OfSameGraph(const VersionRecord& record,
                                                       const std::string& graph) const {
  if (graph.empty()) return std::nullopt;
  for (auto& [version, report] : Recent(record.model)) {
    if (version == record.version || report.graph() != graph) continue;
    if (!Holds(report) || report.plans().empty()) continue;
    if (report.plans_of().empty()) report.set_plans_of(version);
    return std::move(report);
  }
  return std::nullopt;
}

bool KnownPlans::RunsOtherwise(const std::string& model) const {
  const auto recent = Recent(model);
  return std::any_of(recent.begin(), recent.end(), [this](const auto& entry) {
    const v1::ProbeReport& report = entry.second;
    return Holds(report) && !report.plans().empty() && !report.plans(0).chosen();
  });
}

std::vector<std::pair<std::string, v1::ProbeReport>> KnownPlans::Recent(const std::string& model) const {
  std::vector<std::pair<std::string, v1::ProbeReport>> recent;
  const auto events = registry_->ListEvents({.model = model, .limit = kRecentEvents});
  if (!events.ok()) return recent;
  std::set<std::string> seen;
  for (const EventRecord& event : *events) {
    if (event.action != action::kProbed && event.action != action::kTuned) continue;
    if (!seen.insert(event.version).second) continue;
    auto report = registry_->ProbeOf(model, event.version);
    if (report.ok() && report->has_value()) recent.emplace_back(event.version, **std::move(report));
    if (recent.size() == kRecentVersions) break;
  }
  return recent;
}

}  // namespace modeld
