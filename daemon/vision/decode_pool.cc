#include "daemon/vision/decode_pool.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "registry/base/status_macros.h"

namespace modeld {

absl::Status DecodePool::Post(int64_t bytes, absl::Time deadline, Work work) {
  MutexLock lock(&mutex_);
  if (stopped_) return absl::UnavailableError("the daemon is shutting down");
  // One alone may be as large as it likes: a message's limit holds for it.
  const bool too_large = !waiting_.empty() && bytes > options_.max_waiting_bytes - waiting_bytes_;
  if (waiting_.size() >= options_.max_waiting || too_large) {
    return absl::ResourceExhaustedError(absl::StrCat(waiting_.size(), " requests with images of ",
                                                     waiting_bytes_,
                                                     " bytes wait to be decoded; try again later"));
  }
  MODELD_RETURN_IF_ERROR(StartThreads(deadline));
  waiting_.push_back({.bytes = bytes, .deadline = deadline, .work = std::move(work)});
  waiting_bytes_ += bytes;
  changed_.Signal();
  if (deadline < look_for_late_) deadlines_changed_.Signal();
  return absl::OkStatus();
}

absl::Status DecodePool::StartThreads(absl::Time deadline) {
  try {
    if (static_cast<size_t>(idle_) <= waiting_.size() &&
        threads_.size() < static_cast<size_t>(options_.threads)) {
      threads_.emplace_back([this] { Loop(); });
    }
    if (deadline != absl::InfiniteFuture() && !late_thread_.joinable()) {
      late_thread_ = std::thread([this] { LateLoop(); });
    }
  } catch (
      const std::system_error&) {  // without the one for what is late a deadline is seen when its turn comes
    if (threads_.empty()) return absl::ResourceExhaustedError("no thread can be started to decode images");
  }
  return absl::OkStatus();
}

void DecodePool::Stop() {
  std::vector<std::thread> threads;
  {
    MutexLock lock(&mutex_);
    stopped_ = true;
    threads.swap(threads_);
    if (late_thread_.joinable()) threads.push_back(std::move(late_thread_));
    changed_.SignalAll();
    deadlines_changed_.SignalAll();
  }
  for (std::thread& thread : threads) thread.join();
}

void DecodePool::Loop() {
  while (const Work work = Next()) work();
}

void DecodePool::LateLoop() {
  while (const Work work = NextLate()) work();
}

DecodePool::Work DecodePool::Next() {
  MutexLock lock(&mutex_);
  ++idle_;
  while (waiting_.empty() && !stopped_) changed_.Wait(&mutex_);
  --idle_;
  if (waiting_.empty()) return nullptr;
  return Take(waiting_.begin());
}

DecodePool::Work DecodePool::NextLate() {
  MutexLock lock(&mutex_);
  while (!stopped_) {
    const auto first =
        std::min_element(waiting_.begin(), waiting_.end(),
                         [](const Waiting& a, const Waiting& b) { return a.deadline < b.deadline; });
    look_for_late_ = first == waiting_.end() ? absl::InfiniteFuture() : first->deadline;
    const absl::Duration wait = look_for_late_ - options_.clock->Now();
    if (wait <= absl::ZeroDuration()) return Take(first);
    deadlines_changed_.WaitWithTimeout(&mutex_, std::min(wait, absl::Hours(1)));
  }
  return nullptr;
}

DecodePool::Work DecodePool::Take(std::list<Waiting>::iterator waiting) {
  waiting_bytes_ -= waiting->bytes;
  Work work = std::move(waiting->work);
  waiting_.erase(waiting);
  return work;
}

}  // namespace modeld
