#include "daemon/lifecycle/process_prober.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/codec/value_codec.h"
#include "modeld/v1/value.pb.h"
#include "registry/base/file_system.h"
#include "tests/support/fake_engine.h"
#include "tests/support/plan_reports.h"
#include "tests/support/registry_records.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/values.h"
#include "tests/support/zip_builder.h"

namespace modeld {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Code = absl::StatusCode;

// A sample for a model that doubles x.
std::string Sample(float x, float y) {
  v1::GoldenSample sample;
  ToWire(Value{FloatTensor({1}, {x})}, &(*sample.mutable_inputs())["x"]);
  ToWire(Value{FloatTensor({1}, {y})}, &(*sample.mutable_outputs())["output"]);
  return sample.SerializeAsString();
}

class ProcessProberTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(registry_, Registry::Open(dir_ / "registry.db"));
    ASSERT_OK_AND_ASSIGN(store_, ArtifactStore::Open(FileSystem::Real(), dir_ / "store"));
  }

  VersionRecord Registered(const std::string& config, const std::map<std::string, std::string>& extra_files,
                           const std::vector<VersionFile>& files = {}) {
    VersionRecord record;
    record.model = "double";
    record.version = "1.0";
    record.sha256 = std::string(64, 'a');
    dir_.Write("store/sha256/aa/" + record.sha256, TorchScriptZip(extra_files).Build());
    EventRecord event;
    event.actor = "daemon";
    event.action = action::kRegistered;
    event.model = record.model;
    event.version = record.version;
    EXPECT_OK(registry_->RegisterVersion(record, config, event, files));
    return record;
  }

  // With the helper's child, whose model doubles x.
  absl::StatusOr<v1::ProbeReport> Probe(const VersionRecord& record) {
    return ProcessProber(store_.get(), registry_.get(), ProcessProberOptions(), Helper()).Probe(record);
  }
  static std::unique_ptr<ProbeProcess> Helper(const std::string& mode = "child") {
    return std::make_unique<ProbeProcess>(std::vector<std::string>{MODELD_PROBE_HELPER, mode});
  }

  TempDir dir_;
  std::unique_ptr<Registry> registry_;
  std::unique_ptr<ArtifactStore> store_;
};

TEST_F(ProcessProberTest, AFormatThatIsNotAllowedIsNotTried) {
  VersionRecord record = Registered(R"({"version":"1.0"})", {});
  record.format = ArtifactFormat::kPt2;
  EXPECT_THAT(Probe(record),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       testing::HasSubstr("start modeld with --formats torchscript,pt2,onnx")));
}

TEST_F(ProcessProberTest, TriesTheRegisteredVersionWithItsSamples) {
  const std::string beside(64, 'b');
  dir_.Write("store/sha256/bb/" + beside, Sample(2, 4));
  const VersionRecord record = Registered(R"({"version":"1.0"})", {{"golden/0", Sample(1, 2)}},
                                          {{.name = "golden/1", .sha256 = beside, .size_bytes = 1}});
  ASSERT_OK_AND_ASSIGN(const v1::ProbeReport report, Probe(record));
  EXPECT_EQ(report.outcome(), v1::PROBE_OUTCOME_PASSED) << report.reason();
  ASSERT_EQ(report.golden_size(), 2);
  EXPECT_EQ(report.golden(0).sample(), "golden/0");
  EXPECT_EQ(report.golden(1).sample(), "golden/1");

  dir_.Write("store/sha256/bb/" + beside, Sample(2, 5));
  ASSERT_OK_AND_ASSIGN(const v1::ProbeReport wrong, Probe(record));
  EXPECT_EQ(wrong.outcome(), v1::PROBE_OUTCOME_WRONG_OUTPUT);
  std::filesystem::remove(store_->PathOf(beside));
  EXPECT_THAT(Probe(record), StatusIs(Code::kNotFound, HasSubstr("golden sample \"golden/1\"")));
}

TEST_F(ProcessProberTest, TheConfigsToleranceDecides) {
  ASSERT_OK_AND_ASSIGN(const v1::ProbeReport report,
                       Probe(Registered(R"({"execution":{"tolerance":{"atol":1}},"version":"1.0"})",
                                        {{"golden/0", Sample(1, 2.5)}})));
  EXPECT_EQ(report.outcome(), v1::PROBE_OUTCOME_PASSED) << report.reason();
}

TEST_F(ProcessProberTest, ASampleThatIsNamedAndNotThereIsTheVersionsFault) {
  ASSERT_OK_AND_ASSIGN(const v1::ProbeReport report,
                       Probe(Registered(R"({"golden":["golden/7"],"version":"1.0"})", {})));
  EXPECT_EQ(report.outcome(), v1::PROBE_OUTCOME_CONTRADICTS_CONFIG);
  EXPECT_THAT(report.reason(), HasSubstr("golden/7"));
}

TEST_F(ProcessProberTest, AMissingArtifactIsTheMachinesFault) {
  const VersionRecord record = Registered(R"({"version":"1.0"})", {});
  std::filesystem::remove(store_->PathOf(record.sha256));
  EXPECT_THAT(Probe(record), StatusIs(Code::kNotFound, HasSubstr("restore it from a backup")));
}

TEST_F(ProcessProberTest, NothingAfterCancel) {
  ProcessProber prober(store_.get(), registry_.get(), ProcessProberOptions(), Helper());
  prober.Cancel();
  EXPECT_THAT(prober.Probe(Registered(R"({"version":"1.0"})", {})),
              StatusIs(Code::kCancelled, HasSubstr("cancelled")));
}

class PlanSearchTest : public ProcessProberTest {
 protected:
  void SetUp() override {
    ProcessProberTest::SetUp();
    plans_ = std::make_unique<KnownPlans>(store_.get(), registry_.get(), engine_, TestMachine());
    record_ = Registered(R"({"version":"1.0"})", {});
  }

  // What the probe's process is asked for.
  std::vector<std::string> Request(const PlanSearch& search) {
    const absl::StatusOr<v1::ProbeReport> report =
        ProcessProber(store_.get(), registry_.get(), ProcessProberOptions{.limits = {}, .search = search},
                      Helper("tells-request"))
            .Probe(record_);
    EXPECT_OK(report);
    if (!report.ok()) return {};
    graph_ = report->graph();
    return {report->warnings().begin(), report->warnings().end()};
  }
  // The registry has this report of another version, of the same graph unless said.
  void OtherWasProbed(v1::ProbeReport report, const std::string& version,
                      const std::optional<std::string>& graph = std::nullopt) {
    EventRecord event = TestEvent(action::kRegistered, "double");
    event.version = version;
    ASSERT_OK(registry_->RegisterVersion(TestVersion("double", version), R"({"version":"1.0"})", event));
    report.set_graph(graph.value_or(plans_->GraphOf(record_, v1::ModelConfig())));
    event.action = action::kProbed;
    ASSERT_OK(registry_->RecordProbe("double", version, report, event));
  }

  FakeEngine engine_;
  std::unique_ptr<KnownPlans> plans_;
  VersionRecord record_;
  std::string graph_;  // of the last report
};

TEST_F(PlanSearchTest, WithoutKnownPlansNoneIsEverTried) {
  EXPECT_THAT(Request({}), ElementsAre("tries no plans"));
  EXPECT_THAT(Request({.known_plans = nullptr, .always = false}), ElementsAre("tries no plans"));
  EXPECT_EQ(graph_, "");
}

TEST_F(PlanSearchTest, AModelThatIsNewIsLeftToTheTuner) {
  EXPECT_THAT(Request({.known_plans = plans_.get()}), ElementsAre("tries no plans"));
  EXPECT_EQ(graph_, plans_->GraphOf(record_, v1::ModelConfig()));
  EXPECT_NE(graph_, "");
}

TEST_F(PlanSearchTest, ThePlansOfTheSameGraphAreHandedOn) {
  OtherWasProbed(ReportWithPlans(), "0.9");
  EXPECT_THAT(Request({.known_plans = plans_.get()}),
              ElementsAre("tries plans", "known: fake", "known: fake frozen, chosen", "plans of 0.9"));
}

TEST_F(PlanSearchTest, AlsoWhereTheyCameToRunItAsItWasSaved) {
  OtherWasProbed(ReportAsSaved(), "0.9");
  EXPECT_THAT(Request({.known_plans = plans_.get()}),
              ElementsAre("tries plans", "known: fake, chosen", "known: fake frozen", "plans of 0.9"));
}

// It would be measured against that one once it is live.
TEST_F(PlanSearchTest, AllAreTriedWhereAVersionOfAnotherGraphRunsOtherwise) {
  OtherWasProbed(ReportAsSaved(), "0.8", "another graph");
  EXPECT_THAT(Request({.known_plans = plans_.get()}), ElementsAre("tries no plans"));
  OtherWasProbed(ReportWithPlans(), "0.9", "another graph");
  EXPECT_THAT(Request({.known_plans = plans_.get()}), ElementsAre("tries plans"));
}

TEST_F(PlanSearchTest, TheTunerTriesAllWhateverIsKnown) {
  EXPECT_THAT(Request({.known_plans = plans_.get(), .always = true}), ElementsAre("tries plans"));
  OtherWasProbed(ReportWithPlans(), "0.9");
  EXPECT_THAT(Request({.known_plans = plans_.get(), .always = true}), ElementsAre("tries plans"));
  EXPECT_NE(graph_, "");
}

}  // namespace
}  // namespace modeld
