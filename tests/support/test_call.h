// TestCall: a QueuedCall that remembers what became of it; and an executable that the test holds.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <utility>
#include <vector>

#include "daemon/engine/engine.h"
#include "daemon/scheduling/queued_call.h"
#include "registry/base/mutex.h"
#include "tests/support/notification.h"

namespace modeld {

class TestCall final : public QueuedCall {
 public:
  explicit TestCall(std::vector<Value> inputs = {}) { arguments = std::move(inputs); }

  bool Cancelled() const override { return cancelled; }
  void Begin() override { ++begun; }
  void Answer(CallOutcome outcome) override {
    EXPECT_FALSE(answered.notified()) << "answered twice";
    outcome_ = std::move(outcome);
    answered.Notify();
  }
  // Waits for it.
  const CallOutcome& outcome() {
    answered.Wait();
    return outcome_;
  }

  std::atomic<bool> cancelled{false};
  std::atomic<int> begun{0};
  Notification answered;

 private:
  CallOutcome outcome_{.value = Value{}};
};

// Runs `function`, which the test may block. Thread-safe if it is.
class FunctionExecutable final : public Executable {
 public:
  using Function = std::function<absl::StatusOr<Value>(std::vector<Value> arguments)>;
  FunctionExecutable(Method method, Function function)
      : methods_({std::move(method)}), function_(std::move(function)) {}

  const std::vector<Method>& methods() const override { return methods_; }
  absl::StatusOr<Value> Run(size_t, std::vector<Value> arguments) override {
    return function_(std::move(arguments));
  }

 private:
  const std::vector<Method> methods_;
  const Function function_;
};

}  // namespace modeld
