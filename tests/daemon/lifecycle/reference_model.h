// ReferenceModel: what a model's life should come to, told as plainly as possible, from the documentation and
// not from the code: the table of docs/architecture.md, policy.h, live_state.h and manager.h. No threads, no
// database, no table: values, and rules that are applied until nothing more follows.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "registry/version_order.h"

namespace modeld {

class ReferenceModel {
 public:
  enum class Loads { kWell, kNever, kNotNow };  // fine; the version's fault; the machine's fault
  enum class Standing { kGood, kQuarantined, kRetired };

  struct Version {
    Standing standing = Standing::kGood;
    Loads loads = Loads::kWell;  // what the next load comes to
    bool in_memory = false;
    int failures = 0;  // of the machine, in a row
    absl::Time retry_at = absl::InfinitePast();
  };

  // --- What people, files and time do. Each returns the code of the answer. ---

  absl::StatusCode Register(const std::string& name, Loads loads) {
    if (!versions_.contains(name)) {
      versions_[name].loads = loads;
    } else if (versions_[name].standing == Standing::kRetired) {
      return absl::StatusCode::kFailedPrecondition;
    } else if (versions_[name].standing == Standing::kQuarantined) {
      Reinstate(name);
    }
    Follow();
    return absl::StatusCode::kOk;
  }

  absl::StatusCode MakeLive(const std::string& asked, bool pin) {
    if (versions_.empty()) return absl::StatusCode::kNotFound;  // the model is not known
    const std::string name = asked.empty() ? live() : asked;
    if (name.empty()) return absl::StatusCode::kFailedPrecondition;
    if (!versions_.contains(name)) return absl::StatusCode::kNotFound;
    if (!BringIntoMemory(name)) return absl::StatusCode::kFailedPrecondition;
    if (!IsGood(name)) Reinstate(name);
    Push(name);
    pinned_ = pin || name != HighestGood() ? name : "";
    Commanded();
    return absl::StatusCode::kOk;
  }

  absl::StatusCode Rollback(const std::string& asked) {
    if (versions_.empty()) return absl::StatusCode::kNotFound;
    if (!asked.empty() && !versions_.contains(asked)) return absl::StatusCode::kNotFound;
    const std::string to = asked.empty() ? Previous() : asked;
    if (!MayRollBackTo(to) || !BringIntoMemory(to) || !MayRollBackTo(to)) {
      Follow();
      return absl::StatusCode::kFailedPrecondition;
    }
    const std::string from = live();
    // Back to where it was live last; what came since is forgotten, and so is every time of what is left.
    while (std::count(history_.begin(), history_.end(), to) > 0 && history_.back() != to) history_.pop_back();
    std::erase(history_, from);
    if (live() != to) history_.push_back(to);
    pinned_ = to;
    Commanded();
    return absl::StatusCode::kOk;
  }

  absl::StatusCode Unpin() {
    if (versions_.empty()) return absl::StatusCode::kNotFound;
    pinned_.clear();
    Follow();
    return absl::StatusCode::kOk;
  }

  absl::StatusCode Retire(const std::string& name) {
    if (!versions_.contains(name)) return absl::StatusCode::kNotFound;
    const bool needed = (IsGood(name) && name == live()) || name == pinned_ || Routed().contains(name);
    if (needed) return absl::StatusCode::kFailedPrecondition;
    if (versions_[name].standing != Standing::kRetired) versions_[name].failures = 0;
    versions_[name].standing = Standing::kRetired;
    Follow();
    return absl::StatusCode::kOk;
  }

  // Points the label `stable` at the version; empty: takes it away.
  absl::StatusCode SetLabel(const std::string& name) {
    if (versions_.empty()) return absl::StatusCode::kNotFound;
    if (name.empty() && label_.empty()) return absl::StatusCode::kNotFound;
    if (const absl::StatusCode refused = Route(name); refused != absl::StatusCode::kOk) return refused;
    label_ = name;
    Follow();
    return absl::StatusCode::kOk;
  }

  absl::StatusCode SetCanary(const std::string& name) {
    if (versions_.empty()) return absl::StatusCode::kNotFound;
    if (const absl::StatusCode refused = Route(name); refused != absl::StatusCode::kOk) return refused;
    if (!name.empty() && name == live()) return absl::StatusCode::kFailedPrecondition;
    canary_ = name;
    Follow();
    return absl::StatusCode::kOk;
  }

  void SetLoads(const std::string& name, Loads loads) {
    if (versions_.contains(name)) versions_[name].loads = loads;
  }

  void Pass(absl::Duration span) {
    now_ += span;
    Follow();
  }

  // The daemon ends and starts again.
  void Restart() {
    for (auto& [name, version] : versions_) {
      version.in_memory = false;
      version.failures = 0;
    }
    Follow();
  }

  // --- What is to be seen ---

  const std::map<std::string, Version, VersionLess>& versions() const { return versions_; }
  const std::vector<std::string>& history() const { return history_; }
  const std::string& pinned() const { return pinned_; }
  const std::string& label() const { return label_; }
  const std::string& canary() const { return canary_; }
  // What answers unnamed requests; empty: nothing.
  std::string Serving() const { return IsGood(live()) && versions_.at(live()).in_memory ? live() : ""; }

 private:
  std::string live() const { return history_.empty() ? "" : history_.back(); }
  bool IsGood(const std::string& name) const {
    return versions_.contains(name) && versions_.at(name).standing == Standing::kGood;
  }
  bool IsReady(const std::string& name) const { return IsGood(name) && versions_.at(name).in_memory; }
  bool HasFailed(const std::string& name) const {
    return versions_.contains(name) && versions_.at(name).failures > 0;
  }
  std::string Highest(bool (*wanted)(const Version&)) const {
    std::string highest;
    for (const auto& [name, version] : versions_) {
      if (version.standing == Standing::kGood && wanted(version)) highest = name;
    }
    return highest;
  }
  std::string HighestGood() const {
    return Highest([](const Version&) { return true; });
  }
  std::string Previous() const {
    for (auto name = history_.rbegin(); name != history_.rend(); ++name) {
      if (*name != live() && IsGood(*name)) return *name;
    }
    return "";
  }
  bool MayRollBackTo(const std::string& name) const {
    return !name.empty() && name != live() && IsGood(name);
  }
  std::set<std::string> Routed() const {
    std::set<std::string> routed{label_, canary_};
    routed.erase("");
    return routed;
  }

  void Reinstate(const std::string& name) {
    versions_[name].standing = Standing::kGood;
    versions_[name].failures = 0;
  }
  void Push(const std::string& name) {
    if (live() != name) history_.push_back(name);
    if (history_.size() > 32) history_.erase(history_.begin());
  }
  void Commanded() {
    if (canary_ == live()) canary_.clear();
    Follow();
  }
  absl::StatusCode Route(const std::string& name) {
    if (name.empty()) return absl::StatusCode::kOk;
    if (!versions_.contains(name)) return absl::StatusCode::kNotFound;
    const bool fit = IsGood(name) && BringIntoMemory(name) && IsGood(name);
    return fit ? absl::StatusCode::kOk : absl::StatusCode::kFailedPrecondition;
  }

  // One try for a command, whatever it is waited for. Rules are applied as they are after every load.
  bool BringIntoMemory(const std::string& name) {
    if (versions_[name].in_memory) return true;
    Load(name);
    held_ = name;
    Follow();
    held_.clear();
    if (versions_[name].in_memory) return true;
    Follow();
    return false;
  }

  void Load(const std::string& name) {
    Version& version = versions_[name];
    switch (version.loads) {
      case Loads::kWell:
        version.in_memory = true;
        version.failures = 0;
        break;
      case Loads::kNever:
        if (version.standing == Standing::kRetired) break;
        version.standing = Standing::kQuarantined;
        version.failures = 0;
        break;
      case Loads::kNotNow: {
        absl::Duration wait = absl::Seconds(1);
        for (int i = 0; i < version.failures; ++i) wait = std::min(2 * wait, absl::Minutes(1));
        ++version.failures;
        version.retry_at = now_ + wait;
        break;
      }
    }
  }

  // Live goes where it should be, what is needed is loaded, most urgent first, and the rest is let go.
  void Follow() {
    while (true) {
      const std::string pin = IsGood(pinned_) ? pinned_ : "";
      const std::string highest = HighestGood();
      const std::string target = pin.empty() ? highest : pin;
      MoveLive(target, pin);

      std::vector<std::string> needed{live(), target, Previous(), highest, Spare(target, pin)};
      for (const std::string& routed : SortedRouted()) needed.push_back(routed);
      std::erase_if(needed, [&](const std::string& name) { return !IsGood(name); });
      for (auto& [name, version] : versions_) {
        const bool is_needed = std::find(needed.begin(), needed.end(), name) != needed.end();
        if (!is_needed && name != held_) version.in_memory = false;
      }
      const auto next = std::find_if(needed.begin(), needed.end(), [&](const std::string& name) {
        const Version& version = versions_.at(name);
        return !version.in_memory && (version.failures == 0 || version.retry_at <= now_);
      });
      if (next == needed.end()) return;
      Load(*next);
    }
  }

  void MoveLive(const std::string& target, const std::string& pin) {
    std::string to = live();
    if (IsReady(target)) {
      to = target;
    } else if (!IsGood(live()) || (!IsReady(live()) && HasFailed(live()) && live() != pin)) {
      const std::string fallback = Highest([](const Version& version) { return version.in_memory; });
      if (!fallback.empty()) to = fallback;
    }
    if (to == live()) return;
    Push(to);
    if (canary_ == to) canary_.clear();
  }

  // Where nothing is served because what should be could not be loaded: the highest that did not fail.
  std::string Spare(const std::string& target, const std::string& pin) const {
    if (!pin.empty() || IsReady(live()) || !HasFailed(target)) return "";
    return Highest([](const Version& version) { return version.failures == 0; });
  }

  std::vector<std::string> SortedRouted() const {
    const std::set<std::string> routed = Routed();
    std::vector<std::string> sorted(routed.begin(), routed.end());
    std::sort(sorted.begin(), sorted.end(), VersionLess());
    return sorted;
  }

  std::map<std::string, Version, VersionLess> versions_;
  std::vector<std::string> history_;
  std::string pinned_;
  std::string label_;
  std::string canary_;
  std::string held_;  // a command waits for it
  absl::Time now_ = absl::UnixEpoch();
};

}  // namespace modeld
