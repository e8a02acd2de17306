// Forks: what a module began with torch.jit.fork and may not have waited for.
//
// A forked task runs on LibTorch's own threads and uses the module's graphs without owning them. A method
// that returns, or raises, before its tasks are done leaves them running; freeing the module then is a use
// after free inside LibTorch.
#pragma once

#include <torch/script.h>

#include <functional>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "registry/base/mutex.h"

namespace modeld {

// True if the method, or anything that it calls, may fork.
bool MayFork(const torch::jit::Method& method);

// Thread-safe. Destruction waits until every task that was launched is done.
class Forks {
 public:
  // `gpu`: what tasks, too, mean by "cuda".
  explicit Forks(std::optional<at::Device> gpu) : gpu_(gpu) {}
  ~Forks();
  Forks(const Forks&) = delete;
  Forks& operator=(const Forks&) = delete;

  // Runs the method and waits for its result; what it forks is counted. Throws what the method raises.
  c10::IValue Run(torch::jit::Method method, std::vector<c10::IValue> arguments);

 private:
  void Launch(std::function<void()> task);

  const std::optional<at::Device> gpu_;
  Mutex mutex_;
  CondVar done_;
  int running_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace modeld
