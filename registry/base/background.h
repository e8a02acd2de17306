// BackgroundThread: for work that may wait for the CPU: what is done beside serving, and must not be felt
// there.
#pragma once

#include <exception>
#include <functional>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "registry/base/mutex.h"

namespace modeld {

// A thread that runs only when nothing else wants the CPU (SCHED_IDLE), for as long as this lives: a process
// without privileges may not raise it again. At usual priority where the kernel refuses. Thread-safe.
//
// Its work holds no lock that a thread of usual priority may want: whoever holds one while the CPU is busy
// elsewhere holds it for as long as that lasts. That is why such work is handed to it piece by piece.
//
// One thread, not one for each piece of work: the C library gives every new thread whichever arena is free,
// and what is freed in one arena is of no use in another. Models loaded by a thread each took 37 MB more a
// swap, of 45.
class BackgroundThread {
 public:
  BackgroundThread();
  ~BackgroundThread();
  BackgroundThread(const BackgroundThread&) = delete;
  BackgroundThread& operator=(const BackgroundThread&) = delete;

  // Runs `work` there, after what others asked for, and returns what it returns, or throws what it throws.
  template <typename Work>
  std::invoke_result_t<Work> Run(Work&& work) {
    std::optional<std::invoke_result_t<Work>> result;
    std::exception_ptr thrown;
    RunAndWait([&] {
      try {
        result.emplace(work());
      } catch (...) {
        thrown = std::current_exception();
      }
    });
    if (thrown != nullptr) std::rethrow_exception(thrown);
    return *std::move(result);
  }

 private:
  void RunAndWait(std::function<void()> work);
  void Loop();

  Mutex mutex_;
  CondVar changed_;
  std::function<void()> work_ ABSL_GUARDED_BY(mutex_);  // null: none
  bool busy_ ABSL_GUARDED_BY(mutex_) = false;           // from when work is handed over until it is done
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: it uses the others
};

}  // namespace modeld
