#include "daemon/lifecycle/model_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tuple>
#include <utility>

#include "tests/support/fake_loader.h"

namespace modeld {
namespace {

using ::testing::ElementsAre;
using ::testing::FieldsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

VersionRecord Record(const std::string& version, Disposition disposition = Disposition::kGood) {
  VersionRecord record;
  record.model = "digits";
  record.version = version;
  record.disposition = disposition;
  return record;
}

ModelState Model(std::vector<VersionRecord> versions, LiveState live = {}) {
  return ModelState({.name = "digits",
                     .live = std::move(live),
                     .routing = {},
                     .watch = {},
                     .versions = std::move(versions)});
}

VersionHandle Handle(const std::string& version) { return FakeServedVersion("digits", version); }

TEST(LoadBackOffTest, DoublesFromASecondToAMinute) {
  const std::vector<std::pair<int, int>> table = {{1, 1},  {2, 2},  {3, 4},    {6, 32},
                                                  {7, 60}, {8, 60}, {1000, 60}};
  for (const auto& [failures, seconds] : table)
    EXPECT_EQ(LoadBackOff(failures), absl::Seconds(seconds)) << failures;
}

TEST(ModelStateTest, StatesOfAVersion) {
  ModelState model = Model({Record("1.0")});
  const VersionSlot& slot = *model.Find("1.0");
  EXPECT_EQ(StateOf(slot), VersionState::kAvailable);
  model.BeginLoad("1.0");
  EXPECT_EQ(StateOf(slot), VersionState::kLoading);
  model.EndLoad("1.0", Handle("1.0"), {});
  EXPECT_EQ(StateOf(slot), VersionState::kReady);
  std::vector<VersionHandle> unneeded = model.TakeUnneeded({});
  EXPECT_EQ(unneeded.size(), 1u);
  EXPECT_EQ(StateOf(slot), VersionState::kDraining);
  model.InstanceDestroyed("1.0");
  EXPECT_EQ(StateOf(slot), VersionState::kAvailable);
  model.SetDisposition("1.0", Disposition::kQuarantined, "bad magic");
  EXPECT_EQ(StateOf(slot), VersionState::kQuarantined);
  model.SetDisposition("1.0", Disposition::kRetired, "old");
  EXPECT_EQ(StateOf(slot), VersionState::kRetired);
}

TEST(ModelStateTest, AnOldInstancesEndDoesNotTouchTheNewOne) {
  ModelState model = Model({Record("1.0")});
  model.EndLoad("1.0", Handle("1.0"), {});
  const std::vector<VersionHandle> old_instance = model.TakeUnneeded({});
  model.EndLoad("1.0", Handle("1.0"), {});
  model.InstanceDestroyed("1.0");
  EXPECT_EQ(StateOf(*model.Find("1.0")), VersionState::kReady);
  EXPECT_EQ(model.Find("1.0")->instances, 1);
}

TEST(ModelStateTest, WishesFollowTheOrderOfKeepAndLeaveOutWhatIsThere) {
  ModelState model = Model({Record("1.0"), Record("1.1"), Record("1.2"), Record("1.3")});
  model.EndLoad("1.1", Handle("1.1"), {});
  model.BeginLoad("1.2");
  EXPECT_THAT(
      model.Wishes({"1.3", "1.1", "1.2", "1.0"}).loads,
      ElementsAre(FieldsAre("1.3", 1, absl::InfinitePast()), FieldsAre("1.0", 4, absl::InfinitePast())));
}

TEST(ModelStateTest, WhatIsToBeLoadedAgainIsWishedAfterWhatIsMissing) {
  ModelState model = Model({Record("1.0"), Record("1.1"), Record("1.2")});
  model.EndLoad("1.0", Handle("1.0"), {});
  model.EndLoad("1.2", Handle("1.2"), {});
  model.WishReload("1.0", "fake frozen", 5000);
  model.WishReload("1.2", "fake frozen", 7000);
  const std::vector<LoadWish> loads = model.Wishes({"1.2", "1.1"}).loads;
  ASSERT_EQ(loads.size(), 2u) << "1.0 is not to be kept";
  const auto& [again, missing] =
      loads[0].version == "1.2" ? std::tie(loads[0], loads[1]) : std::tie(loads[1], loads[0]);
  EXPECT_EQ(again.version, "1.2");
  EXPECT_EQ(missing.version, "1.1");
  EXPECT_LT(missing.priority, again.priority);
  EXPECT_EQ(BytesOf(model.Find("1.2")->record), 7000);
  EXPECT_EQ(StateOf(*model.Find("1.2")), VersionState::kReady);
}

TEST(ModelStateTest, AReloadIsWishedUntilItIsBegunOrItsVersionGoes) {
  ModelState model = Model({Record("1.0")});
  const auto wishes = [&] { return model.Wishes({"1.0"}).loads.size(); };
  model.EndLoad("1.0", Handle("1.0"), {});
  EXPECT_EQ(wishes(), 0u);

  model.WishReload("1.0", "fake frozen", 5000);
  EXPECT_EQ(wishes(), 1u);
  model.BeginLoad("1.0");
  EXPECT_EQ(StateOf(*model.Find("1.0")), VersionState::kReady) << "it serves meanwhile";
  EXPECT_EQ(wishes(), 0u);
  model.EndLoad("1.0", Handle("1.0"), {});
  EXPECT_EQ(wishes(), 0u) << "whatever it came to";
  model.InstanceDestroyed("1.0");

  model.WishReload("1.0", "fake frozen", 5000);
  model.BeginLoad("1.0");
  model.FailReload("1.0");
  EXPECT_EQ(wishes(), 0u);
  EXPECT_EQ(model.Find("1.0")->failures, 0);

  model.WishReload("1.0", "fake frozen", 5000);
  model.DropReload("1.0");
  EXPECT_EQ(wishes(), 0u);

  model.WishReload("1.0", "fake frozen", 5000);
  EXPECT_EQ(model.TakeUnneeded({}).size(), 1u);
  model.BeginLoad("1.0");
  model.EndLoad("1.0", Handle("1.0"), {});
  EXPECT_EQ(wishes(), 0u) << "it came back as it should be";

  model.WishReload("1.0", "fake frozen", 5000);
  EXPECT_NE(model.MakeRoom("1.0"), nullptr);
  model.BeginLoad("1.0");
  model.EndLoad("1.0", Handle("1.0"), {});
  EXPECT_EQ(wishes(), 0u);
}

TEST(ModelStateTest, APlanFoundDuringALoadIsWishedAfterItUnlessItRunsByThat) {
  ModelState model = Model({Record("1.0")});
  const auto wishes = [&] { return model.Wishes({"1.0"}).loads.size(); };
  const auto frozen = [] {
    auto version = FakeServedVersion("digits", "1.0");
    version->plan = "fake frozen";
    return VersionHandle(std::move(version));
  };
  model.BeginLoad("1.0");
  model.WishReload("1.0", "fake frozen", 5000);
  EXPECT_EQ(wishes(), 0u);
  model.EndLoad("1.0", Handle("1.0"), {});
  EXPECT_EQ(wishes(), 1u);
  model.BeginLoad("1.0");
  model.WishReload("1.0", "fake frozen", 5000);
  model.EndLoad("1.0", frozen(), {});
  EXPECT_EQ(wishes(), 0u);
}

TEST(ModelStateTest, AnInstanceThatIsLeftIsCountedAsItIsNow) {
  ModelState model = Model({Record("1.0")});
  const VersionSlot& slot = *model.Find("1.0");
  model.WishReload("1.0", "", 1000);
  model.EndLoad("1.0", Handle("1.0"), {});
  EXPECT_EQ(slot.instance_bytes, 1000);
  model.WishReload("1.0", "fake frozen", 7000);
  model.EndLoad("1.0", Handle("1.0"), {});
  EXPECT_EQ(slot.instance_bytes, 1000) << "alike, as long as there are several";
  model.InstanceDestroyed("1.0");
  EXPECT_EQ(slot.instance_bytes, 7000);
  // One that is itself on its way out goes as it came.
  const std::vector<VersionHandle> unneeded = model.TakeUnneeded({});
  model.WishReload("1.0", "", 1000);
  model.EndLoad("1.0", Handle("1.0"), {});
  const std::vector<VersionHandle> other = model.TakeUnneeded({});
  model.InstanceDestroyed("1.0");
  EXPECT_EQ(slot.instance_bytes, 7000);
}

TEST(ModelStateTest, WhatACommandWaitsForIsWishedBeforeAllAndOnce) {
  ModelState model = Model({Record("1.0"), Record("1.1", Disposition::kRetired)});
  model.FailLoad("1.0", absl::ResourceExhaustedError("no memory"), kNow);
  model.Hold("1.0", true);
  model.Hold("1.1", true);
  EXPECT_THAT(model.Wishes({"1.0"}).loads, ElementsAre(FieldsAre("1.0", 0, absl::InfinitePast()),
                                                       FieldsAre("1.1", 0, absl::InfinitePast())));
  model.FailLoad("1.0", absl::ResourceExhaustedError("no memory"), kNow);
  model.Release("1.1", true);
  EXPECT_THAT(model.Wishes({"1.0"}).loads, ElementsAre(FieldsAre("1.0", 1, kNow + LoadBackOff(2))))
      << "one try a command, then the back-off counts again";
}

TEST(ModelStateTest, WhatACommandHoldsIsNeeded) {
  ModelState model = Model({Record("1.0")});
  model.Hold("1.0", true);
  model.Hold("1.0", true);
  model.EndLoad("1.0", Handle("1.0"), {});
  model.Release("1.0", true);
  EXPECT_THAT(model.TakeUnneeded({}), IsEmpty());
  model.Release("1.0", true);
  EXPECT_EQ(model.TakeUnneeded({}).size(), 1u);
}

TEST(ModelStateTest, AVersionOnTrialIsNotOfferedToRequests) {
  ModelState model = Model({Record("1.0", Disposition::kRetired)});
  model.Hold("1.0", true);
  model.EndLoad("1.0", Handle("1.0"), {});
  EXPECT_THAT(model.Entry()->ready, IsEmpty());
  EXPECT_EQ(model.Decide().live, "");
  model.SetDisposition("1.0", Disposition::kGood, "");
  EXPECT_EQ(model.Decide().live, "1.0");
}

TEST(ModelStateTest, StartingEndsWithServingOrWithTheLastFailure) {
  ModelState model =
      Model({Record("1.0"), Record("1.1")}, {.history = {"1.1"}, .pinned = "", .pin_reason = ""});
  const auto starting = [&] { return model.Starting(model.Decide().keep); };
  EXPECT_TRUE(starting());
  model.BeginLoad("1.1");
  EXPECT_TRUE(starting());
  model.FailLoad("1.1", absl::ResourceExhaustedError("no memory"), kNow);
  EXPECT_TRUE(starting()) << "1.0 may still serve in its place";
  model.FailLoad("1.0", absl::ResourceExhaustedError("no memory"), kNow);
  EXPECT_FALSE(starting());
  model.EndLoad("1.1", Handle("1.1"), {});
  EXPECT_FALSE(starting());
}

TEST(ModelStateTest, EntryTellsWhyAVersionIsNotReady) {
  ModelState model = Model({Record("1.0"), Record("1.1"), Record("1.2"), Record("1.3"), Record("1.4")},
                           {.history = {"1.0", "1.1"}, .pinned = "", .pin_reason = ""});
  model.EndLoad("1.1", Handle("1.1"), {});
  model.BeginLoad("1.2");
  model.FailLoad("1.3", absl::ResourceExhaustedError("no memory"), kNow);
  model.SetDisposition("1.4", Disposition::kQuarantined, "bad magic");
  const std::shared_ptr<const ServingEntry> entry = model.Entry();
  EXPECT_EQ(entry->live->version, "1.1");
  EXPECT_THAT(entry->labels, ElementsAre(Pair("live", "1.1"), Pair("previous", "1.0")));
  EXPECT_THAT(
      entry->unavailable,
      ElementsAre(Pair("1.0",
                       "version \"1.0\" of model \"digits\" is registered but not loaded; make it live with: "
                       "modelctl promote digits 1.0"),
                  Pair("1.2", "version \"1.2\" of model \"digits\" is loading; try again shortly"),
                  Pair("1.3", "version \"1.3\" of model \"digits\" could not be loaded: no memory"),
                  Pair("1.4", "version \"1.4\" of model \"digits\" is quarantined: bad magic")));
}

}  // namespace
}  // namespace modeld
