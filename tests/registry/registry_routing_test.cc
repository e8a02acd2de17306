// What the registry keeps beside versions and live: routing, probes, files, releases.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "registry/registry.h"
#include "tests/support/registry_records.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace modeld {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class RegistryRoutingTest : public testing::Test {
 protected:
  void SetUp() override {
    Reopen();
    Register("digits", "1.0");
    Register("digits", "1.1");
    Register("faces", "7");
  }
  void Reopen() {
    registry_.reset();
    ASSERT_OK_AND_ASSIGN(registry_, Registry::Open(dir_ / "registry.db"));
  }
  void Register(const std::string& model, const std::string& version,
                const std::vector<VersionFile>& files = {}) {
    ASSERT_OK(registry_->RegisterVersion(TestVersion(model, version), "{}",
                                         TestEvent(action::kRegistered, model), files));
  }
  // It goes live after 1.0, and is watched for five minutes.
  void WatchDigits(const std::string& version) {
    LiveMove move;
    move.model = "digits";
    move.state.history = {"1.0", version};
    move.event = TestEvent(action::kPublished);
    move.watch = WatchRecord{
        .version = version, .previous = "1.0", .ends_at = TestTime() + absl::Minutes(5), .deaths = 0};
    ASSERT_OK(registry_->SetLiveStates({move}));
  }
  ModelRecord Model(const std::string& name) {
    const absl::StatusOr<std::vector<ModelRecord>> models = registry_->ListModels();
    EXPECT_OK(models);
    for (const ModelRecord& model : *models) {
      if (model.name == name) return model;
    }
    ADD_FAILURE() << "no model " << name;
    return {};
  }
  std::string NewestAction() {
    const absl::StatusOr<std::vector<EventRecord>> events = registry_->ListEvents({.model = "", .limit = 1});
    return events.ok() && !events->empty() ? events->front().action : "none";
  }
  size_t EventCount() { return registry_->ListEvents({.model = "", .limit = 1000})->size(); }

  TempDir dir_;
  std::unique_ptr<Registry> registry_;
};

TEST_F(RegistryRoutingTest, RoutingIsKept) {
  const Routing routing{.labels = {{"stable", "1.0"}, {"next", "1.1"}},
                        .canary = "1.1",
                        .canary_share = 0.05,
                        .shadow = "1.0",
                        .shadow_share = 1};
  ASSERT_OK(registry_->SetRouting("digits", routing, TestEvent(action::kCanary)));
  Reopen();
  EXPECT_EQ(Model("digits").routing, routing);
  EXPECT_EQ(Model("faces").routing, Routing{});
  ASSERT_OK(registry_->SetRouting("digits", {}, TestEvent(action::kCanary)));
  EXPECT_EQ(Model("digits").routing, Routing{});
}

TEST_F(RegistryRoutingTest, ARoutingToAnUnknownVersionChangesNothing) {
  Routing routing;
  routing.labels["stable"] = "1.0";
  ASSERT_OK(registry_->SetRouting("digits", routing, TestEvent(action::kLabel)));
  const size_t events = EventCount();
  routing = {.labels = {}, .canary = "9", .canary_share = 1, .shadow = "", .shadow_share = 0};
  EXPECT_THAT(registry_->SetRouting("digits", routing, TestEvent(action::kCanary)),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("version \"9\" of model \"digits\"")));
  EXPECT_EQ(Model("digits").routing.labels.at("stable"), "1.0");
  EXPECT_EQ(EventCount(), events);
}

TEST_F(RegistryRoutingTest, TheLastProbeIsKept) {
  v1::ProbeReport report;
  report.set_outcome(v1::PROBE_OUTCOME_CRASHED);
  report.set_reason("killed by SIGSEGV");
  ASSERT_OK(registry_->RecordProbe("digits", "1.0", report, TestEvent(action::kProbed)));
  EXPECT_FALSE(Model("digits").versions[0].probed);

  report.set_outcome(v1::PROBE_OUTCOME_PASSED);
  report.set_resident_bytes(12345);
  ASSERT_OK(registry_->RecordProbe("digits", "1.0", report, TestEvent(action::kProbed)));
  Reopen();
  EXPECT_TRUE(Model("digits").versions[0].probed);
  EXPECT_EQ(Model("digits").versions[0].resident_bytes, 12345);
  EXPECT_FALSE(Model("digits").versions[1].probed);
  const absl::StatusOr<std::optional<v1::ProbeReport>> kept = registry_->ProbeOf("digits", "1.0");
  ASSERT_OK(kept);
  ASSERT_TRUE(kept->has_value());
  EXPECT_EQ((*kept)->SerializeAsString(), report.SerializeAsString());
  EXPECT_FALSE((*registry_->ProbeOf("digits", "1.1")).has_value());
  EXPECT_THAT(registry_->RecordProbe("digits", "9", report, TestEvent(action::kProbed)),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("\"9\"")));
}

TEST_F(RegistryRoutingTest, FilesOfAVersionAreKeptByName) {
  const std::vector<VersionFile> files = {
      {.name = "golden/0", .sha256 = std::string(64, 'b'), .size_bytes = 7},
      {.name = "golden/1", .sha256 = std::string(64, 'c'), .size_bytes = 8}};
  Register("digits", "1.2", files);
  Reopen();
  EXPECT_EQ(*registry_->FilesOf("digits", "1.2"), files);
  EXPECT_THAT(*registry_->FilesOf("digits", "1.0"), IsEmpty());
}

TEST_F(RegistryRoutingTest, EvidenceIsKeptAndEventsAreListedBothWays) {
  EventRecord event = TestEvent(action::kAutoRollback);
  event.evidence = R"({"error_ratio":0.5})";
  ASSERT_OK(registry_->RecordEvent(event));
  const absl::StatusOr<std::vector<EventRecord>> newest = registry_->ListEvents({.model = "", .limit = 1});
  ASSERT_OK(newest);
  EXPECT_THAT(*newest, ElementsAre(Field(&EventRecord::evidence, event.evidence)));
  const int64_t last = newest->front().id;
  const absl::StatusOr<std::vector<EventRecord>> after = registry_->ListEvents(
      {.model = "", .before_id = 0, .after_id = last - 2, .oldest_first = true, .limit = 10});
  ASSERT_OK(after);
  EXPECT_THAT(*after, ElementsAre(Field(&EventRecord::id, last - 1), Field(&EventRecord::id, last)));
}

TEST_F(RegistryRoutingTest, AWatchBeginsWithAMoveOfLiveAndEndsWithTheNext) {
  const WatchRecord watch{
      .version = "1.1", .previous = "1.0", .ends_at = TestTime() + absl::Minutes(5), .deaths = 0};
  LiveMove move;
  move.model = "digits";
  move.state.history = {"1.0", "1.1"};
  move.event = TestEvent(action::kPublished);
  move.watch = watch;
  ASSERT_OK(registry_->SetLiveStates({move}));
  Reopen();
  EXPECT_EQ(Model("digits").watch, watch);
  EXPECT_EQ(Model("faces").watch, std::nullopt);

  move.watch.reset();
  move.keep_watch = true;
  ASSERT_OK(registry_->SetLiveStates({move}));
  EXPECT_EQ(Model("digits").watch, watch);
  ASSERT_OK(registry_->SetLiveState("digits", move.state, TestEvent(action::kRollback)));
  EXPECT_EQ(Model("digits").watch, std::nullopt);

  move.watch = watch;
  move.keep_watch = false;
  ASSERT_OK(registry_->SetLiveStates({move}));
  ASSERT_OK(registry_->EndWatch("digits", TestEvent(action::kWatchPassed)));
  EXPECT_EQ(Model("digits").watch, std::nullopt);
  EXPECT_EQ(NewestAction(), action::kWatchPassed);
}

TEST_F(RegistryRoutingTest, DeathsAreCountedWhereTheLastRunDidNotStopByItself) {
  WatchDigits("1.1");
  ASSERT_OK(registry_->CountDeaths(TestTime()));
  EXPECT_EQ(Model("digits").watch->deaths, 0) << "no daemon ran";

  ASSERT_OK(registry_->RecordEvent(TestEvent(action::kStarted, "")));
  ASSERT_OK(registry_->CountDeaths(TestTime()));
  EXPECT_EQ(Model("digits").watch->deaths, 1);
  EXPECT_EQ(NewestAction(), action::kDied);
  ASSERT_OK(registry_->CountDeaths(TestTime()));
  EXPECT_EQ(Model("digits").watch->deaths, 1) << "a start that came no further is no death";
  ASSERT_OK(registry_->RecordEvent(TestEvent(action::kStarted, "")));
  ASSERT_OK(registry_->CountDeaths(TestTime() + absl::Hours(1)));
  EXPECT_EQ(Model("digits").watch->deaths, 1) << "the watch was over";

  ASSERT_OK(registry_->RecordEvent(TestEvent(action::kStopped, "")));
  ASSERT_OK(registry_->CountDeaths(TestTime()));
  EXPECT_EQ(Model("digits").watch->deaths, 1);

  ASSERT_OK(registry_->RecordEvent(TestEvent(action::kStarted, "")));
  ASSERT_OK(registry_->RecordDeathOnGpu(TestTime(), "its GPU is lost", {"digits"}));
  EXPECT_EQ(NewestAction(), action::kDied);
  EXPECT_EQ(Model("digits").watch->deaths, 1) << "it is not on a GPU";
  ASSERT_OK(registry_->CountDeaths(TestTime()));
  EXPECT_EQ(Model("digits").watch->deaths, 1) << "the daemon said so itself";
}

TEST_F(RegistryRoutingTest, AFaultOnAGpuIsADeathUnderWhatFailedThere) {
  ASSERT_OK(registry_->RegisterVersion(TestVersion("digits", "2.0"),
                                       R"({"execution":{"device":"cuda:0"},"version":"2.0"})",
                                       TestEvent(action::kRegistered)));
  WatchDigits("2.0");
  ASSERT_OK(registry_->RecordDeathOnGpu(TestTime(), "its GPU is lost", {"faces"}));
  EXPECT_EQ(Model("digits").watch->deaths, 0) << "another one failed there";
  ASSERT_OK(registry_->RecordDeathOnGpu(TestTime(), "its GPU is lost", {"digits"}));
  EXPECT_EQ(Model("digits").watch->deaths, 1);
}

// A version that a release brings.
NewVersion Brought(const std::string& model, const std::string& version) {
  VersionRecord record = TestVersion(model, version);
  record.held = true;
  return {record, "{}", {}};
}

TEST_F(RegistryRoutingTest, AReleaseHoldsTheVersionsThatItBringsUntilItIsLive) {
  ReleaseRecord release;
  release.name = "week-48";
  release.members = {{"digits", "1.2"}, {"faces", "7"}};
  release.since = TestTime();
  ASSERT_OK_AND_ASSIGN(const int64_t id, registry_->AddRelease(release, {Brought("digits", "1.2")},
                                                               {TestEvent("release", "")}));
  EXPECT_FALSE(Model("digits").versions[1].held);
  EXPECT_TRUE(Model("digits").versions[2].held);
  EXPECT_FALSE(Model("faces").versions[0].held) << "it was there before";

  const std::vector<LiveMove> moves = {{"digits",
                                        {.history = {"1.2"}, .pinned = "", .pin_reason = ""},
                                        TestEvent(action::kPublished, "digits"),
                                        std::nullopt,
                                        false},
                                       {"faces",
                                        {.history = {"7"}, .pinned = "", .pin_reason = ""},
                                        TestEvent(action::kPublished, "faces"),
                                        std::nullopt,
                                        false}};
  ASSERT_OK(registry_->EndRelease(id, ReleaseState::kLive, "", moves, TestEvent(action::kReleased, "")));
  Reopen();
  EXPECT_FALSE(Model("digits").versions[2].held);
  EXPECT_EQ(LiveVersion(Model("digits").live), "1.2");
  EXPECT_EQ(LiveVersion(Model("faces").live), "7");
  const absl::StatusOr<std::vector<ReleaseRecord>> releases = registry_->ListReleases();
  ASSERT_OK(releases);
  ASSERT_EQ(releases->size(), 1u);
  EXPECT_EQ(releases->front().state, ReleaseState::kLive);
  EXPECT_EQ(releases->front().members, release.members);
}

TEST_F(RegistryRoutingTest, AReleaseBringsItsVersionsOrNoneOfThem) {
  ReleaseRecord release;
  release.name = "week-49";
  release.members = {{"digits", "2.0"}, {"voices", "1"}};
  const NewVersion digits = Brought("digits", "2.0");
  EXPECT_THAT(registry_->AddRelease(release, {digits}, {TestEvent("release", "")}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("voices")));
  EXPECT_EQ(Model("digits").versions.size(), 2u);
  EXPECT_THAT(*registry_->ListReleases(), IsEmpty());

  const NewVersion voices = Brought("voices", "1");
  ASSERT_OK(registry_->AddRelease(release, {digits, voices}, {TestEvent("release", "")}));
  EXPECT_TRUE(Model("digits").versions[2].held);
  EXPECT_TRUE(Model("voices").versions[0].held);
}

TEST_F(RegistryRoutingTest, APendingReleaseIsReplacedByALaterOneOfItsName) {
  ReleaseRecord release;
  release.name = "week-49";
  release.members = {{"digits", "1.0"}};
  ASSERT_OK(registry_->AddRelease(release, {}, {}));
  release.members = {{"digits", "1.1"}};
  ASSERT_OK(registry_->AddRelease(release, {}, {}));
  release.name = "week-50";
  ASSERT_OK(registry_->AddRelease(release, {}, {}));
  const absl::StatusOr<std::vector<ReleaseRecord>> releases = registry_->ListReleases();
  ASSERT_OK(releases);
  ASSERT_EQ(releases->size(), 3u);
  EXPECT_EQ(releases->at(0).state, ReleaseState::kRefused);
  EXPECT_EQ(releases->at(0).reason, kReleaseReplaced);
  EXPECT_EQ(releases->at(1).state, ReleaseState::kPending);
  EXPECT_EQ(releases->at(2).state, ReleaseState::kPending);
}

TEST_F(RegistryRoutingTest, AReleaseThatCannotEndChangesNothing) {
  ReleaseRecord release;
  release.name = "week-48";
  release.members = {{"digits", "1.2"}};
  ASSERT_OK_AND_ASSIGN(const int64_t id, registry_->AddRelease(release, {Brought("digits", "1.2")},
                                                               {TestEvent("release", "")}));
  const size_t events = EventCount();
  const std::vector<LiveMove> moves = {{"digits",
                                        {.history = {"1.2"}, .pinned = "", .pin_reason = ""},
                                        TestEvent(action::kPublished, "digits"),
                                        std::nullopt,
                                        false},
                                       {"faces",
                                        {.history = {"9"}, .pinned = "", .pin_reason = ""},
                                        TestEvent(action::kPublished, "faces"),
                                        std::nullopt,
                                        false}};
  EXPECT_THAT(registry_->EndRelease(id, ReleaseState::kLive, "", moves, TestEvent(action::kReleased, "")),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("\"9\"")));
  EXPECT_EQ(LiveVersion(Model("digits").live), "");
  EXPECT_TRUE(Model("digits").versions[2].held);
  EXPECT_EQ(EventCount(), events);
  EXPECT_THAT(
      registry_->EndRelease(99, ReleaseState::kRefused, "", {}, TestEvent(action::kRefusedRelease, "")),
      StatusIs(absl::StatusCode::kNotFound, HasSubstr("99")));
}

}  // namespace
}  // namespace modeld
