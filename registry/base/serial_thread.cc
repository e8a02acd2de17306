#include "registry/base/serial_thread.h"

#include <utility>

namespace modeld {

SerialThread::SerialThread() : thread_([this] { Loop(); }) {}

SerialThread::~SerialThread() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.Signal();
  }
  thread_.join();
}

void SerialThread::Post(std::function<void()> call) {
  MutexLock lock(&mutex_);
  calls_.push_back(std::move(call));
  changed_.Signal();
}

void SerialThread::Loop() {
  while (const std::function<void()> call = Next()) call();
}

std::function<void()> SerialThread::Next() {
  MutexLock lock(&mutex_);
  while (calls_.empty()) {
    if (stopping_) return nullptr;
    changed_.Wait(&mutex_);
  }
  std::function<void()> call = std::move(calls_.front());
  calls_.pop_front();
  return call;
}

}  // namespace modeld
