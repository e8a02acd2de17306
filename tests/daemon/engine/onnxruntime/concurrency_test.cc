// Several threads on one session, what a thread sets for itself, and memory that comes back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/onnx_model.h"
#include "tests/support/process_status.h"
#include "tests/support/status_matchers.h"
#include "tests/support/values.h"

namespace modeld {
namespace {

constexpr int kThreads = 8;
constexpr int kCalls = 200;

// `work` gets the thread's number.
void RunThreads(const std::function<void(int)>& work) {
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back(work, i);
  for (std::thread& thread : threads) thread.join();
}

Value Pictures(int seed) {
  const int64_t batch = 1 + seed % 3;
  std::vector<float> pixels(static_cast<size_t>(64 * batch));
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<float>((i * seed) % 17) / 17;
  return Value{FloatTensor({batch, 1, 8, 8}, pixels)};
}

class OnnxConcurrencyTest : public testing::TestWithParam<int> {};

TEST_P(OnnxConcurrencyTest, ANetworkAnswersAsItDoesAlone) {
  OnnxModel cnn("cnn", GetParam());
  std::vector<std::string> alone;
  for (int seed = 0; seed < 20; ++seed) alone.push_back(cnn.Answer({{"input", Pictures(seed)}}));
  ASSERT_GT(std::set<std::string>(alone.begin(), alone.end()).size(), 15u);
  const auto engine = OnnxruntimeOnCpu();
  RunThreads([&](int thread) {
    engine->PrepareThread(GetParam());
    for (int call = 0; call < kCalls; ++call) {
      const int seed = (call + 5 * thread) % 20;
      ASSERT_EQ(cnn.Answer({{"input", Pictures(seed)}}), alone[static_cast<size_t>(seed)]);
    }
  });
}

INSTANTIATE_TEST_SUITE_P(ThreadsPerRun, OnnxConcurrencyTest, testing::Values(1, 3));

TEST(OnnxThreadsTest, ThereAreNoneForRunsOnOneThread) {
  const int64_t before = StatusNumber("Threads:");
  OnnxModel one("cnn", 1);
  EXPECT_OK(one.Call({{"input", Pictures(1)}}));
  EXPECT_EQ(StatusNumber("Threads:"), before);
  OnnxModel three("cnn", 3);
  EXPECT_OK(three.Call({{"input", Pictures(1)}}));
  EXPECT_EQ(StatusNumber("Threads:"), before + 2);
}

TEST(OnnxThreadsTest, DenormalNumbersAreFlushed) {
  OnnxModel denormal("denormal");
  const NamedValues tiny = {{"x", Value{FloatTensor({1}, {1e-40f})}}, {"one", Value{FloatTensor({1}, {1})}}};
  const auto engine = OnnxruntimeOnCpu();
  std::thread([&] {
    engine->PrepareThread(1);
    EXPECT_EQ(denormal.OnlyAnswer(tiny), Dump(Value{MakeTensor<uint8_t>(DType::kBool, {1}, {0})}));
  }).join();
}

TEST(OnnxMemoryTest, ComesBackWhenAModelGoes) {
  const auto engine = OnnxruntimeOnCpu();
  const auto cycle = [&] {
    auto large = engine->Load(OnnxRequest(OnnxModelPath("large"), 2));
    ASSERT_OK(large);
    ASSERT_OK((*large)->Run(0, {Value{Zeros(DType::kFp32, {2, 2048})}}));
  };
  for (int i = 0; i < 3; ++i) cycle();
  const int64_t before = ResidentKib();
  for (int i = 0; i < 200; ++i) cycle();
  EXPECT_LT(ResidentKib(), before + 8 * 1024) << "KiB; a model has 16 MiB";
}

}  // namespace
}  // namespace modeld
