#include "daemon/lifecycle/reaper.h"

#include <utility>

#include "registry/base/free_memory.h"

namespace modeld {

Reaper::Reaper(DestroyedFn on_destroyed)
    : on_destroyed_(std::move(on_destroyed)), thread_([this] { Loop(); }) {}

Reaper::~Reaper() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.Signal();
  }
  thread_.join();
}

VersionHandle Reaper::MakeHandle(std::unique_ptr<ServedVersion> version) {
  {
    MutexLock lock(&mutex_);
    ++alive_;
  }
  return VersionHandle(version.release(), [this](const ServedVersion* last) { Enqueue(last); });
}

void Reaper::Enqueue(const ServedVersion* version) {
  MutexLock lock(&mutex_);
  queue_.push_back(version);
  // Under the lock: once it is released, the reaper may be gone.
  changed_.Signal();
}

void Reaper::Loop() {
  while (std::unique_ptr<const ServedVersion> version = Next()) {
    const std::string model = version->model;
    const std::string name = version->version;
    version.reset();
    // Giving memory back holds up whoever allocates meanwhile: once for all that go together.
    if (NoneWaits()) ReturnFreeMemory();
    if (on_destroyed_) on_destroyed_(model, name);
    MutexLock lock(&mutex_);
    --alive_;
  }
}

bool Reaper::NoneWaits() {
  MutexLock lock(&mutex_);
  return queue_.empty();
}

std::unique_ptr<const ServedVersion> Reaper::Next() {
  MutexLock lock(&mutex_);
  while (queue_.empty()) {
    if (stopping_ && alive_ == 0) return nullptr;
    changed_.Wait(&mutex_);
  }
  std::unique_ptr<const ServedVersion> version(queue_.front());
  queue_.pop_front();
  return version;
}

}  // namespace modeld
