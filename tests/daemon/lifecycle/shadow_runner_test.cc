#include "daemon/lifecycle/shadow_runner.h"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <new>
#include <thread>
#include <vector>

#include "daemon/lifecycle/reaper.h"
#include "tests/support/notification.h"
#include "tests/support/values.h"

namespace modeld {
namespace {

using testing::AllOf;
using testing::HasSubstr;

using RunFn = std::function<absl::StatusOr<Value>(std::vector<Value>)>;

// forward(x: Any), as a function.
class FunctionExecutable final : public Executable {
 public:
  FunctionExecutable(RunFn run, std::atomic<int>* alive) : run_(std::move(run)), alive_(alive), methods_(1) {
    methods_[0].name = "forward";
    methods_[0].arguments.push_back({.name = "x", .type = TypeOf(Type::Kind::kAny), .default_value = {}});
    ++*alive_;
  }
  ~FunctionExecutable() override { --*alive_; }
  const std::vector<Method>& methods() const override { return methods_; }
  absl::StatusOr<Value> Run(size_t, std::vector<Value> arguments) override {
    return run_(std::move(arguments));
  }

 private:
  const RunFn run_;
  std::atomic<int>* const alive_;
  std::vector<Method> methods_;
};

absl::StatusOr<Value> Echo(std::vector<Value> arguments) { return std::move(arguments[0]); }

class ShadowRunnerTest : public testing::Test {
 protected:
  explicit ShadowRunnerTest(ShadowRunnerOptions options = {.max_copies = 3,
                                                           .max_bytes = 1 << 20,
                                                           .prepare_thread = {}})
      : runner_(options) {}

  Route RouteTo(RunFn run, double atol = 0) {
    auto version = std::make_unique<ServedVersion>();
    version->model = "digits";
    version->version = "2";
    version->tolerance = {.rtol = 0, .atol = atol};
    version->executable = std::make_unique<FunctionExecutable>(std::move(run), &alive_);
    return {.version = nullptr, .shadow = reaper_.MakeHandle(std::move(version)), .shadow_stats = stats_};
  }
  // A request whose answer by live is `answer`; null: it was skipped.
  std::unique_ptr<ShadowRunner::Copy> Copy(const Route& route, double answer = 7, Value x = Value{7.0}) {
    std::unique_ptr<ShadowRunner::Copy> copy = runner_.MakeCopy(route, "", {{"x", std::move(x)}});
    if (copy != nullptr) copy->SetAnswer({{"output", Value{answer}}}, 1'000'000);
    return copy;
  }
  ShadowStatsView Idle() {
    EXPECT_TRUE(runner_.WaitIdle(absl::Seconds(30)));
    return stats_->View();
  }

  std::atomic<int> alive_{0};
  Reaper reaper_{nullptr};
  const std::shared_ptr<ShadowStats> stats_ = std::make_shared<ShadowStats>();
  ShadowRunner runner_;
};

TEST_F(ShadowRunnerTest, ComparesWithinTheShadowsTolerance) {
  const Route route = RouteTo(Echo, /*atol=*/2);
  runner_.Submit(Copy(route, 5));
  runner_.Submit(Copy(route, 4));
  const ShadowStatsView stats = Idle();
  EXPECT_EQ(stats.compared, 2);
  EXPECT_EQ(stats.agreed, 1);
  EXPECT_EQ(stats.max_absolute, 3);
  EXPECT_THAT(stats.last_difference, AllOf(HasSubstr("output"), HasSubstr("7"), HasSubstr("4")));
  EXPECT_NEAR(stats.live_seconds, 1e-3, 0.032e-3);
}

TEST_F(ShadowRunnerTest, ErrorsAreCounts) {
  runner_.Submit(Copy(RouteTo(
      [](std::vector<Value>) -> absl::StatusOr<Value> { return absl::InternalError("ValueError: no"); })));
  ShadowStatsView stats = Idle();
  EXPECT_EQ(stats.failed, 1);
  EXPECT_EQ(stats.last_difference, "model \"digits\" version 2: ValueError: no");
  const Route route = RouteTo(Echo);
  runner_.Submit(runner_.MakeCopy(route, "embed", {{"x", Int(1)}}));
  runner_.Submit(runner_.MakeCopy(route, "", {{"y", Int(1)}}));
  stats = Idle();
  EXPECT_EQ(stats.failed, 3);
  EXPECT_THAT(stats.last_difference, HasSubstr("\"y\""));
}

TEST_F(ShadowRunnerTest, MemoryThatRunsOutEndsOneComparison) {
  runner_.Submit(Copy(RouteTo([](std::vector<Value>) -> absl::StatusOr<Value> { throw std::bad_alloc(); })));
  runner_.Submit(Copy(RouteTo(Echo)));
  const ShadowStatsView stats = Idle();
  EXPECT_EQ(stats.skipped, 1);
  EXPECT_EQ(stats.agreed, 1);
}

TEST_F(ShadowRunnerTest, CopiesThatDoNotFitAreSkippedUntilThereIsRoom) {
  const Route route = RouteTo(Echo);
  std::vector<std::unique_ptr<ShadowRunner::Copy>> held;
  for (int i = 0; i < 3; ++i) held.push_back(Copy(route));
  EXPECT_EQ(Copy(route), nullptr);
  EXPECT_EQ(stats_->View().skipped, 1);
  held.pop_back();  // live failed on it, say
  held.push_back(Copy(route));
  EXPECT_NE(held.back(), nullptr);
  for (auto& copy : held) runner_.Submit(std::move(copy));
  EXPECT_EQ(Idle().compared, 3);
  EXPECT_NE(Copy(route), nullptr) << "what was run makes room";
}

TEST_F(ShadowRunnerTest, InputsThatAreTooLargeTogetherAreSkipped) {
  const Route route = RouteTo(Echo);
  const auto bytes = [](size_t size) { return Value{std::string(size, 'x')}; };
  const auto first = Copy(route, 7, bytes(700'000));
  EXPECT_NE(first, nullptr);
  EXPECT_EQ(Copy(route, 7, bytes(700'000)), nullptr);
  EXPECT_EQ(Copy(route, 7, bytes(2'000'000)), nullptr);
  EXPECT_NE(Copy(route, 7, bytes(100'000)), nullptr);
  EXPECT_EQ(stats_->View().skipped, 2);
}

TEST_F(ShadowRunnerTest, TheThreadHasTheLowestPriority) {
  std::atomic<int> priority{0};
  runner_.Submit(Copy(RouteTo([&](std::vector<Value> arguments) -> absl::StatusOr<Value> {
    priority = ::getpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)));
    return Echo(std::move(arguments));
  })));
  Idle();
  EXPECT_EQ(priority, 19);
  EXPECT_LT(::getpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid))), 19) << "only that one";
}

TEST_F(ShadowRunnerTest, HandlesAreLetGoWhenTheCopyIsRun) {
  Route route = RouteTo(Echo);
  const std::weak_ptr<const ServedVersion> shadow = route.shadow;
  std::unique_ptr<ShadowRunner::Copy> copy = Copy(route);
  route.shadow = nullptr;
  EXPECT_FALSE(shadow.expired()) << "the copy holds it";
  runner_.Submit(std::move(copy));
  Idle();
  EXPECT_TRUE(shadow.expired());
}

// Stop waits for what runs, and lets go of what waits without running it.
TEST_F(ShadowRunnerTest, StopWhileBusy) {
  Notification running;
  Notification gate;
  std::atomic<int> runs{0};
  Route route = RouteTo([&](std::vector<Value> arguments) -> absl::StatusOr<Value> {
    ++runs;
    running.Notify();
    gate.Wait();
    return Echo(std::move(arguments));
  });
  const std::weak_ptr<const ServedVersion> shadow = route.shadow;
  runner_.Submit(Copy(route));
  running.Wait();
  runner_.Submit(Copy(route));
  std::unique_ptr<ShadowRunner::Copy> late = Copy(route);
  std::atomic<bool> stopped{false};
  std::thread stopper([&] {
    runner_.Stop();
    stopped = true;
  });
  // Stop has begun when there is room for nothing.
  late = nullptr;
  while (Copy(route) != nullptr) std::this_thread::yield();
  EXPECT_FALSE(stopped);
  gate.Notify();
  stopper.join();
  EXPECT_EQ(runs, 1);
  route.shadow = nullptr;
  EXPECT_TRUE(shadow.expired());
  runner_.Stop();  // again: nothing
}

TEST_F(ShadowRunnerTest, WhatIsSubmittedAfterStopIsDropped) {
  const Route route = RouteTo(Echo);
  std::unique_ptr<ShadowRunner::Copy> copy = Copy(route);
  runner_.Stop();
  runner_.Submit(std::move(copy));
  EXPECT_TRUE(runner_.WaitIdle(absl::Seconds(30)));
  EXPECT_EQ(stats_->View().compared, 0);
  EXPECT_EQ(Copy(route), nullptr);
}

TEST_F(ShadowRunnerTest, ManyThreadsAndAStopInTheMiddle) {
  constexpr int kThreads = 4;
  std::atomic<bool> done{false};
  std::atomic<int> made{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      while (!done) {
        const Route route = RouteTo(Echo);
        if (auto copy = Copy(route); copy != nullptr) {
          ++made;
          runner_.Submit(std::move(copy));
        }
      }
    });
  }
  while (stats_->View().compared < 200) std::this_thread::yield();
  runner_.Stop();
  done = true;
  for (std::thread& thread : threads) thread.join();
  const ShadowStatsView stats = stats_->View();
  EXPECT_EQ(stats.agreed, stats.compared);
  EXPECT_LE(stats.compared, made);
  while (alive_ > 0) std::this_thread::yield();  // the reaper has them all
}

}  // namespace
}  // namespace modeld
