#include "daemon/engine/engine_set.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace modeld {

EngineSet::EngineSet(std::vector<std::unique_ptr<Engine>> engines) : engines_(std::move(engines)) {}

std::vector<EngineLibrary> EngineSet::libraries() const {
  std::vector<EngineLibrary> all;
  for (const auto& engine : engines_) {
    for (EngineLibrary& library : engine->libraries()) all.push_back(std::move(library));
  }
  return all;
}

std::vector<Plan> EngineSet::plans(ArtifactFormat format) const {
  std::vector<Plan> all;
  for (const auto& engine : engines_) {
    for (Plan& plan : engine->plans(format)) all.push_back(std::move(plan));
  }
  return all;
}

absl::StatusOr<std::unique_ptr<Executable>> EngineSet::Load(const LoadRequest& request) {
  for (const auto& engine : engines_) {
    const std::vector<Plan> plans = engine->plans(request.format);
    if (plans.empty()) continue;
    if (request.plan == Plan{} || std::find(plans.begin(), plans.end(), request.plan) != plans.end()) {
      return engine->Load(request);
    }
  }
  return absl::InvalidArgumentError(
      absl::StrCat("no engine of this build runs ", std::string(FormatName(request.format)),
                   request.plan == Plan{} ? "" : absl::StrCat(" as \"", PlanName(request.plan), "\"")));
}

void EngineSet::PrepareThread(int intra_op_threads) {
  for (const auto& engine : engines_) engine->PrepareThread(intra_op_threads);
}

void EngineSet::ReleaseUnusedMemory() {
  for (const auto& engine : engines_) engine->ReleaseUnusedMemory();
}

absl::Status EngineSet::health() const {
  for (const auto& engine : engines_) {
    if (absl::Status health = engine->health(); !health.ok()) return health;
  }
  return absl::OkStatus();
}

}  // namespace modeld
