// Several threads on one module, and what a thread sets for itself.
#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "registry/base/mutex.h"
#include "tests/support/loaded_model.h"
#include "tests/support/process_status.h"
#include "tests/support/status_matchers.h"
#include "tests/support/values.h"

namespace modeld {
namespace {

constexpr int kThreads = 4;
constexpr int kCalls = 300;

// `work` gets the thread's number.
void RunThreads(const std::function<void(int)>& work) {
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back(work, i);
  for (std::thread& thread : threads) thread.join();
}

TEST(ConcurrencyTest, EachCallGetsItsOwnAnswer) {
  LoadedModel add("add");
  const auto engine = NewLibtorchEngine();
  RunThreads([&](int thread) {
    engine->PrepareThread(1);
    for (int call = 0; call < kCalls; ++call) {
      const auto a = static_cast<float>(thread * kCalls + call);
      // Shapes change too: the executor specializes while other threads run.
      const size_t size = 1 + static_cast<size_t>(call % 7);
      const std::vector<int64_t> shape = {static_cast<int64_t>(size)};
      ASSERT_EQ(add.Answer({{"a", Value{FloatTensor(shape, std::vector<float>(size, a))}},
                            {"b", Value{FloatTensor(shape, std::vector<float>(size, 0.5f))}}}),
                Dump(Value{FloatTensor(shape, std::vector<float>(size, a + 0.5f))}));
    }
  });
}

TEST(ConcurrencyTest, ANetworkAnswersAsItDoesAlone) {
  LoadedModel cnn("cnn");
  const auto picture = [](int seed) {
    std::vector<float> pixels(64);
    for (int i = 0; i < 64; ++i) pixels[static_cast<size_t>(i)] = static_cast<float>((i * seed) % 17) / 17;
    return Value{FloatTensor({1, 1, 8, 8}, pixels)};
  };
  std::vector<std::string> alone;
  for (int seed = 0; seed < 20; ++seed) alone.push_back(cnn.Answer({{"input", picture(seed)}}));
  ASSERT_EQ(std::set<std::string>(alone.begin(), alone.end()).size(), 17u);  // seeds 0 and 17, 1 and 18, …
  RunThreads([&](int thread) {
    for (int call = 0; call < kCalls; ++call) {
      const int seed = (call + 5 * thread) % 20;
      ASSERT_EQ(cnn.Answer({{"input", picture(seed)}}), alone[static_cast<size_t>(seed)]);
    }
  });
}

class StatefulModelTest : public testing::TestWithParam<const char*> {};

TEST_P(StatefulModelTest, EveryCallBeginsWithWhatWasLoaded) {
  LoadedModel counter(GetParam());
  const std::string first = counter.Answer({});
  RunThreads([&](int) {
    for (int call = 0; call < kCalls; ++call) ASSERT_EQ(counter.Answer({}), first);
  });
}

TEST_P(StatefulModelTest, ASessionKeepsWhatItsCallsWrite) {
  const auto engine = NewLibtorchEngine();
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Executable> counter,
                       engine->Load({.artifact_path = ModelPath(GetParam())}));
  ASSERT_TRUE(counter->stateful());
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Executable> a, counter->NewSession());
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Executable> b, counter->NewSession());
  std::vector<std::string> of_a;
  for (int call = 0; call < 5; ++call) {
    const absl::StatusOr<Value> answer = a->Run(0, {});
    ASSERT_OK(answer);
    of_a.push_back(Dump(*answer));
  }
  EXPECT_EQ(std::set<std::string>(of_a.begin(), of_a.end()).size(), 5u) << "each call counts";
  for (int call = 0; call < 5; ++call) {
    const absl::StatusOr<Value> answer = b->Run(0, {});
    ASSERT_OK(answer);
    EXPECT_EQ(Dump(*answer), of_a[static_cast<size_t>(call)]) << "it sees nothing of the other";
  }
  const absl::StatusOr<Value> fresh = counter->Run(0, {});
  ASSERT_OK(fresh);
  EXPECT_EQ(Dump(*fresh), of_a[0]);
}

INSTANTIATE_TEST_SUITE_P(All, StatefulModelTest,
                         testing::Values("counter", "counter_in_place", "counter_in_list",
                                         "writes_parameter"),
                         [](const auto& info) { return std::string(info.param); });

// By every plan that takes the model: what a caller sends is nothing to the next one.
class IsolationTest : public testing::TestWithParam<const char*> {};

TEST_P(IsolationTest, NothingIsLeftForTheNextCall) {
  const auto engine = NewLibtorchEngine();
  const auto x = [](float value) {
    return std::vector<Value>{Value{FloatTensor({2, 3}, std::vector<float>(6, value))}};
  };
  for (const Plan& plan : engine->plans(ArtifactFormat::kTorchScript)) {
    if (plan.precision != Precision::kAsSaved) continue;
    const LoadRequest request{.artifact_path = ModelPath(GetParam()), .plan = plan};
    const auto answer = [&](Executable& executable, float value) {
      const absl::StatusOr<Value> result = executable.Run(0, x(value));
      return result.ok() ? Dump(*result) : std::string(result.status().message());
    };
    auto loaded = engine->Load(request);
    if (!plan.variant.empty() && !loaded.ok()) continue;  // freezing refuses what it can tell
    ASSERT_OK(loaded);
    const std::string expected = answer(**loaded, -1);
    ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Executable> used, engine->Load(request));
    for (int call = 0; call < 5; ++call) {
      const std::string of_another = answer(*used, 42);
      EXPECT_NE(of_another, expected);
      EXPECT_EQ(answer(*used, -1), expected) << PlanName(plan);
    }
    RunThreads([&](int thread) {
      for (int call = 0; call < kCalls; ++call) {
        if (thread % 2 == 1) {
          answer(*used, 42);
        } else {
          ASSERT_EQ(answer(*used, -1), expected) << PlanName(plan);
        }
      }
    });
  }
}

INSTANTIATE_TEST_SUITE_P(All, IsolationTest,
                         testing::Values("keeps_in_list", "keeps_in_lists_of_dict", "keeps_by_dropout",
                                         "keeps_by_einsum", "keeps_by_data", "keeps_statistics",
                                         "keeps_in_folded", "keeps_by_sorting", "keeps_in_constant"),
                         [](const auto& info) { return std::string(info.param); });

// A run that failed came back while its task still wrote what the next run began with.
TEST(StateTest, WhatIsForkedByARunThatFailedIsNothingToTheNext) {
  const auto engine = NewLibtorchEngine();
  ASSERT_OK_AND_ASSIGN(const auto forks, engine->Load({.artifact_path = ModelPath("forks_and_fails")}));
  const auto call = [&](int64_t columns, float value) {
    const size_t count = static_cast<size_t>(2 * columns);
    return forks->Run(0, {Value{FloatTensor({2, columns}, std::vector<float>(count, value))}});
  };
  const absl::StatusOr<Value> expected = call(3, 1);
  ASSERT_OK(expected);
  for (int i = 0; i < 20; ++i) {
    EXPECT_FALSE(call(5, 42).ok());
    const absl::StatusOr<Value> answer = call(3, 1);
    ASSERT_OK(answer);
    ASSERT_EQ(Dump(*answer), Dump(*expected));
  }
}

TEST(StateTest, WhatLiesInTheSameMemoryStillDoes) {
  LoadedModel shares("shares_memory");
  const NamedValues ones = {{"x", Value{FloatTensor({2, 3}, std::vector<float>(6, 1))}}};
  const std::string seven = Dump(Value{FloatTensor({2, 3}, std::vector<float>(6, 7))});
  EXPECT_EQ(shares.Answer(ones), seven);
  EXPECT_EQ(shares.Answer(ones), seven);
}

// As torch.jit.load(path)(x) does.
TEST(HooksTest, OfForwardAreCalled) {
  LoadedModel hooked("hooked");
  const NamedValues ones = {{"x", Value{FloatTensor({2, 3}, std::vector<float>(6, 1))}}};
  EXPECT_EQ(hooked.Answer(ones), Dump(Value{FloatTensor({2, 3}, std::vector<float>(6, 104))}));
  const auto engine = NewLibtorchEngine();
  EXPECT_THAT(
      engine->Load({.artifact_path = ModelPath("hooked"),
                    .plan = {.engine = "libtorch", .variant = "frozen", .precision = Precision::kAsSaved}}),
      StatusIs(absl::StatusCode::kInvalidArgument, testing::HasSubstr("hooks")));
}

TEST(SessionTest, OfAllMethodsAndSubmodules) {
  const auto engine = NewLibtorchEngine();
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Executable> loaded,
                       engine->Load({.artifact_path = ModelPath("accumulator")}));
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Executable> session, loaded->NewSession());
  ASSERT_EQ(session->methods().size(), 2u);
  const auto add = [&](float x) {
    const absl::StatusOr<Value> sum = session->Run(0, {Value{FloatTensor({1}, {x})}});
    EXPECT_OK(sum);
    return Dump(*sum);
  };
  EXPECT_EQ(add(1), Dump(Value{FloatTensor({1}, {1})}));
  EXPECT_EQ(add(2), Dump(Value{FloatTensor({1}, {3})}));
  ASSERT_OK(session->Run(1, {}));  // reset
  EXPECT_EQ(add(5), Dump(Value{FloatTensor({1}, {5})}));
}

TEST(SessionTest, OrdinaryModelsHaveNoState) {
  const auto engine = NewLibtorchEngine();
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Executable> cnn,
                       engine->Load({.artifact_path = ModelPath("cnn")}));
  EXPECT_FALSE(cnn->stateful());
}

TEST(ConcurrencyTest, AKeptInputStaysValidUnderConcurrentCalls) {
  LoadedModel keeps_input("keeps_input");
  std::atomic<int> wrong = 0;
  RunThreads([&](int thread) {
    for (int call = 0; call < kCalls; ++call) {
      const auto result = keeps_input.Call(
          {{"x", Value{FloatTensor({1000}, std::vector<float>(1000, static_cast<float>(thread)))}}});
      ASSERT_OK(result);
      const Tensor& kept = *result->get_if<Tensor>();
      const auto* elements = static_cast<const float*>(kept.buffer.data);
      for (int64_t i = 1; i < kept.element_count(); ++i) wrong += elements[i] != elements[0];
    }
  });
  EXPECT_EQ(wrong, 0);
}

// LibTorch gives a thread the count that was set last, by any thread, when it first runs in parallel.
TEST(PrepareThreadTest, AThreadKeepsItsOwnThreadCount) {
  const auto engine = NewLibtorchEngine();
  LoadedModel busy("busy");
  const auto run = [&] {
    ASSERT_OK(busy.Call({{"x", Value{Zeros(DType::kFp32, {256, 256})}}, {"steps", Int(2)}}));
  };
  std::thread([&] {
    engine->PrepareThread(3);
    std::thread([&] {
      engine->PrepareThread(1);
      run();
      EXPECT_EQ(at::get_num_threads(), 1);
    }).join();
    run();
    EXPECT_EQ(at::get_num_threads(), 3);
  }).join();
}

TEST(MemoryTest, ComesBackWhenAModelGoes) {
  const auto engine = NewLibtorchEngine();
  for (const Plan& plan : engine->plans(ArtifactFormat::kTorchScript)) {
    const auto cycle = [&] {
      const auto loaded = engine->Load({.artifact_path = ModelPath("cnn"), .plan = plan});
      ASSERT_OK(loaded.status());
      // Until it is compiled for the shape.
      for (int call = 0; call < 3; ++call) ASSERT_OK((*loaded)->Run(0, {Ramp({2, 1, 8, 8})}).status());
    };
    for (int i = 0; i < 20; ++i) cycle();
    const int64_t before = ResidentKib();
    for (int i = 0; i < 200; ++i) cycle();
    EXPECT_LT(ResidentKib(), before + 4 * 1024) << "KiB; " << before << " before, as " << PlanName(plan);
  }
}

TEST(PrepareThreadTest, DenormalNumbersAreFlushed) {
  const auto engine = NewLibtorchEngine();
  LoadedModel denormal("denormal");
  const NamedValues tiny = {{"x", Value{FloatTensor({1}, {1e-40f})}}};
  std::thread([&] {
    EXPECT_EQ(denormal.Answer(tiny), "True");
    engine->PrepareThread(1);
    EXPECT_EQ(denormal.Answer(tiny), "False");
  }).join();
}

}  // namespace
}  // namespace modeld
