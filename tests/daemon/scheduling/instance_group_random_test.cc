// Random requests from several threads against what each must be answered, which a plain function tells:
// none is lost, answered twice (TestCall sees that), or mixed up with another.
#include <cstring>
#include <deque>
#include <random>
#include <thread>

#include "daemon/scheduling/request_scheduler.h"
#include "registry/base/clock.h"
#include "registry/base/log.h"
#include "tests/support/fake_engine.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_call.h"
#include "tests/support/torture.h"
#include "tests/support/values.h"

namespace modeld {
namespace {

constexpr float kRaises = 13;

// What forward(x) answers: each element doubled, and an error where one of them is 13.
absl::StatusOr<Value> Answer(const Value& x) {
  std::vector<float> elements = ElementsOf<float>(x);
  for (float& element : elements) {
    if (element == kRaises) return absl::InternalError("13");
    element *= 2;
  }
  return Value{FloatTensor(x.get_if<Tensor>()->shape, elements)};
}

class InstanceGroupRandomTest : public ::testing::TestWithParam<int> {};

TEST_P(InstanceGroupRandomTest, EveryRequestIsAnsweredOnceAndWithItsOwn) {
  SetLogLevel(LogLevel::kError);
  std::mt19937 random(static_cast<unsigned>(GetParam()));
  const auto draw = [](std::mt19937& source, int least, int most) {
    return std::uniform_int_distribution<int>(least, most)(source);
  };
  FunctionExecutable executable(FakeForward({FakeArgument("x")}),
                                [](std::vector<Value> arguments) { return Answer(arguments[0]); });
  RequestScheduler scheduler(Clock::Real(), nullptr);
  InstanceGroupOptions options;
  options.instances = draw(random, 1, 3);
  options.max_queue_calls = static_cast<size_t>(draw(random, 1, 40));
  if (draw(random, 0, 3) > 0) options.batching = BatchRule{{true}};
  options.batch.max_rows = draw(random, 1, 8);
  options.batch.max_delay = absl::Microseconds(draw(random, 0, 200));
  if (draw(random, 0, 1) == 1) {
    options.batch.preferred_rows = {draw(random, 1, static_cast<int>(options.batch.max_rows))};
    options.pad_batches = draw(random, 0, 1) == 1;
  }
  std::unique_ptr<InstanceGroup> group = scheduler.NewGroup(&executable, options);

  const int requests = TortureRounds(200, 2'000);
  constexpr int kThreads = 3;
  std::vector<std::deque<TestCall>> calls(kThreads);
  std::vector<std::vector<Value>> inputs(kThreads);
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread, seed = random()] {
      std::mt19937 mine(static_cast<unsigned>(seed));
      for (int i = 0; i < requests; ++i) {
        const int rows = draw(mine, 0, 5), columns = draw(mine, 1, 3);
        std::vector<float> elements;
        for (int element = 0; element < rows * columns; ++element) {
          elements.push_back(draw(mine, 0, 200) == 0 ? kRaises : static_cast<float>(draw(mine, 100, 9'999)));
        }
        inputs[thread].push_back(Value{FloatTensor({rows, columns}, elements)});
        TestCall& call =
            calls[thread].emplace_back(std::vector<Value>{Value{FloatTensor({rows, columns}, elements)}});
        call.priority = static_cast<Priority>(draw(mine, 0, 2));
        if (draw(mine, 0, 20) == 0) call.deadline = absl::Now() + absl::Microseconds(draw(mine, 0, 300));
        group->Submit(&call);
        if (draw(mine, 0, 20) == 0) call.cancelled = true;
        if (draw(mine, 0, 3) == 0) (void)call.outcome();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  int answered = 0;
  for (int thread = 0; thread < kThreads; ++thread) {
    for (int i = 0; i < requests; ++i) {
      const CallOutcome& outcome = calls[thread][i].outcome();
      if (!outcome.ran) {
        EXPECT_FALSE(outcome.value.ok());
        EXPECT_THAT(outcome.value.status().code(),
                    ::testing::AnyOf(absl::StatusCode::kCancelled, absl::StatusCode::kDeadlineExceeded,
                                     absl::StatusCode::kResourceExhausted));
        continue;
      }
      ++answered;
      const absl::StatusOr<Value> expected = Answer(inputs[thread][i]);
      ASSERT_EQ(outcome.value.status(), expected.status());
      if (!expected.ok()) continue;
      ASSERT_EQ(Dump(*outcome.value), Dump(*expected));
    }
  }
  EXPECT_GT(answered, 0);
  EXPECT_EQ(group->queued(), 0u);
  scheduler.Stop();
  EXPECT_EQ(scheduler.in_flight(), 0);
}

INSTANTIATE_TEST_SUITE_P(Seeds, InstanceGroupRandomTest, ::testing::Range(0, 8));

}  // namespace
}  // namespace modeld
