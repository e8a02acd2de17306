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

// A thread that runs only when nothing else wants the CPU (SCHED_IDLE). At usual priority where the kernel
// refuses. Thread-safe.
//
// Its work holds no lock that a thread of usual priority may want: whoever holds one while the CPU is busy
// elsewhere holds it for as long as that lasts. That is why such work is handed to it piece by piece.
//
// One thread, not one for each piece of work: the C library's allocator gives every new thread whichever
// arena is free, and what is freed in one arena is of no use in another. With it, models loaded by a thread
// each took 37 MB more a swap, of 45.
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

  // Somebody waits for the work in progress now, or for the next where there is none: it goes on at usual
  // priority to its end. Without effect where the kernel lets no thread of this process be raised again (it
  // lets those of root, and of processes whose RLIMIT_NICE is 20 or more).
  void Hurry();

 private:
  void RunAndWait(std::function<void()> work);
  void Loop();

  Mutex mutex_;
  CondVar changed_;
  std::function<void()> work_ ABSL_GUARDED_BY(mutex_);  // null: none
  bool busy_ ABSL_GUARDED_BY(mutex_) = false;           // from when work is handed over until it is done
  bool hurried_ ABSL_GUARDED_BY(mutex_) = false;        // the work in progress, or the next, is
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  int thread_id_ ABSL_GUARDED_BY(mutex_) = 0;  // the kernel's; 0: not known yet
  std::thread thread_;                         // last: it uses the others
};

}  // namespace modeld
