// OpenVINO beside LibTorch, with callers at the same time; and loaded again and again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "scripted.h"
#include "tests/support/loaded_model.h"
#include "tests/support/process_status.h"
#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

Value Pictures(int64_t count, float scale) {
  std::vector<float> elements(static_cast<size_t>(count) * 64);
  for (size_t i = 0; i < elements.size(); ++i) elements[i] = scale * static_cast<float>(i % 13) / 13;
  return Value{FloatTensor({count, 1, 8, 8}, elements)};
}

LoadRequest Cnn(int callers = 1) {
  return {.artifact_path = ModelPath("cnn"),
          .format = ArtifactFormat::kTorchScript,
          .plan = {.engine = "openvino", .variant = "", .precision = Precision::kAsSaved},
          .inputs = {Known("input", DType::kFp32, {-1, 1, 8, 8})},
          .callers = callers};
}

TEST(OpenvinoConcurrencyTest, VersionsOnDifferentEnginesAnswerAsTheyDoAlone) {
  CountingLibtorch libtorch;
  const std::unique_ptr<Engine> openvino = NewOpenvinoEngine(&libtorch);
  LoadRequest as_saved = Cnn();
  as_saved.plan = {};
  ASSERT_OK_AND_ASSIGN(const auto one, libtorch.Load(as_saved));
  ASSERT_OK_AND_ASSIGN(const auto other, openvino->Load(Cnn(4)));
  Executable* const executables[] = {one.get(), other.get()};
  const auto input = [](int caller) { return Pictures(1 + caller % 3, static_cast<float>(caller + 1)); };
  std::vector<std::string> expected;
  for (int caller = 0; caller < 8; ++caller) {
    expected.push_back(Dump(*executables[caller % 2]->Run(0, {input(caller)})));
  }
  std::vector<int> wrong(8);
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 8; ++caller) {
    callers.emplace_back([&, caller] {
      libtorch.PrepareThread(1);
      for (int call = 0; call < 200; ++call) {
        const absl::StatusOr<Value> result = executables[caller % 2]->Run(0, {input(caller)});
        if (!result.ok() || Dump(*result) != expected[static_cast<size_t>(caller)]) {
          ++wrong[static_cast<size_t>(caller)];
        }
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_THAT(wrong, testing::Each(0));
}

TEST(OpenvinoMemoryTest, ComesBackWhenAModelGoes) {
  CountingLibtorch libtorch;
  const std::unique_ptr<Engine> openvino = NewOpenvinoEngine(&libtorch);
  const auto cycle = [&] {
    const absl::StatusOr<std::unique_ptr<Executable>> loaded = openvino->Load(Cnn());
    ASSERT_OK(loaded.status());
    ASSERT_OK((*loaded)->Run(0, {Pictures(2, 1)}).status());
  };
  for (int i = 0; i < 50; ++i) cycle();
  const int64_t before = ResidentKib();
  for (int i = 0; i < 200; ++i) cycle();
  EXPECT_LT(ResidentKib(), before + 4 * 1024) << "KiB; " << before << " before";
}

TEST(OpenvinoThreadsTest, OneThreadARunStaysOnTheThreadThatCalls) {
  CountingLibtorch libtorch;
  const std::unique_ptr<Engine> openvino = NewOpenvinoEngine(&libtorch);
  ASSERT_OK_AND_ASSIGN(const auto loaded, openvino->Load(Cnn()));
  const auto input = Pictures(64, 1);
  ASSERT_OK(loaded->Run(0, {input}).status());
  const auto cpu_seconds = [](clockid_t clock) {
    timespec time;
    ::clock_gettime(clock, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
  };
  const double process = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID), thread = cpu_seconds(CLOCK_THREAD_CPUTIME_ID);
  for (int i = 0; i < 200; ++i) ASSERT_OK(loaded->Run(0, {input}).status());
  const double by_all = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID) - process;
  const double by_this = cpu_seconds(CLOCK_THREAD_CPUTIME_ID) - thread;
  EXPECT_LT(by_all, by_this * 1.1 + 0.01);
}

}  // namespace
}  // namespace modeld
