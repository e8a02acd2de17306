// SerialThread: calls functions one after another, in the order in which they came, on a thread of its own;
// for who must not wait for them, or must not call them where it is: under a lock, say.
#pragma once

#include <deque>
#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "registry/base/mutex.h"

namespace modeld {

// Thread-safe. Destruction calls what is left and waits for it.
class SerialThread {
 public:
  SerialThread();
  ~SerialThread();
  SerialThread(const SerialThread&) = delete;
  SerialThread& operator=(const SerialThread&) = delete;

  // Never blocks. `call` is called under no lock.
  void Post(std::function<void()> call);

 private:
  void Loop();
  // Waits for a call; empty: there will be none any more.
  std::function<void()> Next();

  Mutex mutex_;
  CondVar changed_;
  std::deque<std::function<void()>> calls_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: it uses everything above
};

}  // namespace modeld
