// Intake's loop, and how other threads reach into it.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "daemon/source/intake.h"
#include "registry/base/timeout.h"

namespace modeld {

void Intake::Run() {
  while (!stopped()) {
    const absl::Time next = Step();
    WaitForWork(std::min(next - clock_->Now(), options_.rescan_interval));
  }
}

void Intake::Stop() {
  MutexLock lock(&mutex_);
  stopped_ = true;
  WakeUp();
  round_done_.SignalAll();
}

absl::StatusOr<int> Intake::Rescan(absl::Duration span) {
  Timeout timeout(span);
  const uint64_t wanted = WantRound();
  MutexLock lock(&mutex_);
  while (!stopped_ && rounds_done_ < wanted) {
    if (!timeout.Wait(&round_done_, &mutex_)) break;
  }
  // What stands still since then or longer was there already; what changed since then is being written.
  const absl::Time scanned_at = observed_at_;
  while (!stopped_ && rounds_done_ >= wanted && oldest_unseen_ <= scanned_at) {
    if (!timeout.Wait(&round_done_, &mutex_)) break;
  }
  if (stopped_) return absl::UnavailableError("the drop directory is no longer watched: shutting down");
  if (rounds_done_ < wanted) {
    return absl::DeadlineExceededError(absl::StrCat("the drop directory was not scanned within ",
                                                    absl::FormatDuration(span),
                                                    "; a large file is being taken, or the disk is slow"));
  }
  if (source_code_ != absl::StatusCode::kOk) return absl::Status(source_code_, source_trouble_);
  return files_seen_;
}

void Intake::RequestRescan() { WantRound(); }

uint64_t Intake::WantRound() {
  MutexLock lock(&mutex_);
  rounds_wanted_ = rounds_begun_ + 1;
  WakeUp();
  return rounds_wanted_;
}

void Intake::WakeUp() {
  if (watcher_ != nullptr) watcher_->Wake();
  round_wanted_.Signal();
}

void Intake::WaitForWork(absl::Duration span) {
  if (watcher_ != nullptr) {
    watcher_->Wait(span);
    return;
  }
  Timeout timeout(span);
  MutexLock lock(&mutex_);
  while (!stopped_ && rounds_wanted_ <= rounds_begun_) {
    if (!timeout.Wait(&round_wanted_, &mutex_)) return;
  }
}

bool Intake::stopped() const {
  MutexLock lock(&mutex_);
  return stopped_;
}

}  // namespace modeld
