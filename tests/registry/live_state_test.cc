#include "registry/live_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <string>
#include <vector>

#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Versions = std::vector<std::string>;

UsableFn AllBut(Versions unusable) {
  return [unusable = std::move(unusable)](std::string_view version) {
    return std::find(unusable.begin(), unusable.end(), version) == unusable.end();
  };
}

LiveState History(Versions history) {
  return {.history = std::move(history), .pinned = "", .pin_reason = ""};
}

TEST(LiveVersionTest, IsTheLastOfTheHistory) {
  EXPECT_EQ(LiveVersion({}), "");
  EXPECT_EQ(LiveVersion(History({"1.0"})), "1.0");
  EXPECT_EQ(LiveVersion(History({"1.0", "1.1"})), "1.1");
}

struct RollbackCase {
  const char* what;
  Versions history;
  Versions unusable;
  std::string to;
  Versions expected;  // history afterwards
};

void PrintTo(const RollbackCase& test, std::ostream* out) { *out << test.what; }

class RollbackTest : public testing::TestWithParam<RollbackCase> {};

TEST_P(RollbackTest, MovesLiveAndPinsIt) {
  const RollbackCase& test = GetParam();
  const LiveState before = {.history = test.history, .pinned = "1.7", .pin_reason = "an older pin"};
  const std::string previous = PreviousVersion(before, AllBut(test.unusable));
  ASSERT_OK_AND_ASSIGN(const LiveState after, Rollback(before, test.to, "too slow", AllBut(test.unusable)));
  EXPECT_EQ(after.history, test.expected);
  EXPECT_EQ(after.pinned, test.expected.back());
  EXPECT_EQ(after.pin_reason, "too slow");
  if (test.to.empty()) {
    EXPECT_EQ(previous, test.expected.back());
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, RollbackTest,
    testing::Values(
        RollbackCase{"to the one before", {"1.0", "1.1", "1.2"}, {}, "", {"1.0", "1.1"}},
        RollbackCase{"past a quarantined one", {"1.0", "1.1", "1.2"}, {"1.1"}, "", {"1.0"}},
        RollbackCase{
            "past several that cannot be served", {"1.0", "1.1", "1.2", "1.3"}, {"1.1", "1.2"}, "", {"1.0"}},
        RollbackCase{"from a live one that cannot be served", {"1.0", "1.1"}, {"1.1"}, "", {"1.0"}},
        RollbackCase{"past repetitions of live", {"1.0", "1.1", "1.1"}, {}, "", {"1.0"}},
        RollbackCase{"to a newer one after an older was promoted", {"1.0", "1.1", "1.0"}, {}, "", {"1.1"}},
        RollbackCase{"to a named one", {"1.0", "1.1", "1.2"}, {}, "1.0", {"1.0"}},
        RollbackCase{"to a named one that was live twice",
                     {"1.0", "1.1", "1.0", "1.2", "1.3"},
                     {},
                     "1.0",
                     {"1.0", "1.1", "1.0"}},
        RollbackCase{
            "to a named one that never was live", {"1.0", "1.1", "1.2"}, {}, "0.9", {"1.0", "1.1", "0.9"}},
        RollbackCase{"to a named one from the only one", {"1.2"}, {}, "0.9", {"0.9"}},
        RollbackCase{"to a named one while none is live", {}, {}, "0.9", {"0.9"}}));

TEST(RollbackTwiceTest, GoesFurtherBack) {
  LiveState state = History({"1.0", "1.1", "1.2"});
  ASSERT_OK_AND_ASSIGN(state, Rollback(state, "", "first", AllBut({})));
  EXPECT_EQ(LiveVersion(state), "1.1");
  ASSERT_OK_AND_ASSIGN(state, Rollback(state, "", "second", AllBut({})));
  EXPECT_EQ(LiveVersion(state), "1.0");
  EXPECT_THAT(
      Rollback(state, "", "third", AllBut({})),
      StatusIs(absl::StatusCode::kFailedPrecondition,
               AllOf(HasSubstr("no usable version was live before \"1.0\""), HasSubstr("rollback --to"))));
}

TEST(RollbackTwiceTest, NeverReturnsToAVersionThatWasRolledBackFrom) {
  LiveState state = History({"1.0", "1.1", "1.2", "1.1"});
  ASSERT_OK_AND_ASSIGN(state, Rollback(state, "", "1.1 is bad", AllBut({})));
  EXPECT_EQ(LiveVersion(state), "1.2");
  ASSERT_OK_AND_ASSIGN(state, Rollback(state, "", "1.2 is bad too", AllBut({})));
  EXPECT_EQ(LiveVersion(state), "1.0");
}

TEST(RollbackErrorTest, NoVersionIsLive) {
  EXPECT_THAT(Rollback({}, "", "", AllBut({})),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("use promote")));
}

TEST(RollbackErrorTest, NoEarlierVersionIsUsable) {
  EXPECT_THAT(Rollback(History({"1.0", "1.1", "1.2"}), "", "", AllBut({"1.0", "1.1"})),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("live before \"1.2\"")));
  EXPECT_EQ(PreviousVersion(History({"1.0", "1.1"}), AllBut({"1.0"})), "");
}

TEST(RollbackErrorTest, TheTargetIsLive) {
  EXPECT_THAT(Rollback(History({"1.0", "1.1"}), "1.1", "", AllBut({})),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("\"1.1\" is live already"), HasSubstr("use pin"))));
}

TEST(RollbackErrorTest, TheTargetCannotBeServed) {
  EXPECT_THAT(Rollback(History({"1.0", "1.1"}), "1.0", "", AllBut({"1.0"})),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("\"1.0\" cannot be served")));
}

struct PromoteCase {
  const char* what;
  Versions history;
  std::string version;
  bool pin;
  std::string highest;
  Versions expected;
  std::string expected_pin;
};

void PrintTo(const PromoteCase& test, std::ostream* out) { *out << test.what; }

class PromoteTest : public testing::TestWithParam<PromoteCase> {};

TEST_P(PromoteTest, MovesLiveAndPinsWhereANewerOneWouldUndoIt) {
  const PromoteCase& test = GetParam();
  const LiveState before = {.history = test.history, .pinned = "1.0", .pin_reason = "an older pin"};
  const LiveState after = Promote(before, test.version, test.pin, test.highest, "because");
  EXPECT_EQ(after.history, test.expected);
  EXPECT_EQ(after.pinned, test.expected_pin);
  EXPECT_EQ(after.pin_reason, test.expected_pin.empty() ? "" : "because");
}

INSTANTIATE_TEST_SUITE_P(
    All, PromoteTest,
    testing::Values(
        PromoteCase{"the first", {}, "1.0", false, "1.0", {"1.0"}, ""},
        PromoteCase{
            "the newest is not pinned", {"1.0", "1.1"}, "1.2", false, "1.2", {"1.0", "1.1", "1.2"}, ""},
        PromoteCase{
            "the newest, with a pin", {"1.0", "1.1"}, "1.2", true, "1.2", {"1.0", "1.1", "1.2"}, "1.2"},
        PromoteCase{
            "an older one is pinned", {"1.0", "1.1"}, "1.0", false, "1.1", {"1.0", "1.1", "1.0"}, "1.0"},
        PromoteCase{
            "the live one again is unpinned", {"1.0", "1.1"}, "1.1", false, "1.1", {"1.0", "1.1"}, ""},
        PromoteCase{"the live one with a pin", {"1.0", "1.1"}, "1.1", true, "1.1", {"1.0", "1.1"}, "1.1"}));

TEST(PromoteTest, TheHistoryKeepsTheLatest) {
  LiveState state;
  for (size_t i = 1; i <= kMaxLiveHistory + 3; ++i) {
    const std::string version = std::to_string(i);
    state = Promote(state, version, false, version, "");
  }
  EXPECT_EQ(state.history.size(), kMaxLiveHistory);
  EXPECT_EQ(state.history.front(), "4");
  EXPECT_EQ(LiveVersion(state), std::to_string(kMaxLiveHistory + 3));
}

TEST(UnpinTest, ForgetsThePinAndLeavesLive) {
  const LiveState state = Unpin({.history = {"1.1", "1.0"}, .pinned = "1.0", .pin_reason = "held"});
  EXPECT_EQ(state, History({"1.1", "1.0"}));
}

}  // namespace
}  // namespace modeld
