#include "daemon/source/settle.h"

#include <gmock/gmock.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace modeld {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr SettleOptions kOptions = {.settle_time = absl::Milliseconds(500),
                                    .incomplete_time = absl::Seconds(10)};

absl::Time At(int ms) { return absl::UnixEpoch() + absl::Milliseconds(ms); }

// A file in its `state`th state.
ScannedFile File(const std::string& path, int state = 1) {
  return {.path = path,
          .full_path = "/drop/" + path,
          .sidecar_path = "/drop/" + path + ".config.json",
          .identity = {.size = 100 * state, .mtime_ns = state, .ctime_ns = state, .inode = 7, .device = 1},
          .sidecar = {},
          .golden = {},
          .status = absl::OkStatus()};
}

std::vector<std::string> Paths(const std::vector<ScannedFile>& files) {
  std::vector<std::string> paths;
  for (const ScannedFile& file : files) paths.push_back(file.path);
  return paths;
}

struct Moment {
  int at_ms;
  // What a scan sees, as names with states; nothing: no scan.
  std::optional<std::vector<std::pair<std::string, int>>> seen;
  std::vector<std::string> due;
};

struct SettleCase {
  std::string name;
  std::vector<Moment> moments;
};

class SettleTableTest : public ::testing::TestWithParam<SettleCase> {};

TEST_P(SettleTableTest, Due) {
  SettleTracker tracker(kOptions);
  for (const Moment& moment : GetParam().moments) {
    if (moment.seen) {
      std::vector<ScannedFile> files;
      for (const auto& [path, state] : *moment.seen) files.push_back(File(path, state));
      tracker.Observe(files, At(moment.at_ms));
    }
    EXPECT_EQ(Paths(tracker.Due(At(moment.at_ms))), moment.due) << "at " << moment.at_ms << " ms";
  }
}

using Seen = std::vector<std::pair<std::string, int>>;

INSTANTIATE_TEST_SUITE_P(
    All, SettleTableTest,
    ::testing::Values(
        SettleCase{"NothingAtAll", {{0, Seen{}, {}}, {1000, Seen{}, {}}}},
        SettleCase{"DueWhenItStoodStillForTheSettleTime",
                   {{0, Seen{{"a", 1}}, {}}, {499, std::nullopt, {}}, {500, std::nullopt, {"a"}}}},
        SettleCase{"SeenAgainUnchangedDoesNotBeginAnew",
                   {{0, Seen{{"a", 1}}, {}}, {300, Seen{{"a", 1}}, {}}, {500, Seen{{"a", 1}}, {"a"}}}},
        SettleCase{"EveryChangeBeginsAnew",
                   {{0, Seen{{"a", 1}}, {}},
                    {400, Seen{{"a", 2}}, {}},
                    {800, Seen{{"a", 3}}, {}},
                    {1299, Seen{{"a", 3}}, {}},
                    {1300, Seen{{"a", 3}}, {"a"}}}},
        SettleCase{"AnOlderStateIsAChangeToo",
                   {{0, Seen{{"a", 9}}, {}},
                    {400, Seen{{"a", 1}}, {}},
                    {500, std::nullopt, {}},
                    {900, std::nullopt, {"a"}}}},
        SettleCase{"FilesSettleEachForItself",
                   {{0, Seen{{"b", 1}}, {}},
                    {200, Seen{{"a", 1}, {"b", 1}}, {}},
                    {500, std::nullopt, {"b"}},
                    {700, std::nullopt, {"a", "b"}}}},
        SettleCase{"AVanishedFileIsForgotten",
                   {{0, Seen{{"a", 1}}, {}}, {400, Seen{}, {}}, {500, std::nullopt, {}}}},
        SettleCase{"AFileThatCameBackSettlesAnew",
                   {{0, Seen{{"a", 1}}, {}},
                    {100, Seen{}, {}},
                    {200, Seen{{"a", 1}}, {}},
                    {699, std::nullopt, {}},
                    {700, std::nullopt, {"a"}}}},
        SettleCase{"DueUntilItIsDealtWith",
                   {{0, Seen{{"a", 1}}, {}}, {500, Seen{{"a", 1}}, {"a"}}, {9000, Seen{{"a", 1}}, {"a"}}}},
        SettleCase{"AClockThatWasSetBackDelaysNothing",
                   {{1'000'000, Seen{{"a", 1}}, {}},
                    {1'000'300, Seen{{"a", 1}}, {}},
                    {5'000, Seen{{"a", 1}}, {}},
                    {5'199, std::nullopt, {}},
                    {5'200, std::nullopt, {"a"}}}}),
    [](const auto& info) { return info.param.name; });

TEST(SettleTest, EveryPartOfTheStateCounts) {
  const ScannedFile before = File("a");
  ScannedFile sidecar = before, target = before, sidecar_target = before, status = before;
  sidecar.sidecar.size = 12;
  target.full_path = "/drop/other";
  sidecar_target.sidecar_path = "/drop/other.config.json";
  status.status = absl::PermissionDeniedError("no");
  for (const ScannedFile& after : {sidecar, target, sidecar_target, status}) {
    SettleTracker tracker(kOptions);
    tracker.Observe({before}, At(0));
    tracker.Observe({after}, At(400));
    EXPECT_EQ(tracker.NextDue(), At(900));
  }
}

TEST(SettleTest, DueGivesTheLatestObservation) {
  SettleTracker tracker(kOptions);
  tracker.Observe({File("a", 1)}, At(0));
  tracker.Observe({File("a", 2)}, At(100));
  const std::vector<ScannedFile> due = tracker.Due(At(600));
  ASSERT_EQ(due.size(), 1u);
  EXPECT_EQ(due[0].identity, File("a", 2).identity);
}

TEST(SettleTest, NextDueIsTheEarliest) {
  SettleTracker tracker(kOptions);
  EXPECT_EQ(tracker.NextDue(), absl::InfiniteFuture());
  tracker.Observe({File("a")}, At(0));
  tracker.Observe({File("a"), File("b")}, At(200));
  EXPECT_EQ(tracker.NextDue(), At(500));
  tracker.Done("a");
  EXPECT_EQ(tracker.NextDue(), At(700));
  tracker.Done("b");
  EXPECT_EQ(tracker.NextDue(), absl::InfiniteFuture());
}

TEST(SettleTest, AnIncompleteFileIsDueAgainOnceWhenTheIncompleteTimePassed) {
  SettleTracker tracker(kOptions);
  tracker.Observe({File("a")}, At(0));
  EXPECT_FALSE(tracker.Incomplete("a", At(500)));
  EXPECT_EQ(tracker.NextDue(), At(10'000));
  EXPECT_THAT(tracker.Due(At(9'999)), IsEmpty());
  EXPECT_THAT(Paths(tracker.Due(At(10'000))), ElementsAre("a"));
  EXPECT_TRUE(tracker.Incomplete("a", At(10'000)));
}

TEST(SettleTest, AnIncompleteFileThatGrowsIsWaitedForAnew) {
  SettleTracker tracker(kOptions);
  tracker.Observe({File("a", 1)}, At(0));
  EXPECT_FALSE(tracker.Incomplete("a", At(500)));
  tracker.Observe({File("a", 2)}, At(9'000));
  EXPECT_THAT(Paths(tracker.Due(At(9'500))), ElementsAre("a"));
  EXPECT_FALSE(tracker.Incomplete("a", At(9'500)));
  EXPECT_EQ(tracker.NextDue(), At(19'000));
}

TEST(SettleTest, RetriesBackOffFromOneSecondToAMinute) {
  SettleTracker tracker(kOptions);
  tracker.Observe({File("a")}, At(0));
  absl::Time now = At(500);
  for (const int seconds : {1, 2, 4, 8, 16, 32, 60, 60, 60}) {
    tracker.RetryLater("a", now);
    EXPECT_EQ(tracker.NextDue() - now, absl::Seconds(seconds));
    now = tracker.NextDue();
    tracker.Observe({File("a")}, now);
    EXPECT_THAT(Paths(tracker.Due(now)), ElementsAre("a"));
  }
  for (int i = 0; i < 100; ++i) tracker.RetryLater("a", now);
  EXPECT_EQ(tracker.NextDue() - now, absl::Minutes(1));
}

TEST(SettleTest, AChangeEndsTheBackOff) {
  SettleTracker tracker(kOptions);
  tracker.Observe({File("a", 1)}, At(0));
  for (int i = 0; i < 9; ++i) tracker.RetryLater("a", At(500));
  tracker.Observe({File("a", 2)}, At(1'000));
  EXPECT_EQ(tracker.NextDue(), At(1'500));
  tracker.RetryLater("a", At(1'500));
  EXPECT_EQ(tracker.NextDue(), At(2'500));
}

TEST(SettleTest, RetryNowMakesRetriesDueAndNothingElse) {
  SettleTracker tracker(kOptions);
  tracker.Observe({File("fresh"), File("incomplete"), File("retried")}, At(0));
  tracker.RetryLater("retried", At(100));
  tracker.Incomplete("incomplete", At(100));
  tracker.RetryNow(At(200));
  EXPECT_THAT(Paths(tracker.Due(At(200))), ElementsAre("retried"));
  EXPECT_THAT(Paths(tracker.Unseen()), ElementsAre("fresh", "retried"));
}

TEST(SettleTest, AFileThatChangedWhileItWasLookedAtSettlesAnew) {
  SettleTracker tracker(kOptions);
  tracker.Observe({File("a")}, At(0));
  tracker.Changed("a", At(500));
  EXPECT_THAT(tracker.Due(At(999)), IsEmpty());
  EXPECT_THAT(Paths(tracker.Due(At(1'000))), ElementsAre("a"));
}

TEST(SettleTest, UnseenAreThoseNotLookedAtSinceTheyChanged) {
  SettleTracker tracker(kOptions);
  tracker.Observe({File("a"), File("b"), File("c"), File("d")}, At(0));
  EXPECT_THAT(Paths(tracker.Unseen()), ElementsAre("a", "b", "c", "d"));
  EXPECT_EQ(tracker.OldestUnseen(), At(0));
  tracker.Incomplete("a", At(500));
  tracker.RetryLater("b", At(500));
  tracker.Changed("c", At(500));
  tracker.Done("d");
  EXPECT_THAT(Paths(tracker.Unseen()), ElementsAre("c"));
  EXPECT_EQ(tracker.OldestUnseen(), At(500));
  tracker.Observe({File("a", 2), File("b"), File("c")}, At(600));
  EXPECT_THAT(Paths(tracker.Unseen()), ElementsAre("a", "c"));
  EXPECT_EQ(tracker.OldestUnseen(), At(500));
  tracker.Done("a");
  tracker.Done("c");
  EXPECT_EQ(tracker.OldestUnseen(), absl::InfiniteFuture());
}

TEST(SettleTest, FilesThatAreNotFollowedAreIgnored) {
  SettleTracker tracker(kOptions);
  EXPECT_FALSE(tracker.Incomplete("x", At(0)));
  tracker.Changed("x", At(0));
  tracker.RetryLater("x", At(0));
  tracker.Done("x");
  EXPECT_EQ(tracker.NextDue(), absl::InfiniteFuture());
}

}  // namespace
}  // namespace modeld
