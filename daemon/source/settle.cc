#include "daemon/source/settle.h"

#include <algorithm>
#include <utility>

namespace modeld {
namespace {

constexpr absl::Duration kFirstRetry = absl::Seconds(1);
constexpr absl::Duration kLongestRetry = absl::Minutes(1);

bool SameState(const ScannedFile& a, const ScannedFile& b) {
  return a.identity == b.identity && a.sidecar == b.sidecar && a.full_path == b.full_path &&
         a.sidecar_path == b.sidecar_path && a.golden == b.golden && a.status == b.status;
}

absl::Duration BackOff(int retries) {
  constexpr int kDoublings = 6;  // enough to reach the longest, and no overflow
  return std::min(kFirstRetry * (1 << std::min(retries, kDoublings)), kLongestRetry);
}

}  // namespace

void SettleTracker::Observe(const std::vector<ScannedFile>& files, absl::Time now) {
  if (now < observed_at_) {
    const absl::Duration back = observed_at_ - now;
    for (auto& [path, waiting] : waiting_) {
      waiting.unchanged_since -= back;
      waiting.due -= back;
    }
  }
  observed_at_ = now;

  std::map<std::string, Waiting> followed;
  for (const ScannedFile& file : files) {
    auto known = waiting_.extract(file.path);
    if (!known.empty() && SameState(known.mapped().file, file)) {
      followed.insert(std::move(known));
    } else {
      followed.emplace(file.path, Settling(file, now));
    }
  }
  waiting_ = std::move(followed);
}

std::vector<ScannedFile> SettleTracker::Due(absl::Time now) const {
  std::vector<ScannedFile> due;
  for (const auto& [path, waiting] : waiting_) {
    if (waiting.due <= now) due.push_back(waiting.file);
  }
  return due;
}

bool SettleTracker::Incomplete(const std::string& path, absl::Time now) {
  const auto it = waiting_.find(path);
  if (it == waiting_.end()) return false;
  Waiting& waiting = it->second;
  waiting.looked_at = true;
  waiting.due = waiting.unchanged_since + options_.incomplete_time;
  return waiting.due <= now;
}

void SettleTracker::Changed(const std::string& path, absl::Time now) {
  const auto it = waiting_.find(path);
  if (it != waiting_.end()) it->second = Settling(it->second.file, now);
}

void SettleTracker::RetryLater(const std::string& path, absl::Time now) {
  const auto it = waiting_.find(path);
  if (it == waiting_.end()) return;
  Waiting& waiting = it->second;
  waiting.looked_at = true;
  waiting.due = now + BackOff(waiting.retries);
  ++waiting.retries;
}

void SettleTracker::RetryNow(absl::Time now) {
  for (auto& [path, waiting] : waiting_) {
    if (waiting.retries == 0) continue;
    waiting.due = now;
    waiting.looked_at = false;
  }
}

void SettleTracker::Done(const std::string& path) { waiting_.erase(path); }

std::vector<ScannedFile> SettleTracker::Unseen() const {
  std::vector<ScannedFile> unseen;
  for (const auto& [path, waiting] : waiting_) {
    if (!waiting.looked_at) unseen.push_back(waiting.file);
  }
  return unseen;
}

absl::Time SettleTracker::OldestUnseen() const {
  absl::Time oldest = absl::InfiniteFuture();
  for (const auto& [path, waiting] : waiting_) {
    if (!waiting.looked_at) oldest = std::min(oldest, waiting.unchanged_since);
  }
  return oldest;
}

absl::Time SettleTracker::NextDue() const {
  absl::Time next = absl::InfiniteFuture();
  for (const auto& [path, waiting] : waiting_) next = std::min(next, waiting.due);
  return next;
}

}  // namespace modeld
