#include "daemon/vision/decode_pool.h"

#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace modeld {

absl::Status DecodePool::Post(int64_t bytes, std::function<void()> work) {
  MutexLock lock(&mutex_);
  if (stopped_) return absl::UnavailableError("the daemon is shutting down");
  // One alone may be as large as it likes: a message's limit holds for it.
  const bool too_large = !waiting_.empty() && bytes > options_.max_waiting_bytes - waiting_bytes_;
  if (waiting_.size() >= options_.max_waiting || too_large) {
    return absl::ResourceExhaustedError(absl::StrCat(waiting_.size(), " requests with images of ",
                                                     waiting_bytes_,
                                                     " bytes wait to be decoded; try again later"));
  }
  if (static_cast<size_t>(idle_) <= waiting_.size() &&
      threads_.size() < static_cast<size_t>(options_.threads)) {
    try {
      threads_.emplace_back([this] { Loop(); });
    } catch (const std::system_error&) {
      if (threads_.empty()) return absl::ResourceExhaustedError("no thread can be started to decode images");
    }
  }
  waiting_.push_back({.bytes = bytes, .work = std::move(work)});
  waiting_bytes_ += bytes;
  changed_.Signal();
  return absl::OkStatus();
}

void DecodePool::Stop() {
  std::vector<std::thread> threads;
  {
    MutexLock lock(&mutex_);
    stopped_ = true;
    threads.swap(threads_);
    changed_.SignalAll();
  }
  for (std::thread& thread : threads) thread.join();
}

void DecodePool::Loop() {
  while (const std::function<void()> work = Next()) work();
}

std::function<void()> DecodePool::Next() {
  MutexLock lock(&mutex_);
  ++idle_;
  while (waiting_.empty() && !stopped_) changed_.Wait(&mutex_);
  --idle_;
  if (waiting_.empty()) return nullptr;
  Waiting next = std::move(waiting_.front());
  waiting_.pop_front();
  waiting_bytes_ -= next.bytes;
  return std::move(next.work);
}

}  // namespace modeld
