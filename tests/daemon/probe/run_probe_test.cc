#include "daemon/probe/run_probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <new>

#include "absl/strings/match.h"
#include "daemon/probe/choose_plan.h"
#include "registry/model_config.h"
#include "tests/support/fake_engine.h"
#include "tests/support/fake_probe_host.h"
#include "tests/support/status_matchers.h"
#include "tests/support/values.h"

namespace modeld {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

class RunProbeTest : public ::testing::Test {
 protected:
  RunProbeTest() {
    engine_.methods = {FakeForward({FakeArgument("x")})};
    engine_.run = [](const std::vector<Value>&) { return Value{FloatTensor({1, 2}, {0.25, 0.5})}; };
  }

  void Config(const std::string& json) {
    const absl::StatusOr<ParsedConfig> parsed = ParseModelConfig(json);
    ASSERT_OK(parsed);
    subject_.config = parsed->config;
  }
  void AddSample(NamedValues inputs, NamedValues outputs) {
    subject_.samples.push_back({.name = "golden/" + std::to_string(subject_.samples.size()),
                                .method = "",
                                .inputs = std::move(inputs),
                                .outputs = std::move(outputs)});
  }
  v1::ProbeReport Probe() {
    const absl::StatusOr<v1::ProbeReport> report = RunProbe(engine_, subject_, host_);
    EXPECT_OK(report);
    return report.value_or(v1::ProbeReport());
  }

  const std::string declared_ =
      R"("version": "1", "inputs": [{"name": "x", "dtype": "FP32", "shape": [-1, 3]}])";
  const Value x_ = Value{FloatTensor({1, 3}, {1, 2, 3})};
  FakeEngine engine_;
  ProbeSubject subject_{.artifact_path = "/store/ab", .config = {}, .samples = {}, .try_plans = false};
  FakeProbeHost host_;
};

TEST_F(RunProbeTest, AVersionThatPasses) {
  Config("{" + declared_ + R"(, "outputs": [{"name": "logits", "dtype": "FP32", "shape": [-1, 2]}],
         "warmup": {"batch_sizes": [1, 4]}})");
  AddSample({{"x", x_}}, {{"logits", Value{FloatTensor({1, 2}, {0.25, 0.5})}}});
  const v1::ProbeReport report = Probe();
  EXPECT_EQ(report.outcome(), v1::PROBE_OUTCOME_PASSED) << report.reason();
  EXPECT_EQ(report.stage(), "");
  EXPECT_EQ(report.engine(), "fake 1");
  EXPECT_GT(report.load_seconds(), 0);
  ASSERT_EQ(report.latencies_size(), 2);
  EXPECT_EQ(report.latencies(1).batch_size(), 4);
  EXPECT_TRUE(report.latencies(1).stable());
  EXPECT_NEAR(report.latencies(1).seconds(), 0.001, 1e-9);
  ASSERT_EQ(report.golden_size(), 1);
  EXPECT_TRUE(report.golden(0).passed());
  ASSERT_EQ(report.methods_size(), 1);
  EXPECT_EQ(report.methods(0).name(), "forward");
  EXPECT_EQ(report.methods(0).outputs(0).name(), "logits");
  EXPECT_THAT(engine_.loaded, ElementsAre("/store/ab"));
  EXPECT_THAT(engine_.prepared_threads, ElementsAre(1));
  EXPECT_THAT(host_.stages,
              ElementsAre("loading", "warming up with batch size 1", "warming up with batch size 4",
                          "running forward on golden sample \"golden/0\"", "unloading"));
}

TEST_F(RunProbeTest, AVersionThatCannotBeBatchedContradictsItsConfig) {
  Config("{" + declared_ + R"(, "batching": {"max_batch_size": 4}})");
  const v1::ProbeReport report = Probe();  // it answers one row, whatever it is given
  EXPECT_EQ(report.outcome(), v1::PROBE_OUTCOME_CONTRADICTS_CONFIG);
  EXPECT_THAT(report.reason(), HasSubstr("batching: an output is FP32[1,2] and not one row for each of 3"));
  EXPECT_THAT(report.hint(), HasSubstr("leave `batching` out"));
  EXPECT_EQ(report.stage(), "trying a batch");
}

TEST_F(RunProbeTest, BatchingWithoutAnInputToJoinContradictsItself) {
  Config(R"({"version": "1", "batching": {"max_batch_size": 4}})");
  const v1::ProbeReport report = Probe();
  EXPECT_EQ(report.outcome(), v1::PROBE_OUTCOME_CONTRADICTS_CONFIG);
  EXPECT_THAT(report.reason(), HasSubstr("leading -1"));
}

// Of x alone the config says enough to make inputs.
TEST_F(RunProbeTest, WhereNoInputsCanBeMadeBatchingIsTriedOnGoldenSamples) {
  engine_.methods = {FakeForward({FakeArgument("x"), FakeArgument("scale", Type::Kind::kFloat)})};
  Config("{" + declared_ + R"(, "batching": {"max_batch_size": 4}})");
  const v1::ProbeReport without = Probe();
  EXPECT_EQ(without.outcome(), v1::PROBE_OUTCOME_CONTRADICTS_CONFIG);
  EXPECT_THAT(without.reason(), HasSubstr("no golden sample of forward can be joined"));
  EXPECT_THAT(without.hint(), HasSubstr("carry a golden sample"));

  AddSample({{"x", x_}, {"scale", Value{2.0}}}, {{"output", x_}});
  EXPECT_THAT(Probe().reason(), HasSubstr("an output is FP32[1,2] and not one row for each of 2"));

  engine_.run = [](const std::vector<Value>& arguments) { return Value{*arguments[0].get_if<Tensor>()}; };
  const v1::ProbeReport passed = Probe();
  EXPECT_EQ(passed.outcome(), v1::PROBE_OUTCOME_PASSED) << passed.reason();
  EXPECT_THAT(passed.warnings(), IsEmpty());
}

TEST_F(RunProbeTest, BatchingIsTriedAndEverySizeThatItUsesIsWarm) {
  engine_.run = [](const std::vector<Value>& arguments) { return Value{*arguments[0].get_if<Tensor>()}; };
  Config("{" + declared_ + R"(, "batching": {"max_batch_size": 4, "preferred_batch_sizes": [2]}})");
  const v1::ProbeReport report = Probe();
  EXPECT_EQ(report.outcome(), v1::PROBE_OUTCOME_PASSED) << report.reason();
  ASSERT_EQ(report.latencies_size(), 3);
  EXPECT_EQ(report.latencies(1).batch_size(), 2);
  EXPECT_EQ(report.latencies(2).batch_size(), 4);
}

TEST_F(RunProbeTest, MemoryIsWhatCameOnTop) {
  Config("{" + declared_ + "}");
  engine_.run = [&](const auto&) {
    host_.resident = 5000;
    host_.peak = 9000;
    return Value{FloatTensor({1}, {0})};
  };
  const v1::ProbeReport report = Probe();
  EXPECT_EQ(report.resident_bytes(), 4000);
  EXPECT_EQ(report.peak_bytes(), 8000);
}

TEST_F(RunProbeTest, WhatTheEngineRefuses) {
  engine_.failure = absl::InvalidArgumentError("bad magic");
  const v1::ProbeReport report = Probe();
  EXPECT_EQ(report.outcome(), v1::PROBE_OUTCOME_NOT_LOADABLE);
  EXPECT_EQ(report.reason(), "bad magic");
  EXPECT_EQ(report.stage(), "loading");
  EXPECT_THAT(report.hint(), HasSubstr("torch.jit.load"));
}

// To save it again was the advice for a GPU that is not there.
TEST_F(RunProbeTest, WhatTheDaemonLacksHasItsRemedyWithIt) {
  engine_.failure = absl::UnimplementedError("execution.device is cuda:0, but ...; set it to cpu");
  const v1::ProbeReport report = Probe();
  EXPECT_EQ(report.outcome(), v1::PROBE_OUTCOME_NOT_LOADABLE);
  EXPECT_EQ(report.reason(), "execution.device is cuda:0, but ...; set it to cpu");
  EXPECT_EQ(report.hint(), "");
}

TEST_F(RunProbeTest, MemoryThatEndsIsToldFromOtherFailures) {
  Config("{" + declared_ + "}");
  engine_.failure = absl::ResourceExhaustedError("out of memory");
  EXPECT_EQ(Probe().outcome(), v1::PROBE_OUTCOME_OUT_OF_MEMORY);
  engine_.failure = absl::OkStatus();
  engine_.run = [](const auto&) { return absl::ResourceExhaustedError("out of memory: 8 EiB"); };
  v1::ProbeReport report = Probe();
  EXPECT_EQ(report.outcome(), v1::PROBE_OUTCOME_OUT_OF_MEMORY);
  EXPECT_EQ(report.reason(), "memory ran out while warming up with batch size 1: out of memory: 8 EiB");
  engine_.run = [](const auto&) -> absl::StatusOr<Value> { throw std::bad_alloc(); };
  report = Probe();
  EXPECT_EQ(report.outcome(), v1::PROBE_OUTCOME_OUT_OF_MEMORY);
  EXPECT_EQ(report.reason(), "memory ran out while warming up with batch size 1");
}

TEST_F(RunProbeTest, MemoryThatEndsOnAGpuHasAnotherRemedy) {
  Config(R"({"execution": {"device": "cuda:0"}})");
  engine_.failure = absl::ResourceExhaustedError("out of the GPU's memory: CUDA out of memory");
  EXPECT_THAT(Probe().hint(), HasSubstr("another GPU in execution.device"));
}

// As a warning of the warm-up it went live, and ended the daemon.
TEST_F(RunProbeTest, WhatEndsTheEngineIsRefusedThoughTheInputsAreGenerated) {
  Config("{" + declared_ + "}");
  engine_.run = [this](const auto&) -> absl::StatusOr<Value> {
    engine_.state = absl::UnavailableError("cuda:0 computes no more after: device-side assert");
    return absl::InternalError("device-side assert");
  };
  const v1::ProbeReport report = Probe();
  EXPECT_EQ(report.outcome(), v1::PROBE_OUTCOME_RAISED);
  EXPECT_EQ(report.reason(), "cuda:0 computes no more after: device-side assert");
  EXPECT_THAT(report.hint(), HasSubstr("run it on the CPU"));
}

TEST_F(RunProbeTest, WhatTheMachineLacksToBeginAtAllIsNoVerdict) {
  engine_.failure = absl::FailedPreconditionError("the GPU's driver cannot be begun");
  EXPECT_THAT(RunProbe(engine_, subject_, host_).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("driver")));
}

TEST_F(RunProbeTest, AMissingArtifactIsTheMachinesFault) {
  engine_.failure = absl::NotFoundError("no such file");
  EXPECT_THAT(RunProbe(engine_, subject_, host_), StatusIs(absl::StatusCode::kNotFound, "no such file"));
}

TEST_F(RunProbeTest, ConfigsThatContradictTheSchema) {
  Config(R"({"version": "1", "inputs": [{"name": "y"}]})");
  v1::ProbeReport report = Probe();
  EXPECT_EQ(report.outcome(), v1::PROBE_OUTCOME_CONTRADICTS_CONFIG);
  EXPECT_THAT(report.reason(), HasSubstr("unknown input \"y\""));
  Config(R"({"version": "1", "execution": {"engine": "libtorch"}})");
  report = Probe();
  EXPECT_EQ(report.outcome(), v1::PROBE_OUTCOME_CONTRADICTS_CONFIG);
  EXPECT_THAT(report.reason(), HasSubstr("execution.engine"));
  EXPECT_THAT(engine_.runs, IsEmpty());
}

TEST_F(RunProbeTest, AnotherShapeThanDeclared) {
  Config("{" + declared_ + R"(, "outputs": [{"name": "logits", "dtype": "FP32", "shape": [-1, 10]}]})");
  const v1::ProbeReport report = Probe();
  EXPECT_EQ(report.outcome(), v1::PROBE_OUTCOME_CONTRADICTS_CONFIG);
  EXPECT_EQ(
      report.reason(),
      "on generated inputs x FP32[1,3]: output \"logits\" is FP32[1,2], declared FP32[-1,10] (dimension 1 "
      "is 2, not 10)");
}

TEST_F(RunProbeTest, RaisingOnGeneratedInputsIsAWarning) {
  Config("{" + declared_ + "}");
  engine_.run = [](const auto&) { return absl::InternalError("ValueError: no"); };
  const v1::ProbeReport report = Probe();
  EXPECT_EQ(report.outcome(), v1::PROBE_OUTCOME_PASSED);
  EXPECT_THAT(report.warnings(),
              ElementsAre("warm-up failed on generated inputs x FP32[1,3]: ValueError: no"));
  EXPECT_THAT(report.latencies(), IsEmpty());
}

TEST_F(RunProbeTest, WithoutDeclarationsAGoldenSampleWarms) {
  AddSample({{"x", Value{FloatTensor({5, 3}, std::vector<float>(15))}}},
            {{"output", Value{FloatTensor({1, 2}, {0.25, 0.5})}}});
  const v1::ProbeReport report = Probe();
  EXPECT_EQ(report.outcome(), v1::PROBE_OUTCOME_PASSED) << report.reason();
  ASSERT_EQ(report.latencies_size(), 1);
  EXPECT_EQ(report.latencies(0).batch_size(), 5);
  EXPECT_EQ(report.latencies(0).calls(), 6);
  EXPECT_EQ(engine_.runs, std::vector<std::string>(7, "FP32[5,3]"));
}

TEST_F(RunProbeTest, RaisingOnAGoldenSampleIsNot) {
  AddSample({{"x", x_}}, {{"output", x_}});
  engine_.run = [](const auto&) { return absl::InternalError("ValueError: no"); };
  const v1::ProbeReport report = Probe();
  EXPECT_EQ(report.outcome(), v1::PROBE_OUTCOME_RAISED);
  EXPECT_EQ(report.reason(), "golden sample \"golden/0\": ValueError: no");
  ASSERT_EQ(report.golden_size(), 1);
  EXPECT_FALSE(report.golden(0).passed());
  EXPECT_EQ(report.golden(0).detail(), "ValueError: no");
}

TEST_F(RunProbeTest, ASampleThatTheMethodDoesNotTake) {
  AddSample({{"z", x_}}, {{"output", x_}});
  const v1::ProbeReport report = Probe();
  EXPECT_EQ(report.outcome(), v1::PROBE_OUTCOME_CONTRADICTS_CONFIG);
  EXPECT_THAT(report.reason(), HasSubstr("golden sample \"golden/0\": unknown input \"z\""));
}

TEST_F(RunProbeTest, WrongOutputsAreAllReportedAndTheFirstIsTheReason) {
  AddSample({{"x", x_}}, {{"output", Value{FloatTensor({1, 2}, {0.25, 0.5})}}});
  AddSample({{"x", x_}}, {{"output", Value{FloatTensor({1, 2}, {0.25, 0.75})}}});
  AddSample({{"x", x_}}, {{"output", Value{FloatTensor({2}, {0.25, 0.5})}}});
  const v1::ProbeReport report = Probe();
  EXPECT_EQ(report.outcome(), v1::PROBE_OUTCOME_WRONG_OUTPUT);
  EXPECT_THAT(report.reason(), HasSubstr("golden sample \"golden/1\": output[0, 1] is 0.5, expected 0.75"));
  EXPECT_THAT(report.hint(), HasSubstr("the tolerance is rtol 0.0001, atol 1e-05"));
  ASSERT_EQ(report.golden_size(), 3);
  EXPECT_TRUE(report.golden(0).passed());
  EXPECT_FALSE(report.golden(1).passed());
  EXPECT_EQ(report.golden(2).detail(), "output is FP32[1,2], expected FP32[2]");
}

TEST_F(RunProbeTest, TheConfigsToleranceIsKept) {
  Config(R"({"version": "1", "execution": {"tolerance": {"atol": 0.3}}})");
  AddSample({{"x", x_}}, {{"output", Value{FloatTensor({1, 2}, {0.25, 0.75})}}});
  EXPECT_EQ(Probe().outcome(), v1::PROBE_OUTCOME_PASSED);
}

TEST_F(RunProbeTest, NaNOnOrdinaryInputIsRefusedUnlessItIsSaidToBeMeant) {
  Config("{" + declared_ + "}");
  engine_.run = [](const auto&) { return Value{FloatTensor({1, 2}, {0, kNaN})}; };
  v1::ProbeReport report = Probe();
  EXPECT_EQ(report.outcome(), v1::PROBE_OUTCOME_NOT_A_NUMBER);
  EXPECT_THAT(report.reason(),
              HasSubstr("output[0, 1] is NaN on ordinary input (generated inputs x FP32[1,3]"));
  EXPECT_THAT(report.hint(), AllOf(HasSubstr("\"allow_nan\": true"), HasSubstr("golden sample")));

  Config("{" + declared_ + R"(, "guard": {"allow_nan": true}})");
  report = Probe();
  EXPECT_EQ(report.outcome(), v1::PROBE_OUTCOME_PASSED);
  EXPECT_THAT(report.warnings(), IsEmpty());
}

TEST_F(RunProbeTest, WithAGoldenSampleNaNOnGeneratedInputsIsAWarning) {
  Config("{" + declared_ + "}");
  engine_.run = [](const auto&) { return Value{FloatTensor({1, 2}, {0, kNaN})}; };
  AddSample({{"x", x_}}, {{"output", Value{FloatTensor({1, 2}, {0, kNaN})}}});
  const v1::ProbeReport report = Probe();
  EXPECT_EQ(report.outcome(), v1::PROBE_OUTCOME_PASSED) << report.reason();
  EXPECT_THAT(report.warnings(), ElementsAre(HasSubstr("output[0, 1] is NaN")));
}

class RunProbeWithPlansTest : public RunProbeTest {
 protected:
  RunProbeWithPlansTest() {
    Config("{" + declared_ + "}");
    subject_.try_plans = true;
    engine_.run = Taking(absl::Milliseconds(10));
  }
  RecordingExecutable::RunFn Taking(absl::Duration time) {
    return [this, time](const std::vector<Value>&) {
      host_.now += time;
      return Value{FloatTensor({1, 2}, {0.25, 0.5})};
    };
  }
  void Variant(const std::string& name, RecordingExecutable::RunFn run) {
    engine_.variants.emplace_back(
        Plan{.engine = "fake", .variant = name, .precision = Precision::kAsSaved},
        [this, run = std::move(run)]() -> absl::StatusOr<std::unique_ptr<Executable>> {
          host_.resident += 700;
          return std::make_unique<RecordingExecutable>(engine_.methods, &engine_.runs, run);
        });
  }
};

TEST_F(RunProbeWithPlansTest, TheBestIsChosen) {
  Variant("slow", Taking(absl::Milliseconds(20)));
  Variant("fast", Taking(absl::Milliseconds(5)));
  Variant("wrong", [](const std::vector<Value>&) { return Value{FloatTensor({1, 2}, {0, 0})}; });
  const v1::ProbeReport report = Probe();
  EXPECT_EQ(report.outcome(), v1::PROBE_OUTCOME_PASSED) << report.reason();
  EXPECT_EQ(report.stage(), "");
  ASSERT_EQ(report.plans_size(), 4);
  EXPECT_EQ(report.plans(0).variant(), "");
  EXPECT_FALSE(report.plans(0).chosen());
  EXPECT_TRUE(report.plans(2).chosen());
  EXPECT_EQ(report.plans(2).variant(), "fast");
  EXPECT_THAT(report.plans(3).refused(), HasSubstr("beyond tolerance"));
}

// Each was measured in its own second of a machine that others use, too.
TEST_F(RunProbeWithPlansTest, NearTiesAreDecidedInTurns) {
  // As long as the machine is busy, so does everything take longer; as it is while the second plan is tried.
  const auto when_quiet = [this](absl::Duration time) {
    return [this, time](const std::vector<Value>&) {
      const bool busy = host_.stages.back() == "trying it as fake fast";
      host_.now += busy ? 1.2 * time : time;
      return Value{FloatTensor({1, 2}, {0.25, 0.5})};
    };
  };
  engine_.run = when_quiet(absl::Milliseconds(100));
  Variant("slow", when_quiet(absl::Milliseconds(90)));
  Variant("fast", when_quiet(absl::Milliseconds(80)));
  const v1::ProbeReport report = Probe();
  EXPECT_TRUE(report.plans(2).chosen()) << report.DebugString();
  EXPECT_NEAR(report.plans(2).latencies(0).seconds(), 0.081, 0.002);
  EXPECT_THAT(host_.stages, Contains("measuring it in turns as fake, fake slow, fake fast"));
}

// Half of the turns are slow ones, and the plans' medians would be of different halves.
TEST_F(RunProbeWithPlansTest, TurnsAreComparedOneByOne) {
  int runs_in_turns = 0;
  const auto half_the_time_slow = [&, this](absl::Duration time) {
    return [&, this, time](const std::vector<Value>&) {
      const bool in_turns = absl::StartsWith(host_.stages.back(), "measuring it in turns");
      // Of two runs to compare, and eight turns of twice two, the first ones; they end between two plans.
      const bool busy = in_turns && ++runs_in_turns <= 2 + 14;
      host_.now += busy ? 3 * time : time;
      return Value{FloatTensor({1, 2}, {0.25, 0.5})};
    };
  };
  engine_.run = half_the_time_slow(absl::Milliseconds(30));
  Variant("fast", half_the_time_slow(absl::Milliseconds(27)));
  const v1::ProbeReport report = Probe();
  EXPECT_EQ(runs_in_turns, 2 + 8 * 4);
  EXPECT_TRUE(report.plans(1).chosen()) << report.DebugString();
  EXPECT_NEAR(report.plans(1).latencies(0).seconds() / report.plans(0).latencies(0).seconds(), 0.9, 0.02);
}

TEST_F(RunProbeWithPlansTest, WhatFailsInTurnsIsDecidedByWhatWasMeasuredBefore) {
  engine_.run = Taking(absl::Milliseconds(100));
  Variant("fast", [this](const std::vector<Value>&) -> absl::StatusOr<Value> {
    if (absl::StartsWith(host_.stages.back(), "measuring it in turns")) throw std::bad_alloc();
    host_.now += absl::Milliseconds(90);
    return Value{FloatTensor({1, 2}, {0.25, 0.5})};
  });
  const v1::ProbeReport report = Probe();
  EXPECT_EQ(report.outcome(), v1::PROBE_OUTCOME_PASSED);
  EXPECT_TRUE(report.plans(1).chosen());
  EXPECT_NEAR(report.plans(1).latencies(0).seconds(), 0.091, 0.002);
}

TEST_F(RunProbeWithPlansTest, WhatTakesTooMuchMemoryTogetherIsNotMeasuredInTurns) {
  engine_.run = Taking(absl::Milliseconds(100));
  Variant("fast", Taking(absl::Milliseconds(90)));
  Variant("large", [this](const std::vector<Value>&) -> absl::StatusOr<Value> {
    host_.now += absl::Milliseconds(91);
    host_.resident += int64_t{2} << 30;
    return Value{FloatTensor({1, 2}, {0.25, 0.5})};
  });
  const v1::ProbeReport report = Probe();
  EXPECT_TRUE(report.plans(1).chosen());
  EXPECT_EQ(engine_.loaded.size(), 4) << "the probe's own, and one for each plan";
}

TEST_F(RunProbeWithPlansTest, WhoDiesWhileOneIsTriedHasPassed) {
  Variant("fast", Taking(absl::Milliseconds(5)));
  Variant("crashes", Taking(absl::Milliseconds(1)));
  (void)Probe();
  const v1::ProbeReport& last = host_.reports.back();
  EXPECT_EQ(last.stage(), "trying it as fake crashes");
  EXPECT_EQ(last.outcome(), v1::PROBE_OUTCOME_PASSED);
  ASSERT_EQ(last.plans_size(), 3);
  EXPECT_TRUE(last.plans(1).chosen());
  EXPECT_EQ(last.plans(2).refused(), "the probe ended while it was tried");
}

TEST_F(RunProbeWithPlansTest, AVersionThatIsRefusedIsNotTried) {
  Variant("fast", Taking(absl::Milliseconds(5)));
  AddSample({{"x", x_}}, {{"output", Value{FloatTensor({1, 2}, {7, 7})}}});
  const v1::ProbeReport report = Probe();
  EXPECT_EQ(report.outcome(), v1::PROBE_OUTCOME_WRONG_OUTPUT);
  EXPECT_EQ(report.plans_size(), 0);
}

TEST_F(RunProbeWithPlansTest, MemoryThatEndsEndsThePlanOnly) {
  Variant("large", [](const std::vector<Value>&) -> absl::StatusOr<Value> { throw std::bad_alloc(); });
  const v1::ProbeReport report = Probe();
  EXPECT_EQ(report.outcome(), v1::PROBE_OUTCOME_PASSED);
  EXPECT_TRUE(report.plans(0).chosen());
  EXPECT_EQ(report.plans(1).refused(), "memory ran out");
}

// A version of which a run takes 40 ms by its best plan, divided by the threads that it has, but not less
// than 10 ms; and that answers so up to some number of them.
class RunProbeWithThreadsTest : public RunProbeWithPlansTest {
 protected:
  RunProbeWithThreadsTest() {
    engine_.run = Taking(absl::Milliseconds(100));
    Variant("parallel", [this](const std::vector<Value>& arguments) -> absl::StatusOr<Value> {
      if (engine_.threads_per_run > right_up_to_) return Value{FloatTensor({1, 2}, {0, 0})};
      return Taking(absl::Milliseconds(std::max(10, 40 / engine_.threads_per_run)))(arguments);
    });
    subject_.most_threads = 6;
  }
  static std::vector<int> Threads(const v1::PlanResult& plan) {
    std::vector<int> threads;
    for (const v1::ThreadLatency& latency : plan.thread_latencies()) threads.push_back(latency.threads());
    return threads;
  }
  int right_up_to_ = 100;  // threads
};

TEST_F(RunProbeWithThreadsTest, TheChosenPlanIsMeasuredOnMoreThreadsWhileThatIsWorthIt) {
  const v1::ProbeReport report = Probe();
  const v1::PlanResult& chosen = report.plans(1);
  ASSERT_TRUE(chosen.chosen()) << report.DebugString();
  EXPECT_THAT(Threads(chosen), ElementsAre(1, 2, 4, 6));
  EXPECT_EQ(chosen.threads(), 4);
  EXPECT_NEAR(chosen.thread_latencies(1).seconds(), 0.021, 0.002);
  EXPECT_THAT(Threads(report.plans(0)), IsEmpty());
  EXPECT_EQ(engine_.prepared_threads.back(), 1) << "the thread is as it was";
  EXPECT_THAT(engine_.prepared_threads, testing::Contains(4));
}

TEST_F(RunProbeWithThreadsTest, NoFurtherStepIsTriedBeyondOneThatIsNotWorthIt) {
  subject_.most_threads = 64;
  const v1::ProbeReport report = Probe();
  EXPECT_THAT(Threads(report.plans(1)), ElementsAre(1, 2, 4, 8));
  EXPECT_EQ(report.plans(1).threads(), 4);
}

TEST_F(RunProbeWithThreadsTest, WhatAnswersOtherwiseOnSeveralThreadsRunsOnFewer) {
  right_up_to_ = 2;
  const v1::ProbeReport report = Probe();
  EXPECT_THAT(Threads(report.plans(1)), ElementsAre(1, 2));
  EXPECT_EQ(report.plans(1).threads(), 2);
}

TEST_F(RunProbeWithThreadsTest, NothingIsMeasuredWhereTheNumberIsSaid) {
  subject_.most_threads = 1;
  const v1::ProbeReport report = Probe();
  EXPECT_THAT(Threads(report.plans(1)), IsEmpty());
  EXPECT_EQ(report.plans(1).threads(), 0);
}

// What trials came to for version 0.9 of the same graph: "fast" was best.
class RunProbeWithKnownPlansTest : public RunProbeWithPlansTest {
 protected:
  RunProbeWithKnownPlansTest() { Known("", 0.03, 1000); }
  v1::PlanResult* Known(const std::string& variant, double seconds, int64_t resident_bytes,
                        const std::string& engine = "fake") {
    subject_.known_plans.set_plans_of("0.9");
    v1::PlanResult* const plan = subject_.known_plans.add_plans();
    SetPlan({.engine = engine, .variant = variant, .precision = Precision::kAsSaved}, plan);
    plan->add_latencies()->set_seconds(seconds);
    plan->set_resident_bytes(resident_bytes);
    return plan;
  }
};

TEST_F(RunProbeWithKnownPlansTest, TheKnownPlanIsTriedAndNothingIsMeasured) {
  Variant("slow", Taking(absl::Milliseconds(20)));
  Variant("fast", [this](const std::vector<Value>&) {
    host_.now += absl::Milliseconds(20);  // a busy machine
    return Value{FloatTensor({1, 2}, {0.25, 0.500001f})};
  });
  Known("slow", 0.04, 1000)->set_refused("beyond tolerance");
  Known("fast", 0.01, 9000)->set_chosen(true);
  const v1::ProbeReport report = Probe();
  EXPECT_EQ(report.outcome(), v1::PROBE_OUTCOME_PASSED) << report.reason();
  EXPECT_EQ(report.stage(), "");
  EXPECT_EQ(report.plans_of(), "0.9");
  ASSERT_EQ(report.plans_size(), 3);
  EXPECT_EQ(report.plans(1).refused(), "beyond tolerance");
  EXPECT_TRUE(report.plans(2).chosen());
  EXPECT_EQ(report.plans(2).latencies(0).seconds(), 0.01) << "as it was measured";
  EXPECT_NEAR(report.plans(2).max_absolute(), 1e-6, 1e-7) << "of this version";
  EXPECT_EQ(report.resident_bytes(), 9000);
  EXPECT_EQ(report.no_plans(), "");
  EXPECT_EQ(engine_.loaded.size(), 3u)
      << "the probe's, and for the comparison as it was saved and by the plan";
  EXPECT_EQ(host_.stages.back(), "trying it as fake fast, which is known to be best");
  EXPECT_EQ(host_.reports.back().outcome(), v1::PROBE_OUTCOME_PASSED) << "whatever happens there";
}

TEST_F(RunProbeWithKnownPlansTest, WhereAsItWasSavedIsBestNothingIsLoadedTwice) {
  Variant("fast", Taking(absl::Milliseconds(5)));
  subject_.known_plans.mutable_plans(0)->set_chosen(true);
  Known("fast", 0.04, 1000);
  const v1::ProbeReport report = Probe();
  EXPECT_EQ(report.outcome(), v1::PROBE_OUTCOME_PASSED);
  EXPECT_EQ(report.plans_of(), "0.9");
  ASSERT_EQ(report.plans_size(), 2);
  EXPECT_TRUE(report.plans(0).chosen());
  EXPECT_EQ(engine_.loaded.size(), 1u);
  EXPECT_EQ(host_.stages.back(), "unloading");
}

TEST_F(RunProbeWithKnownPlansTest, WhereTheKnownPlanAnswersOtherwiseAllAreTried) {
  Variant("fast", [](const std::vector<Value>&) { return Value{FloatTensor({1, 2}, {0, 0})}; });
  Variant("fair", Taking(absl::Milliseconds(8)));
  Known("fast", 0.01, 9000)->set_chosen(true);
  const v1::ProbeReport report = Probe();
  EXPECT_EQ(report.plans_of(), "");
  ASSERT_EQ(report.plans_size(), 3);
  EXPECT_THAT(report.plans(1).refused(), HasSubstr("beyond tolerance"));
  EXPECT_TRUE(report.plans(2).chosen());
  EXPECT_EQ(report.plans(2).latencies_size(), 1);
  EXPECT_LT(report.resident_bytes(), 9000);
}

TEST_F(RunProbeWithKnownPlansTest, WhereTheKnownPlanIsNoneOfThisBuildAllAreTried) {
  Variant("fast", Taking(absl::Milliseconds(5)));
  Known("", 0.001, 1000, "openvino")->set_chosen(true);
  const v1::ProbeReport report = Probe();
  EXPECT_EQ(report.plans_of(), "");
  ASSERT_EQ(report.plans_size(), 2);
  EXPECT_EQ(report.plans(1).name(), "fake fast");
  EXPECT_TRUE(report.plans(1).chosen());
}

TEST_F(RunProbeWithKnownPlansTest, WhereTheKnownPlanTakesAllMemoryAllAreTried) {
  Variant("large", [](const std::vector<Value>&) -> absl::StatusOr<Value> { throw std::bad_alloc(); });
  Known("large", 0.01, 9000)->set_chosen(true);
  const v1::ProbeReport report = Probe();
  EXPECT_EQ(report.outcome(), v1::PROBE_OUTCOME_PASSED);
  EXPECT_EQ(report.plans_of(), "");
  EXPECT_TRUE(report.plans(0).chosen());
  EXPECT_EQ(report.plans(1).refused(), "memory ran out");
}

TEST_F(RunProbeWithKnownPlansTest, AVersionThatCannotBeComparedRunsAsItWasSaved) {
  Config(R"({"version": "1"})");
  Variant("fast", Taking(absl::Milliseconds(5)));
  Known("fast", 0.01, 9000)->set_chosen(true);
  const v1::ProbeReport report = Probe();
  EXPECT_EQ(report.plans_size(), 0);
  EXPECT_THAT(report.no_plans(), HasSubstr("no inputs of forward"));
}

TEST_F(RunProbeWithKnownPlansTest, WhereNoneIsKnownAllAreTried) {
  Variant("fast", Taking(absl::Milliseconds(5)));
  const v1::ProbeReport report = Probe();  // of those known, none was chosen
  EXPECT_EQ(report.plans_of(), "");
  ASSERT_EQ(report.plans_size(), 2);
  EXPECT_TRUE(report.plans(1).chosen());
}

TEST_F(RunProbeWithKnownPlansTest, NothingIsTriedWhereNobodyAsks) {
  subject_.try_plans = false;
  Variant("fast", Taking(absl::Milliseconds(5)));
  Known("fast", 0.01, 9000)->set_chosen(true);
  EXPECT_EQ(Probe().plans_size(), 0);
}

}  // namespace
}  // namespace modeld
