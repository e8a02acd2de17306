#include "registry/garbage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/support/registry_records.h"

namespace modeld {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const absl::Time kNow = TestTime() + absl::Hours(24 * 100);

std::string Hash(char digit) { return std::string(64, digit); }

bool KeepNone(const std::string&, const std::string&) { return false; }

class GarbageTest : public testing::Test {
 protected:
  // Versions 1.0 to 1.9 and 1.10 of "digits", each with an artifact of 100 bytes; 1.10 is live and 1.9 was
  // before.
  GarbageTest() {
    ModelRecord model{.name = "digits", .live = {}, .routing = {}, .watch = {}, .versions = {}};
    for (int minor = 0; minor <= 10; ++minor) {
      VersionRecord version = TestVersion("digits", "1." + std::to_string(minor));
      version.sha256 = Hash("0123456789a"[minor]);
      model.versions.push_back(std::move(version));
    }
    model.live.history = {"1.9", "1.10"};
    snapshot_.models.push_back(std::move(model));
  }

  ModelRecord& Digits() { return snapshot_.models[0]; }
  VersionRecord& Version(int minor) { return Digits().versions[static_cast<size_t>(minor)]; }
  void Store(const std::string& sha256, int64_t size, absl::Duration age = absl::Hours(24)) {
    snapshot_.stored.push_back(
        {.sha256 = sha256, .size_bytes = size, .mtime_ns = absl::ToUnixNanos(kNow - age)});
  }

  // As ListArtifacts and ArtifactStore::List would tell it.
  GarbagePlan Plan(const GarbageOptions& options, const KeepVersionFn& keep = KeepNone) {
    StoreSnapshot snapshot = snapshot_;
    for (const ModelRecord& model : snapshot.models) {
      for (const VersionRecord& version : model.versions) AddArtifact(version, &snapshot);
    }
    return PlanGarbage(snapshot, options, keep, kNow);
  }
  std::vector<std::string> Versions(const GarbageOptions& options, const KeepVersionFn& keep = KeepNone) {
    std::vector<std::string> versions;
    for (const GarbageVersion& version : Plan(options, keep).versions) versions.push_back(version.version);
    return versions;
  }

  StoreSnapshot snapshot_;

 private:
  static void AddArtifact(const VersionRecord& version, StoreSnapshot* snapshot) {
    auto artifact = std::find_if(snapshot->artifacts.begin(), snapshot->artifacts.end(),
                                 [&](const auto& known) { return known.sha256 == version.sha256; });
    if (artifact == snapshot->artifacts.end()) {
      artifact = snapshot->artifacts.insert(
          artifact, {.sha256 = version.sha256, .size_bytes = 100, .removed = false, .uses = {}});
      const bool stored = !IsCollected(version);
      if (stored) snapshot->stored.push_back({.sha256 = version.sha256, .size_bytes = 100, .mtime_ns = 0});
    }
    if (IsCollected(version)) return;
    artifact->uses.push_back(
        {.model = version.model, .version = version.version, .file = "", .disposition = version.disposition});
  }
};

TEST_F(GarbageTest, KeepsTheHighestByNumberNotByText) {
  EXPECT_THAT(Versions({.model = "", .keep_last = 4}),
              ElementsAre("1.0", "1.1", "1.2", "1.3", "1.4", "1.5", "1.6"));
  EXPECT_THAT(Versions({.model = "", .keep_last = 20}), IsEmpty());
}

TEST_F(GarbageTest, LiveAndPreviousStayEvenIfNoneIsToBeKept) {
  EXPECT_THAT(Versions({}), ElementsAre("1.0", "1.1", "1.2", "1.3", "1.4", "1.5", "1.6", "1.7", "1.8"));
}

TEST_F(GarbageTest, PreviousIsWhereARollbackWouldGo) {
  Digits().live.history = {"1.2", "1.9", "1.10"};
  Version(9).disposition = Disposition::kQuarantined;
  const std::vector<std::string> versions = Versions({});
  EXPECT_EQ(std::count(versions.begin(), versions.end(), "1.9"), 1);
  EXPECT_EQ(std::count(versions.begin(), versions.end(), "1.2"), 0);
}

TEST_F(GarbageTest, ALiveVersionThatIsRefusedStaysNonetheless) {
  Version(10).disposition = Disposition::kQuarantined;
  const std::vector<std::string> versions = Versions({});
  EXPECT_EQ(std::count(versions.begin(), versions.end(), "1.10"), 0);
}

TEST_F(GarbageTest, WhatAnyoneNamedStays) {
  Digits().live.pinned = "1.0";
  Digits().routing.labels = {{"stable", "1.1"}};
  Digits().routing.canary = "1.2";
  Digits().routing.shadow = "1.3";
  snapshot_.releases = {{.id = 1,
                         .name = "both",
                         .state = ReleaseState::kPending,
                         .reason = "",
                         .members = {{"digits", "1.4"}},
                         .since = TestTime()},
                        {.id = 2,
                         .name = "done",
                         .state = ReleaseState::kLive,
                         .reason = "",
                         .members = {{"digits", "1.5"}},
                         .since = TestTime()},
                        {.id = 3,
                         .name = "other",
                         .state = ReleaseState::kPending,
                         .reason = "",
                         .members = {{"faces", "1.6"}},
                         .since = TestTime()}};
  Digits().watch = WatchRecord{.version = "1.10", .previous = "1.6", .ends_at = kNow, .deaths = 0};
  EXPECT_THAT(Versions({}), ElementsAre("1.5", "1.7", "1.8"));
}

TEST_F(GarbageTest, WhatIsInMemoryStays) {
  EXPECT_THAT(Versions({.model = "", .keep_last = 8},
                       [](const std::string& model, const std::string& version) {
                         return model == "digits" && version == "1.1";
                       }),
              ElementsAre("1.0", "1.2"));
}

TEST_F(GarbageTest, YoungVersionsStay) {
  Version(0).registered_at = kNow - absl::Hours(24 * 30) + absl::Seconds(1);
  Version(1).registered_at = kNow - absl::Hours(24 * 30);
  EXPECT_THAT(Versions({.model = "", .keep_last = 8, .keep_younger = absl::Hours(24 * 30)}),
              ElementsAre("1.1", "1.2"));
}

TEST_F(GarbageTest, QuarantinedAndRetiredCountAndAreCollected) {
  Version(2).disposition = Disposition::kRetired;
  Version(2).reason = "bad";
  Version(8).disposition = Disposition::kQuarantined;
  EXPECT_THAT(Versions({.model = "", .keep_last = 8}), ElementsAre("1.0", "1.1", "1.2"));
  EXPECT_THAT(Versions({.model = "", .keep_last = 2}),
              ElementsAre("1.0", "1.1", "1.2", "1.3", "1.4", "1.5", "1.6", "1.7", "1.8"));
}

TEST_F(GarbageTest, CollectedOnesAreNotListedAgainAndTakeNobodysPlace) {
  for (const int minor : {0, 8}) {
    Version(minor).disposition = Disposition::kRetired;
    Version(minor).reason = kCollectedReason;
  }
  // 1.10, 1.9, 1.7, 1.6 are the highest four.
  EXPECT_THAT(Versions({.model = "", .keep_last = 4}), ElementsAre("1.1", "1.2", "1.3", "1.4", "1.5"));
}

TEST_F(GarbageTest, OneModelOnlyAndThenNoOrphans) {
  ModelRecord faces{
      .name = "faces", .live = {}, .routing = {}, .watch = {}, .versions = {TestVersion("faces", "1")}};
  faces.versions[0].sha256 = Hash('b');
  snapshot_.models.push_back(faces);
  Store(Hash('f'), 7);
  const GarbagePlan plan = Plan({.model = "faces"});
  EXPECT_THAT(plan.versions, ElementsAre(GarbageVersion{
                                 .model = "faces", .version = "1", .sha256 = Hash('b'), .freed_bytes = 100}));
  EXPECT_THAT(plan.orphans, IsEmpty());
  EXPECT_EQ(plan.freed_bytes, 100);
}

TEST_F(GarbageTest, AnArtifactThatAnotherVersionNeedsIsNotFreed) {
  Version(0).sha256 = Version(10).sha256;
  const GarbagePlan plan = Plan({.model = "", .keep_last = 10});
  EXPECT_THAT(plan.versions,
              ElementsAre(GarbageVersion{
                  .model = "digits", .version = "1.0", .sha256 = Hash('a'), .freed_bytes = 0}));
  EXPECT_THAT(plan.artifacts, IsEmpty());
  EXPECT_EQ(plan.freed_bytes, 0);
}

TEST_F(GarbageTest, AnArtifactThatTwoCollectedVersionsShareIsFreedOnce) {
  Version(1).sha256 = Version(0).sha256;
  const GarbagePlan plan = Plan({.model = "", .keep_last = 9});
  EXPECT_THAT(plan.artifacts, ElementsAre(Hash('0')));
  EXPECT_EQ(plan.freed_bytes, 100);
  EXPECT_EQ(plan.versions[0].freed_bytes + plan.versions[1].freed_bytes, 100);
}

TEST_F(GarbageTest, OrphansAreWhatNothingNeedsUnlessItIsYoung) {
  Store(Hash('d'), 7, kOrphanAge);
  Store(Hash('e'), 8, kOrphanAge - absl::Seconds(1));
  Version(0).disposition = Disposition::kRetired;
  Version(0).reason = kCollectedReason;
  Store(Hash('0'), 9);  // its file came back, or was not removed
  const GarbagePlan plan = Plan({.model = "", .keep_last = 20});
  EXPECT_THAT(plan.orphans, ::testing::UnorderedElementsAre(Hash('d'), Hash('0')));
  EXPECT_EQ(plan.freed_bytes, 16);
}

TEST_F(GarbageTest, WhyKeptNamesTheReason) {
  Digits().routing.labels = {{"stable", "1.1"}};
  EXPECT_EQ(WhyKept(Digits(), "1.10"), "live");
  EXPECT_EQ(WhyKept(Digits(), "1.9"), "previous, where a rollback goes");
  EXPECT_EQ(WhyKept(Digits(), "1.1"), "labelled stable");
  EXPECT_EQ(WhyKept(Digits(), "1.2"), "");
}

}  // namespace
}  // namespace modeld
