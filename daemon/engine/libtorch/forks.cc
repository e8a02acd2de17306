#include "daemon/engine/libtorch/forks.h"

#include <ATen/Parallel.h>
#include <c10/core/DeviceGuard.h>
#include <torch/csrc/jit/passes/inliner.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

namespace modeld {
namespace {

bool BlockForks(const torch::jit::Block& block) {
  return std::any_of(block.nodes().begin(), block.nodes().end(), [](const torch::jit::Node* node) {
    switch (node->kind()) {
      case c10::prim::fork:
      case c10::prim::CallMethod:  // still there after inlining: of an interface, whose code is not known
      case c10::prim::CallFunction:
        return true;
      default:
        return std::any_of(node->blocks().begin(), node->blocks().end(),
                           [](const torch::jit::Block* inner) { return BlockForks(*inner); });
    }
  });
}

}  // namespace

bool MayFork(const torch::jit::Method& method) {
  const std::shared_ptr<torch::jit::Graph> graph = method.graph()->copy();
  torch::jit::Inline(*graph);
  return BlockForks(*graph->block());
}

Forks::~Forks() {
  MutexLock lock(&mutex_);
  while (running_ > 0) done_.Wait(&mutex_);
}

c10::IValue Forks::Run(torch::jit::Method method, std::vector<c10::IValue> arguments) {
  const auto result = method.run_async(std::move(arguments), {},
                                       [this](std::function<void()> task) { Launch(std::move(task)); });
  result->waitAndThrow();
  return result->value();
}

void Forks::Launch(std::function<void()> task) {
  {
    MutexLock lock(&mutex_);
    ++running_;
  }
  at::launch([this, task = std::move(task)]() mutable {
    const c10::OptionalDeviceGuard guard(gpu_);
    // LibTorch hands a task's own errors to its future; what it throws here would end the process anyway.
    task();
    task = nullptr;  // frees what it holds of the module before the module may be freed
    MutexLock lock(&mutex_);
    if (--running_ == 0) done_.SignalAll();
  });
}

}  // namespace modeld
