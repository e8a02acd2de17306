#include "daemon/lifecycle/known_plans.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "registry/base/file_system.h"
#include "registry/model_config.h"
#include "tests/support/fake_engine.h"
#include "tests/support/plan_reports.h"
#include "tests/support/registry_records.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/zip_builder.h"

namespace modeld {
namespace {

constexpr char kGraph[] = "the graph";

class KnownPlansTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(registry_, Registry::Open(dir_ / "registry.db"));
    ASSERT_OK_AND_ASSIGN(store_, ArtifactStore::Open(FileSystem::Real(), dir_ / "store"));
    plans_ = std::make_unique<KnownPlans>(store_.get(), registry_.get(), engine_, TestMachine());
  }

  VersionRecord Registered(const std::string& version, const std::string& model = "digits") {
    EventRecord event = TestEvent(action::kRegistered, model);
    event.version = version;
    EXPECT_OK(registry_->RegisterVersion(TestVersion(model, version), R"({"version":"1.0"})", event));
    return TestVersion(model, version);
  }
  void Probed(const std::string& version, v1::ProbeReport report, const std::string& graph = kGraph,
              const char* action = action::kProbed) {
    report.set_graph(graph);
    EventRecord event = TestEvent(action);
    event.version = version;
    EXPECT_OK(registry_->RecordProbe("digits", version, report, event));
  }
  // The version whose plans those of the same graph were measured with; "none": nothing is known.
  std::string PlansFor(const VersionRecord& record, const std::string& graph = kGraph) {
    const std::optional<v1::ProbeReport> report = plans_->OfSameGraph(record, graph);
    return report.has_value() ? report->plans_of() : "none";
  }

  TempDir dir_;
  FakeEngine engine_;
  std::unique_ptr<Registry> registry_;
  std::unique_ptr<ArtifactStore> store_;
  std::unique_ptr<KnownPlans> plans_;
};

TEST_F(KnownPlansTest, AReportHoldsOnTheMachineAndWithTheLibrariesThatItWasMadeWith) {
  EXPECT_TRUE(plans_->Holds(ReportWithPlans()));
  EXPECT_TRUE(plans_->Holds(ReportAsSaved()));

  v1::ProbeReport other_cpu = ReportWithPlans();
  other_cpu.set_machine("another CPU");
  EXPECT_FALSE(plans_->Holds(other_cpu));
  v1::ProbeReport fewer_cpus = ReportWithPlans();
  fewer_cpus.set_cpus(1);
  EXPECT_FALSE(plans_->Holds(fewer_cpus));
  v1::ProbeReport other_libraries = ReportWithPlans();
  other_libraries.set_engine("fake 2");
  EXPECT_FALSE(plans_->Holds(other_libraries));
}

TEST_F(KnownPlansTest, AReportForWhichNoPlansWereLookedForSaysNothing) {
  EXPECT_FALSE(plans_->Holds(ReportWithoutPlans()));
  v1::ProbeReport none_can_be_tried = ReportWithoutPlans();
  none_can_be_tried.set_no_plans("no inputs of forward are known that it answers to");
  EXPECT_TRUE(plans_->Holds(none_can_be_tried));
}

TEST_F(KnownPlansTest, WhereTheMachineIsUnknownNothingHolds) {
  const KnownPlans unknown(store_.get(), registry_.get(), engine_, Machine{.cpu_model = "", .cpus = 2});
  v1::ProbeReport report = ReportWithPlans();
  report.clear_machine();
  EXPECT_FALSE(unknown.Holds(report));
}

TEST_F(KnownPlansTest, PlansAreOfAnotherVersionOfTheSameGraph) {
  Registered("1.0");
  const VersionRecord next = Registered("1.1");
  EXPECT_EQ(PlansFor(next), "none");
  Probed("1.0", ReportWithPlans());
  EXPECT_EQ(PlansFor(next), "1.0");
  EXPECT_EQ(plans_->OfSameGraph(next, kGraph)->plans_size(), 2);

  EXPECT_EQ(PlansFor(next, "another graph"), "none");
  EXPECT_EQ(PlansFor(TestVersion("digits", "1.0")), "none") << "its own";
  EXPECT_EQ(PlansFor(Registered("1.1", "faces")), "none") << "of another model";
}

TEST_F(KnownPlansTest, WithoutAGraphNothingIsTheSame) {
  Registered("1.0");
  Probed("1.0", ReportWithPlans(), "");
  EXPECT_EQ(PlansFor(Registered("1.1"), ""), "none");
}

TEST_F(KnownPlansTest, ReportsThatSayNothingArePassedOver) {
  for (const char* version : {"1.0", "1.1", "1.2", "1.3"}) Registered(version);
  Probed("1.0", ReportWithPlans());
  Probed("1.1", ReportWithoutPlans());
  v1::ProbeReport none_tried = ReportWithoutPlans();
  none_tried.set_no_plans("memory ran out");
  Probed("1.2", none_tried);
  v1::ProbeReport elsewhere = ReportWithPlans();
  elsewhere.set_cpus(64);
  Probed("1.3", elsewhere);
  EXPECT_EQ(PlansFor(Registered("1.4")), "1.0");
}

TEST_F(KnownPlansTest, TheNewestReportCountsAlsoWhereItCameOfTuning) {
  for (const char* version : {"1.0", "1.1", "1.2"}) Registered(version);
  Probed("1.0", ReportWithPlans());
  Probed("1.1", ReportWithPlans());
  EXPECT_EQ(PlansFor(TestVersion("digits", "1.2")), "1.1");
  Probed("1.0", ReportWithPlans(), kGraph, action::kTuned);
  EXPECT_EQ(PlansFor(TestVersion("digits", "1.2")), "1.0");
}

TEST_F(KnownPlansTest, WhatWasMeasuredWithAnotherVersionStaysThatVersions) {
  for (const char* version : {"1.0", "1.1"}) Registered(version);
  v1::ProbeReport taken = ReportWithPlans();
  taken.set_plans_of("0.9");
  Probed("1.1", taken);
  EXPECT_EQ(PlansFor(TestVersion("digits", "1.0")), "0.9");
}

// Looking through the whole history would take longer with every deployment.
TEST_F(KnownPlansTest, OnlyWhatWasProbedLatelyIsLookedAt) {
  Registered("0.9");
  Probed("0.9", ReportWithPlans());
  for (int i = 0; i < 8; ++i) {
    const std::string version = "1." + std::to_string(i);
    Registered(version);
    Probed(version, ReportAsSaved(), "another graph");
    EXPECT_EQ(PlansFor(TestVersion("digits", "2.0")), i < 7 ? "0.9" : "none") << version;
  }
}

TEST_F(KnownPlansTest, RunsOtherwiseWhereAVersionHasAnotherPlanThanAsItWasSaved) {
  for (const char* version : {"1.0", "1.1"}) Registered(version);
  EXPECT_FALSE(plans_->RunsOtherwise("digits"));
  Probed("1.0", ReportAsSaved());
  EXPECT_FALSE(plans_->RunsOtherwise("digits"));
  v1::ProbeReport elsewhere = ReportWithPlans();
  elsewhere.set_cpus(64);
  Probed("1.1", elsewhere);
  EXPECT_FALSE(plans_->RunsOtherwise("digits")) << "here it runs as it was saved";
  Probed("1.1", ReportWithPlans());
  EXPECT_TRUE(plans_->RunsOtherwise("digits"));
  EXPECT_FALSE(plans_->RunsOtherwise("faces"));
}

class GraphOfTest : public KnownPlansTest {
 protected:
  // The graph of an artifact of these bytes.
  std::string GraphOf(const std::string& bytes, const std::string& config = R"({"version":"1.0"})",
                      ArtifactFormat format = ArtifactFormat::kTorchScript) {
    VersionRecord record = TestVersion("digits", "1.0");
    record.format = format;
    std::filesystem::remove(store_->PathOf(record.sha256));
    dir_.Write("store/sha256/aa/" + record.sha256, bytes);
    const absl::StatusOr<ParsedConfig> parsed = ParseModelConfig(config);
    EXPECT_OK(parsed);
    return plans_->GraphOf(record, parsed->config);
  }
  static std::string Archive(const std::string& weights, const std::string& config = "{}") {
    return TorchScriptZip({{"config.json", config}}).Add("model/data/0", weights).Build();
  }
};

TEST_F(GraphOfTest, WeightsDoNotMakeAnother) {
  const std::string graph = GraphOf(Archive("1234"));
  EXPECT_NE(graph, "");
  EXPECT_EQ(GraphOf(Archive("5678")), graph);
  EXPECT_EQ(GraphOf(Archive("1234", R"({"version":"7"})")), graph);
  EXPECT_NE(GraphOf(Archive("12345678")), graph);
}

TEST_F(GraphOfTest, WhatSaysHowItIsRunMakesAnother) {
  const std::string archive = Archive("1234");
  const std::string graph = GraphOf(archive);
  EXPECT_EQ(GraphOf(archive, R"({"version":"2.0"})"), graph);
  EXPECT_EQ(GraphOf(archive, R"({"version":"2.0","guard":{"allow_nan":true}})"), graph);
  for (const char* config : {R"({"version":"1.0","execution":{"objective":"throughput"}})",
                             R"({"version":"1.0","execution":{"tolerance":{"rtol":0.01}}})",
                             R"({"version":"1.0","execution":{"threads_per_instance":4}})",
                             R"({"version":"1.0","batching":{"max_batch_size":4}})",
                             R"({"version":"1.0","warmup":{"batch_sizes":[1,8]}})",
                             R"({"version":"1.0","inputs":[{"name":"x","dtype":"FP32","shape":[-1,3]}]})"}) {
    EXPECT_NE(GraphOf(archive, config), graph) << config;
    EXPECT_EQ(GraphOf(archive, config), GraphOf(archive, config)) << config;
  }
}

TEST_F(GraphOfTest, WhatCannotBeReadHasNone) {
  EXPECT_EQ(GraphOf("no archive"), "");
  EXPECT_EQ(GraphOf(Archive("1234"), R"({"version":"1.0"})", ArtifactFormat::kOnnx), "");
  VersionRecord missing = TestVersion("digits", "1.0");
  missing.sha256 = std::string(64, 'f');
  EXPECT_EQ(plans_->GraphOf(missing, v1::ModelConfig()), "");
}

}  // namespace
}  // namespace modeld
