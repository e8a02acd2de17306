#include "daemon/lifecycle/engine_loader.h"

#include <sched.h>

#include <algorithm>
#include <map>
#include <new>
#include <set>
#include <thread>

#include "daemon/probe/choose_plan.h"
#include "modeld/v1/value.pb.h"
#include "registry/base/file_system.h"
#include "tests/support/fake_engine.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/values.h"
#include "tests/support/zip_builder.h"

namespace modeld {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class EngineLoaderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<std::unique_ptr<Registry>> registry = Registry::Open(dir_ / "registry.db");
    ASSERT_OK(registry);
    registry_ = *std::move(registry);
    absl::StatusOr<std::unique_ptr<ArtifactStore>> store =
        ArtifactStore::Open(FileSystem::Real(), dir_ / "store");
    ASSERT_OK(store);
    store_ = *std::move(store);
    engine_.methods = {FakeForward({FakeArgument("x")})};
  }

  // Registers version 1.0 with this config and these bytes in the store.
  VersionRecord Registered(const std::string& config) {
    VersionRecord record;
    record.model = "digits";
    record.version = "1.0";
    record.sha256 = std::string(64, 'a');
    dir_.Write("store/sha256/aa/" + record.sha256, TorchScriptZip(extra_files_).Build());
    EXPECT_OK(registry_->RegisterVersion(record, config,
                                         {.id = 0,
                                          .time = {},
                                          .actor = "daemon",
                                          .action = "registered",
                                          .model = "digits",
                                          .version = "1.0",
                                          .from_version = "",
                                          .to_version = "",
                                          .reason = "",
                                          .evidence = ""},
                                         files_));
    return record;
  }
  absl::StatusOr<LoadedVersion> Load(const VersionRecord& record, bool awaited = false) {
    return EngineLoader(&engine_, store_.get(), registry_.get(), &scheduler_).Load(record, awaited);
  }

  TempDir dir_;
  FakeEngine engine_;
  RequestScheduler scheduler_{Clock::Real(), nullptr};
  std::unique_ptr<Registry> registry_;
  std::unique_ptr<ArtifactStore> store_;
  std::map<std::string, std::string> extra_files_;  // of the artifact that Registered writes
  std::vector<VersionFile> files_;                  // beside it
};

TEST_F(EngineLoaderTest, AFormatThatIsNotAllowedStaysOutOfMemory) {
  VersionRecord record = Registered(R"({"version": "1.0"})");
  record.format = ArtifactFormat::kPt2;
  EXPECT_THAT(Load(record).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       testing::HasSubstr("start modeld with --formats torchscript,pt2,onnx")));
}

TEST_F(EngineLoaderTest, LoadsByThePlanThatTheProbeChose) {
  const VersionRecord record = Registered(R"({"version":"1.0"})");
  const Plan plan{.engine = "fake", .variant = "frozen", .precision = Precision::kAsSaved};
  engine_.variants.emplace_back(plan, [this]() -> absl::StatusOr<std::unique_ptr<Executable>> {
    return std::make_unique<RecordingExecutable>(engine_.methods, &engine_.runs, engine_.run);
  });
  v1::ProbeReport report;
  report.set_outcome(v1::PROBE_OUTCOME_PASSED);
  report.set_engine("fake 1");
  report.set_machine(ThisMachine().cpu_model);
  report.set_cpus(ThisMachine().cpus);
  SetPlan(plan, report.add_plans());
  report.mutable_plans(0)->set_chosen(true);
  const auto record_probe = [&] {
    EventRecord event;
    event.actor = "daemon";
    event.action = action::kProbed;
    ASSERT_OK(registry_->RecordProbe("digits", "1.0", report, event));
  };
  record_probe();
  const auto load = [&] {
    return EngineLoader(&engine_, store_.get(), registry_.get(), &scheduler_,
                        {.scheduling = {.cpus = 8}, .use_plans = true})
        .Load(record, /*awaited=*/false);
  };
  absl::StatusOr<LoadedVersion> loaded = load();
  ASSERT_OK(loaded);
  EXPECT_EQ(engine_.plan, plan);
  EXPECT_EQ(loaded->version->engine, "fake");
  EXPECT_EQ(loaded->version->plan, "fake frozen");

  report.mutable_plans(0)->set_threads(4);
  record_probe();
  loaded = load();
  ASSERT_OK(loaded);
  EXPECT_EQ(loaded->version->plan, "fake frozen on 4 threads");
  EXPECT_EQ(engine_.threads_per_run, 4);

  engine_.variants[0].second = [] { return absl::InvalidArgumentError("no AVX-512"); };
  loaded = load();
  ASSERT_OK(loaded);
  EXPECT_EQ(loaded->version->plan, "fake");
  EXPECT_THAT(loaded->warnings,
              testing::Contains("it runs as it was saved, and not as fake frozen: no AVX-512"));

  ASSERT_OK(Load(record)) << "by a daemon without --try-plans";
  EXPECT_EQ(PlanName(engine_.plan), "fake");

  report.set_cpus(report.cpus() + 1);  // measured elsewhere
  record_probe();
  loaded = load();
  ASSERT_OK(loaded);
  EXPECT_EQ(PlanName(engine_.plan), "fake");
  EXPECT_EQ(loaded->version->plan, "fake");
}

TEST_F(EngineLoaderTest, RunningOnAnotherEngineThanAskedForIsAWarning) {
  engine_.variants.emplace_back(
      Plan{.engine = "openvino", .variant = "", .precision = Precision::kAsSaved},
      []() -> absl::StatusOr<std::unique_ptr<Executable>> { return absl::InvalidArgumentError("refused"); });
  absl::StatusOr<LoadedVersion> loaded =
      Load(Registered(R"({"execution":{"engine":"openvino"},"version":"1.0"})"));
  ASSERT_OK(loaded);
  EXPECT_THAT(loaded->warnings,
              ElementsAre("execution.engine is \"openvino\", but it runs as fake; `modelctl "
                          "plans` says why, once that was tried"));
}

TEST_F(EngineLoaderTest, LoadsTheArtifactOfTheStoreAndWarms) {
  const VersionRecord record =
      Registered(R"({"inputs":[{"dtype":"FP32","name":"x","shape":[-1,3]}],"outputs":[{"name":"logits"}],)"
                 R"("version":"1.0","warmup":{"batch_sizes":[1,4]}})");
  absl::StatusOr<LoadedVersion> loaded = Load(record);
  ASSERT_OK(loaded);
  EXPECT_THAT(engine_.loaded, ElementsAre(store_->PathOf(record.sha256)));
  EXPECT_EQ(loaded->version->model, "digits");
  EXPECT_EQ(loaded->version->version, "1.0");
  EXPECT_EQ(loaded->version->engine, "fake");
  ASSERT_EQ(loaded->version->inputs.size(), 1u);
  EXPECT_EQ(loaded->version->inputs[0].dtype, DType::kFp32);
  EXPECT_EQ(loaded->version->inputs[0].shape, (std::vector<int64_t>{-1, 3}));
  ASSERT_EQ(loaded->version->outputs.size(), 1u);
  EXPECT_EQ(loaded->version->outputs[0].dtype, std::nullopt);
  EXPECT_EQ(loaded->version->outputs[0].shape, std::nullopt);
  // How many calls it takes is a matter of the clock.
  EXPECT_GE(std::count(engine_.runs.begin(), engine_.runs.end(), "FP32[1,3]"), 6);
  EXPECT_GE(std::count(engine_.runs.begin(), engine_.runs.end(), "FP32[4,3]"), 6);
  EXPECT_THAT(loaded->warnings, IsEmpty());
}

TEST_F(EngineLoaderTest, OnlyWhatNobodyWaitsForIsHeldBack) {
  const VersionRecord record =
      Registered(R"({"inputs":[{"dtype":"FP32","name":"x","shape":[2]}],"version":"1.0"})");
  std::set<int> policies;
  engine_.run = [&](const auto& arguments) {
    policies.insert(::sched_getscheduler(0));
    return Value{arguments.at(0)};
  };
  ASSERT_OK(Load(record, /*awaited=*/true));
  EXPECT_THAT(policies, ElementsAre(SCHED_OTHER));
  policies.clear();
  ASSERT_OK(Load(record, /*awaited=*/false));
  EXPECT_THAT(policies, ElementsAre(SCHED_IDLE));
}

TEST_F(EngineLoaderTest, WithoutDeclarationsItIsLoadedCold) {
  ASSERT_OK(Load(Registered(R"({"version":"1.0"})")));
  EXPECT_THAT(engine_.runs, IsEmpty());
}

TEST_F(EngineLoaderTest, AFailedWarmUpIsAWarning) {
  engine_.run = [](const auto&) { return absl::InternalError("division by zero"); };
  absl::StatusOr<LoadedVersion> loaded =
      Load(Registered(R"({"inputs":[{"dtype":"FP32","name":"x","shape":[2]}],"version":"1.0"})"));
  ASSERT_OK(loaded);
  EXPECT_THAT(loaded->warnings,
              ElementsAre("warm-up failed on generated inputs x FP32[2]: division by zero"));
}

TEST_F(EngineLoaderTest, AMissingArtifactIsTheMachinesFault) {
  const VersionRecord record = Registered(R"({"version":"1.0"})");
  std::filesystem::remove(store_->PathOf(record.sha256));
  EXPECT_THAT(Load(record), StatusIs(absl::StatusCode::kNotFound,
                                     AllOf(HasSubstr("version \"1.0\" of model \"digits\" is missing"),
                                           HasSubstr("restore it from a backup, or drop its file again"))));
  EXPECT_THAT(engine_.loaded, IsEmpty());
}

TEST_F(EngineLoaderTest, MemoryThatEndsDuringWarmUpIsTheMachinesFaultAndEndsNothing) {
  engine_.run = [](const auto&) -> absl::StatusOr<Value> { throw std::bad_alloc(); };
  EXPECT_THAT(Load(Registered(R"({"inputs":[{"dtype":"FP32","name":"x","shape":[2]}],"version":"1.0"})")),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("out of memory")));
}

TEST_F(EngineLoaderTest, TheEnginesRefusalIsHandedOn) {
  engine_.failure = absl::InvalidArgumentError("unknown operator aten::nope");
  EXPECT_THAT(Load(Registered(R"({"version":"1.0"})")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("aten::nope")));
}

TEST_F(EngineLoaderTest, DeclarationsThatContradictTheSignatureAreTheVersionsFault) {
  EXPECT_THAT(Load(Registered(R"({"inputs":[{"dtype":"FP32","name":"y","shape":[2]}],"version":"1.0"})")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("y")));
  EXPECT_THAT(engine_.runs, IsEmpty());
}

TEST_F(EngineLoaderTest, AnotherEngineThanThisBuildsIsTheVersionsFault) {
  EXPECT_THAT(
      Load(Registered(R"({"execution":{"engine":"libtorch"},"version":"1.0"})")),
      StatusIs(
          absl::StatusCode::kInvalidArgument,
          R"(execution.engine is "libtorch", but this build runs torchscript with fake; name that, or "auto")"));
}

TEST_F(EngineLoaderTest, AutoIsThisBuildsEngine) {
  EXPECT_OK(Load(Registered(R"({"execution":{"engine":"auto"},"version":"1.0"})")));
}

TEST_F(EngineLoaderTest, AnUnregisteredVersionIsNotFound) {
  VersionRecord record;
  record.model = "digits";
  record.version = "9.9";
  EXPECT_THAT(Load(record), StatusIs(absl::StatusCode::kNotFound, HasSubstr("9.9")));
}

TEST_F(EngineLoaderTest, EveryLoadingThreadIsPreparedOnce) {
  const VersionRecord record = Registered(R"({"version":"1.0"})");
  EngineLoader loader(&engine_, store_.get(), registry_.get(), &scheduler_);
  for (int i = 0; i < 2; ++i) ASSERT_OK(loader.Load(record, /*awaited=*/false));
  EXPECT_EQ(engine_.prepared_threads.size(), 1u);
  // Not on this one, which may have loaded for another test.
  std::thread([&] {
    for (int i = 0; i < 2; ++i) ASSERT_OK(loader.Load(record, /*awaited=*/true));
  }).join();
  EXPECT_EQ(engine_.prepared_threads.size(), 2u);
}

// Expects `y` of the model without inputs.
std::string SampleThatExpects(int64_t y) {
  v1::GoldenSample sample;
  (*sample.mutable_outputs())["output"].set_int_value(y);
  return sample.SerializeAsString();
}

TEST_F(EngineLoaderTest, GoldenSamplesOfTheArchiveAreRunInPlace) {
  engine_.methods = {FakeForward({})};
  engine_.run = [](const auto&) { return Int(7); };
  extra_files_ = {{"golden/0", SampleThatExpects(7)}, {"golden/1", SampleThatExpects(8)}};
  const VersionRecord record = Registered(R"({"version":"1.0"})");
  EXPECT_THAT(Load(record), StatusIs(absl::StatusCode::kInvalidArgument,
                                     HasSubstr("golden sample \"golden/1\": output is 7, expected 8")));
}

// A daemon that was started with another --quantized-engine, or on another machine, quarantined what was
// good.
TEST_F(EngineLoaderTest, WhatPassedItsProbeElsewhereIsNotAtFaultForWhatFailsHere) {
  engine_.methods = {FakeForward({})};
  engine_.run = [](const auto&) { return Int(7); };
  extra_files_ = {{"golden/0", SampleThatExpects(8)}};
  const VersionRecord record = Registered(R"({"version":"1.0"})");
  const auto probed_with = [&](const std::string& engine) {
    v1::ProbeReport report;
    report.set_outcome(v1::PROBE_OUTCOME_PASSED);
    report.set_engine(engine);
    report.set_machine(ThisMachine().cpu_model);
    EventRecord event;
    event.actor = "daemon";
    event.action = action::kProbed;
    EXPECT_OK(registry_->RecordProbe("digits", "1.0", report, event));
  };
  probed_with("fake 0.9");
  EXPECT_THAT(Load(record), StatusIs(absl::StatusCode::kFailedPrecondition,
                                     testing::AllOf(HasSubstr("output is 7, expected 8"),
                                                    HasSubstr("; its probe passed with fake 0.9 on "),
                                                    HasSubstr("and this is fake 1 on it"))));
  probed_with("fake 1");
  EXPECT_THAT(Load(record), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("expected 8")));
  engine_.failure = absl::UnimplementedError("no operator x");
  EXPECT_THAT(Load(record), StatusIs(absl::StatusCode::kFailedPrecondition, "no operator x"));
}

TEST_F(EngineLoaderTest, WhatWasNeverProbedIsAtFaultForWhatTheDaemonLacks) {
  engine_.failure = absl::UnimplementedError("no operator x");
  EXPECT_THAT(Load(Registered(R"({"version":"1.0"})")),
              StatusIs(absl::StatusCode::kInvalidArgument, "no operator x"));
}

TEST_F(EngineLoaderTest, WithoutDeclarationsAGoldenSampleWarms) {
  engine_.run = [](const auto&) { return Int(7); };
  v1::GoldenSample sample;
  ASSERT_TRUE(sample.ParseFromString(SampleThatExpects(7)));
  v1::Tensor* const x = (*sample.mutable_inputs())["x"].mutable_tensor();
  x->set_dtype("FP32");
  x->add_shape(3);
  x->set_raw(std::string(12, '\0'));
  extra_files_ = {{"golden/0", sample.SerializeAsString()}};
  ASSERT_OK(Load(Registered(R"({"version":"1.0"})")));
  EXPECT_GE(std::count(engine_.runs.begin(), engine_.runs.end(), "FP32[3]"), 7);
}

TEST_F(EngineLoaderTest, OnlyTheSamplesThatTheConfigNames) {
  engine_.methods = {FakeForward({})};
  engine_.run = [](const auto&) { return Int(7); };
  extra_files_ = {{"golden/0", SampleThatExpects(7)}, {"golden/1", SampleThatExpects(8)}};
  EXPECT_OK(Load(Registered(R"({"version":"1.0","golden":["golden/0"]})")));
}

TEST_F(EngineLoaderTest, GoldenSamplesBesideTheArtifact) {
  engine_.methods = {FakeForward({})};
  engine_.run = [](const auto&) { return Int(7); };
  files_ = {{.name = "golden/0", .sha256 = std::string(64, 'b'), .size_bytes = 1}};
  dir_.Write("store/sha256/bb/" + files_[0].sha256, SampleThatExpects(8));
  const VersionRecord record = Registered(R"({"version":"1.0"})");
  EXPECT_THAT(Load(record), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("golden/0")));
  dir_.Write("store/sha256/bb/" + files_[0].sha256, SampleThatExpects(7));
  EXPECT_OK(Load(record));
  std::filesystem::remove(store_->PathOf(files_[0].sha256));
  EXPECT_THAT(Load(record), StatusIs(absl::StatusCode::kNotFound,
                                     HasSubstr("golden sample \"golden/0\" of version \"1.0\"")));
}

}  // namespace
}  // namespace modeld
