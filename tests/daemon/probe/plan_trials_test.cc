#include "daemon/probe/plan_trials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <new>

#include "registry/model_config.h"
#include "tests/support/fake_engine.h"
#include "tests/support/fake_probe_host.h"
#include "tests/support/status_matchers.h"
#include "tests/support/values.h"

namespace modeld {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A model that doubles x: FP32[-1, 2], and takes 10 ms for it as it was saved. What other plans do, the test
// says. Times are those of the host's clock, which the runs advance.
class PlanTrialsTest : public ::testing::Test {
 protected:
  PlanTrialsTest() {
    engine_.methods = {FakeForward({FakeArgument("x")})};
    engine_.run = Doubling(absl::Milliseconds(10));
    Config(R"({"version": "1", "inputs": [{"name": "x", "dtype": "FP32", "shape": [-1, 2]}]})");
  }

  void Config(const std::string& json) {
    const absl::StatusOr<ParsedConfig> parsed = ParseModelConfig(json);
    ASSERT_OK(parsed);
    subject_.config = parsed->config;
  }
  void AddSample(float x, float doubled) {
    subject_.samples.push_back({.name = "golden/0",
                                .method = "",
                                .inputs = {{"x", Value{FloatTensor({1, 2}, {x, x})}}},
                                .outputs = {{"output", Value{FloatTensor({1, 2}, {doubled, doubled})}}}});
  }
  RecordingExecutable::RunFn Doubling(absl::Duration takes, float factor = 2) {
    return [this, takes, factor](const std::vector<Value>& arguments) -> absl::StatusOr<Value> {
      host_.now += takes;
      std::vector<float> elements = ElementsOf<float>(arguments[0]);
      for (float& element : elements) element *= factor;
      return Value{FloatTensor(arguments[0].get_if<Tensor>()->shape, elements)};
    };
  }
  Plan Variant(const std::string& name, RecordingExecutable::RunFn run,
               Precision precision = Precision::kAsSaved) {
    Plan plan{.engine = "fake", .variant = name, .precision = precision};
    engine_.variants.emplace_back(
        plan, [this, run = std::move(run)]() -> absl::StatusOr<std::unique_ptr<Executable>> {
          host_.resident += 4000;
          return std::make_unique<RecordingExecutable>(engine_.methods, &engine_.runs, run);
        });
    return plan;
  }
  // Begins, and tries the plan.
  v1::PlanResult Try(const Plan& plan) {
    PlanTrials trials = Trials();
    EXPECT_OK(Begin(trials));
    return trials.Try(plan);
  }
  PlanTrials Trials() {
    return PlanTrials(engine_, subject_, {.inputs = inputs_, .outputs = outputs_}, host_);
  }
  absl::StatusOr<v1::PlanResult> Begin(PlanTrials& trials) { return trials.Begin(); }

  FakeEngine engine_;
  FakeProbeHost host_;
  ProbeSubject subject_{.artifact_path = "/store/ab", .config = {}, .samples = {}, .try_plans = true};
  std::vector<DeclaredTensor> inputs_ = {
      {.name = "x", .dtype = DType::kFp32, .shape = std::vector<int64_t>{-1, 2}}};
  std::vector<DeclaredTensor> outputs_;
};

TEST_F(PlanTrialsTest, TheArtifactAsItWasSavedIsMeasuredFirst) {
  PlanTrials trials = Trials();
  ASSERT_OK_AND_ASSIGN(const v1::PlanResult result, Begin(trials));
  EXPECT_EQ(result.engine(), "fake");
  EXPECT_EQ(result.variant(), "");
  EXPECT_EQ(result.refused(), "");
  EXPECT_NEAR(result.load_seconds(), 0.001, 1e-9);
  ASSERT_EQ(result.latencies_size(), 1);
  EXPECT_EQ(result.latencies(0).batch_size(), 1);
  EXPECT_NEAR(result.latencies(0).seconds(), 0.011, 0.002);
}

TEST_F(PlanTrialsTest, APlanThatAnswersTheSameIsMeasuredAtEverySize) {
  Config(R"({"version": "1", "warmup": {"batch_sizes": [1, 4]}})");
  const v1::PlanResult result = Try(Variant("frozen", Doubling(absl::Milliseconds(5))));
  EXPECT_EQ(result.variant(), "frozen");
  EXPECT_EQ(result.refused(), "");
  EXPECT_EQ(result.max_absolute(), 0);
  EXPECT_EQ(result.resident_bytes(), 4000);
  ASSERT_EQ(result.latencies_size(), 2);
  EXPECT_EQ(result.latencies(1).batch_size(), 4);
  EXPECT_NEAR(result.latencies(1).seconds(), 0.006, 0.002);
}

TEST_F(PlanTrialsTest, APlanThatAnswersOtherwiseIsRefused) {
  const v1::PlanResult result = Try(Variant("frozen", Doubling(absl::Milliseconds(5), 2.01f)));
  EXPECT_THAT(result.refused(), HasSubstr("beyond tolerance on generated inputs of batch size 1: output["));
  EXPECT_GT(result.max_absolute(), 0.001);
  EXPECT_EQ(result.latencies_size(), 0);
}

TEST_F(PlanTrialsTest, GoldenSamplesDecideToo) {
  AddSample(100, 200);
  // Generated inputs are below one, and there the difference is small.
  const Plan plan = Variant("frozen", [this](const std::vector<Value>& arguments) -> absl::StatusOr<Value> {
    std::vector<float> elements = ElementsOf<float>(arguments[0]);
    for (float& element : elements) element = element > 50 ? 0 : 2 * element;
    return Value{FloatTensor(arguments[0].get_if<Tensor>()->shape, elements)};
  });
  EXPECT_THAT(Try(plan).refused(), HasSubstr("beyond tolerance on golden/0"));
}

TEST_F(PlanTrialsTest, APlanThatFailsIsRefusedWithWhatItSays) {
  const Plan raises = Variant("raises", [](const std::vector<Value>&) -> absl::StatusOr<Value> {
    return absl::InternalError("mkldnn");
  });
  EXPECT_THAT(Try(raises).refused(), HasSubstr("it fails on generated inputs of batch size 1: mkldnn"));
  const Plan not_loadable{.engine = "fake", .variant = "x", .precision = Precision::kAsSaved};
  engine_.variants.emplace_back(not_loadable, [] { return absl::InvalidArgumentError("cannot freeze"); });
  EXPECT_EQ(Try(not_loadable).refused(), "it cannot be loaded so: cannot freeze");
}

TEST_F(PlanTrialsTest, OtherArgumentsAreRefused) {
  const Plan plan{.engine = "fake", .variant = "x", .precision = Precision::kAsSaved};
  engine_.variants.emplace_back(plan, [this]() -> absl::StatusOr<std::unique_ptr<Executable>> {
    return std::make_unique<RecordingExecutable>(std::vector<Method>{FakeForward({FakeArgument("y")})},
                                                 &engine_.runs, nullptr);
  });
  EXPECT_EQ(Try(plan).refused(), "its methods take other arguments so");
}

TEST_F(PlanTrialsTest, Bf16NeedsLeaveAndProof) {
  const Plan plan = Variant("frozen", Doubling(absl::Milliseconds(5), 2.001f), Precision::kBf16);
  EXPECT_THAT(Try(plan).refused(), HasSubstr("execution.precisions"));
  Config(R"({"version": "1", "execution": {"precisions": ["bf16"], "tolerance": {"rtol": 0.01}}})");
  EXPECT_THAT(Try(plan).refused(), HasSubstr("no golden sample"));
  AddSample(1, 2);
  const v1::PlanResult proved = Try(plan);
  EXPECT_EQ(proved.refused(), "");
  EXPECT_EQ(proved.precision(), "bf16");
  EXPECT_NEAR(proved.max_relative(), 0.0005, 1e-5);
}

TEST_F(PlanTrialsTest, RowsThatDependOnTheOthersAreRefusedWhereRequestsAreJoined) {
  const Plan plan = Variant("frozen", [](const std::vector<Value>& arguments) -> absl::StatusOr<Value> {
    std::vector<float> elements = ElementsOf<float>(arguments[0]);
    const float more = elements.size() == 6 ? 1 : 0;  // three rows
    for (float& element : elements) element = 2 * element + more;
    return Value{FloatTensor(arguments[0].get_if<Tensor>()->shape, elements)};
  });
  Config(R"({"version": "1", "batching": {"max_batch_size": 4}})");
  EXPECT_THAT(Try(plan).refused(), HasSubstr("otherwise in a batch than alone"));
}

TEST_F(PlanTrialsTest, WhatCannotBeComparedIsNotTried) {
  inputs_.clear();
  PlanTrials unknown = Trials();
  EXPECT_THAT(Begin(unknown), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("no inputs")));

  AddSample(1, 2);
  subject_.samples[0].method = "encode";
  PlanTrials of_another_method = Trials();
  EXPECT_THAT(Begin(of_another_method),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("no inputs")));
  subject_.samples[0].method = "";
  PlanTrials on_sample = Trials();
  ASSERT_OK_AND_ASSIGN(const v1::PlanResult measured, Begin(on_sample));
  EXPECT_EQ(measured.latencies_size(), 1);

  float factor = 2;
  engine_.run = [&](const std::vector<Value>& arguments) { return Doubling({}, factor += 0.1f)(arguments); };
  PlanTrials random = Trials();
  EXPECT_THAT(Begin(random), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("the second time")));
}

TEST_F(PlanTrialsTest, SizesThatAreFreeNeedASampleToBeTriedOn) {
  inputs_[0].shape = std::vector<int64_t>{-1, -1};
  PlanTrials without = Trials();
  EXPECT_THAT(Begin(without), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("first dimension")));
  AddSample(1, 2);
  PlanTrials with = Trials();
  ASSERT_OK_AND_ASSIGN(const v1::PlanResult result, Begin(with));
  EXPECT_EQ(result.latencies_size(), 1) << "of the sample";
}

TEST_F(PlanTrialsTest, Bf16NeedsASampleOfEveryMethod) {
  Method encode = FakeForward({FakeArgument("x")});
  encode.name = "encode";
  engine_.methods.push_back(encode);
  Config(R"({"version": "1", "execution": {"precisions": ["bf16"], "tolerance": {"rtol": 0.01}}})");
  AddSample(1, 2);
  const Plan plan = Variant("frozen", Doubling(absl::Milliseconds(5)), Precision::kBf16);
  EXPECT_THAT(Try(plan).refused(), HasSubstr("no golden sample of encode"));
  AddSample(1, 2);
  subject_.samples[1].method = "encode";
  EXPECT_EQ(Try(plan).refused(), "");
}

TEST_F(PlanTrialsTest, APlanThatRaisesOnBatchesOnlyIsRefused) {
  Config(R"({"version": "1", "batching": {"max_batch_size": 4}, "warmup": {"batch_sizes": [1]}})");
  const RecordingExecutable::RunFn doubling = Doubling(absl::Milliseconds(5));
  const Plan plan = Variant("frozen", [=](const std::vector<Value>& arguments) -> absl::StatusOr<Value> {
    if (arguments[0].get_if<Tensor>()->shape[0] > 1) return absl::InternalError("view of another layout");
    return doubling(arguments);
  });
  EXPECT_THAT(Try(plan).refused(), HasSubstr("view of another layout"));
}

TEST_F(PlanTrialsTest, APlanWithStateIsRefused) {
  class Stateful final : public Executable {
   public:
    explicit Stateful(std::vector<Method> methods) : methods_(std::move(methods)) {}
    const std::vector<Method>& methods() const override { return methods_; }
    bool stateful() const override { return true; }
    absl::StatusOr<Value> Run(size_t, std::vector<Value>) override { return Value{}; }

   private:
    const std::vector<Method> methods_;
  };
  const Plan plan{.engine = "fake", .variant = "x", .precision = Precision::kAsSaved};
  engine_.variants.emplace_back(plan, [this]() -> absl::StatusOr<std::unique_ptr<Executable>> {
    return std::make_unique<Stateful>(engine_.methods);
  });
  EXPECT_EQ(Try(plan).refused(), "it writes its attributes while it runs");
}

TEST_F(PlanTrialsTest, AVersionThatIsTooSlowIsNotTried) {
  engine_.run = Doubling(absl::Seconds(100));
  PlanTrials trials = Trials();
  EXPECT_THAT(Begin(trials), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("all the time")));
}

TEST_F(PlanTrialsTest, TheTimeForTrialsEnds) {
  const Plan plan = Variant("frozen", Doubling(absl::Milliseconds(5)));
  PlanTrials trials = Trials();
  ASSERT_OK(Begin(trials));
  host_.now += absl::Seconds(20);
  EXPECT_TRUE(trials.is_over());
  EXPECT_THAT(trials.Try(plan).refused(), HasSubstr("the time for trying plans was over"));
}

// A large convolution network in batches of 32 spent all the time as it was saved, and no plan was tried.
TEST_F(PlanTrialsTest, WhatTakesLongHasMoreTime) {
  engine_.run = Doubling(absl::Seconds(1));
  const Plan plan = Variant("frozen", Doubling(absl::Milliseconds(500)));
  PlanTrials trials = Trials();
  ASSERT_OK(Begin(trials));
  host_.now += absl::Seconds(20);
  EXPECT_EQ(trials.Try(plan).refused(), "");
  host_.now += absl::Seconds(20);
  EXPECT_TRUE(trials.is_over());
}

TEST_F(PlanTrialsTest, APlanIsHeldToItsAnswersAlsoWhereNothingIsMeasured) {
  const Plan same = Variant("same", Doubling(absl::Milliseconds(5), 2.000001f));
  const Plan other = Variant("other", Doubling(absl::Milliseconds(5), 2.01f));
  PlanTrials trials = Trials();
  ASSERT_OK_AND_ASSIGN(const v1::PlanResult as_saved, trials.Begin(/*measures=*/false));
  EXPECT_EQ(as_saved.name(), "fake");
  EXPECT_EQ(as_saved.latencies_size(), 0);
  EXPECT_EQ(as_saved.resident_bytes(), 0);
  const v1::PlanResult tried = trials.Try(same);
  EXPECT_EQ(tried.refused(), "");
  EXPECT_GT(tried.max_absolute(), 0);
  EXPECT_EQ(tried.latencies_size(), 0);
  EXPECT_EQ(tried.resident_bytes(), 0);
  EXPECT_THAT(trials.Try(other).refused(), HasSubstr("beyond tolerance"));
  // Once to be compared with, once to see that it repeats itself, and once for each plan.
  EXPECT_EQ(engine_.runs.size(), 4u);
}

}  // namespace
}  // namespace modeld
