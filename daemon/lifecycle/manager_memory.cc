// What is loaded where memory is short.
#include <algorithm>
#include <utility>

#include "daemon/lifecycle/manager.h"
#include "registry/base/log.h"

namespace modeld {

Manager::Admission Manager::Admit(const LoadJob& job, absl::Time now) {
  if (memory_budget_bytes_ == 0) return Admission::kLoad;
  ModelState& model = models_.at(job.model);
  const MemoryDecision decision = PlanMemory(MemoryInputFor(model, *model.Find(job.version)));
  if (decision.kind == MemoryDecision::Kind::kLoad) {
    no_room_.erase({job.model, job.version});
    return Admission::kLoad;
  }
  if (decision.kind == MemoryDecision::Kind::kWait) return Admission::kWait;
  if (model.Find(job.version)->handle != nullptr) {
    // It is to be loaded again, and nothing has to give way for that.
    LogWarning("version is not loaded again: memory does not suffice for both at a time",
               {{"model", job.model}, {"version", job.version}});
    (void)load_queue_.Pop(now);
    model.DropReload(job.version);
    changed_.SignalAll();
    return Admission::kRefused;
  }
  if (decision.kind == MemoryDecision::Kind::kUnload) {
    for (const MemoryUser& user : decision.unload) {
      LogWarning("version is unloaded to make room", {{"model", user.model},
                                                      {"version", user.version},
                                                      {"for_model", job.model},
                                                      {"for_version", job.version}});
      ModelState& other = models_.at(user.model);
      BeginDrain(*other.Find(user.version));
      const VersionHandle let_go = other.MakeRoom(user.version);
      PublishEntry(other);
    }
    changed_.SignalAll();
    return Admission::kWait;
  }
  // Once is enough to say it: it is tried again and again.
  if (no_room_.insert({job.model, job.version}).second) {
    LogWarning("version is not loaded",
               {{"model", job.model}, {"version", job.version}, {"reason", decision.reason}});
  }
  (void)load_queue_.Pop(now);
  model.FailLoad(job.version, absl::ResourceExhaustedError(decision.reason), now);
  Reconcile(model);
  return Admission::kRefused;
}

MemoryInput Manager::MemoryInputFor(ModelState& model, const VersionSlot& slot) {
  std::vector<std::pair<uint64_t, MemoryUser>> users;
  for (const auto& [name, other] : models_) other.AddMemoryUsers(&users);
  std::sort(users.begin(), users.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  const ModelState::Need need = model.NeedOf(slot.record.version);
  MemoryInput input{.budget_bytes = memory_budget_bytes_,
                    .used_bytes = used_bytes_,
                    .draining_bytes = draining_bytes_,
                    .users = {},
                    .policy = memory_policy_,
                    .model = model.name(),
                    .version = slot.record.version,
                    .bytes = BytesOf(slot.record),
                    .needed = need != ModelState::Need::kSpare,
                    .replaces_live = need == ModelState::Need::kReplacesLive};
  for (auto& [order, user] : users) input.users.push_back(std::move(user));
  return input;
}

void Manager::BeginDrain(const VersionSlot& slot) {
  ++draining_;
  drains_begun_.insert({{slot.record.model, slot.record.version}, clock_->Steady()});
  draining_bytes_ += slot.instance_bytes;
  if (const auto watching = watches_.find(slot.record.model); watching != watches_.end()) {
    if (watching->second.record.version == slot.record.version) {
      watching->second.handle = nullptr;
      watching->second.start = {};  // another instance counts from zero
    }
  }
  canaries_.erase(slot.record.model);
}

void Manager::RetryRefused() {
  std::set<std::string> names;
  for (const auto& [name, version] : no_room_) {
    models_.at(name).RetryNow(version);
    names.insert(name);
  }
  for (const std::string& name : names) {
    const ModelState& model = models_.at(name);
    SetWishes(model, model.Decide().keep);
  }
}

}  // namespace modeld
