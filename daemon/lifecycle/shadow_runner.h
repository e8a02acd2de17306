// ShadowRunner: runs copies of requests on shadow versions and compares their answers with live's, on one
// thread of the lowest priority.
//
// Nothing of it reaches a client: live has answered before a copy is run, an error is a count, and copies
// that do not fit are left out. What is held for it is bounded: a copy is made only where there is room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "daemon/engine/bind.h"
#include "daemon/lifecycle/served_version.h"
#include "daemon/lifecycle/serving_table.h"
#include "daemon/lifecycle/shadow_stats.h"
#include "registry/base/mutex.h"

namespace modeld {

struct ShadowRunnerOptions {
  // Copies at one time: being answered by live, waiting and running.
  size_t max_copies = 8;
  // Of their inputs, all together.
  size_t max_bytes = 64 << 20;
  // Called by the thread before its first copy.
  std::function<void()> prepare_thread;
};

// Thread-safe. Destruction is Stop.
class ShadowRunner {
 public:
  explicit ShadowRunner(ShadowRunnerOptions options);
  ~ShadowRunner();
  ShadowRunner(const ShadowRunner&) = delete;
  ShadowRunner& operator=(const ShadowRunner&) = delete;

  // A request that is copied: made before live runs it, completed by live's answer. Letting it go at any time
  // is safe, and makes room. The runner outlives it.
  class Copy {
   public:
    ~Copy();
    Copy(const Copy&) = delete;
    Copy& operator=(const Copy&) = delete;

    // What live answered, and its time.
    void SetAnswer(NamedValues outputs, int64_t nanoseconds) {
      live_outputs_ = std::move(outputs);
      live_nanoseconds_ = nanoseconds;
    }

   private:
    friend class ShadowRunner;
    Copy(ShadowRunner* runner, size_t bytes) : runner_(runner), bytes_(bytes) {}

    ShadowRunner* const runner_;
    const size_t bytes_;
    VersionHandle shadow_;
    std::shared_ptr<ShadowStats> stats_;
    std::string method_;  // empty: forward
    NamedValues inputs_;  // with bytes of their own
    NamedValues live_outputs_;
    int64_t live_nanoseconds_ = 0;
  };

  // Copies a request for `route.shadow` (not null). Null, and counted as skipped, where there is no room.
  std::unique_ptr<Copy> MakeCopy(const Route& route, const std::string& method, const NamedValues& inputs);

  // Takes over a copy that has live's answer, to be run when its turn comes. Dropped if stopped.
  void Submit(std::unique_ptr<Copy> copy);

  // Drops what waits, waits for what runs. From then on there is room for nothing.
  void Stop();
  // Waits until nothing waits or runs, or until `timeout` passed; true: nothing is left.
  bool WaitIdle(absl::Duration timeout);

 private:
  void Loop();
  // Waits for a copy; null: stopped.
  std::unique_ptr<Copy> Next();
  void Done();
  void Run(Copy& copy);
  void GiveBack(size_t bytes);

  const ShadowRunnerOptions options_;

  Mutex mutex_;
  CondVar copy_or_stop_;
  CondVar idle_;
  std::deque<std::unique_ptr<Copy>> queue_ ABSL_GUARDED_BY(mutex_);
  size_t copies_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool running_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  Mutex join_mutex_;  // Stop may be called by several threads
  std::thread thread_ ABSL_GUARDED_BY(join_mutex_);
};

}  // namespace modeld
