#include "daemon/lifecycle/policy.h"

#include <random>
#include <set>

#include "absl/strings/str_cat.h"
#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

PolicyVersion Unusable(const std::string& version) {
  PolicyVersion unusable;
  unusable.version = version;
  return unusable;
}
PolicyVersion Good(const std::string& version) {
  PolicyVersion good = Unusable(version);
  good.usable = true;
  return good;
}
PolicyVersion Ready(const std::string& version) {
  PolicyVersion ready = Good(version);
  ready.ready = true;
  return ready;
}
PolicyVersion Failed(const std::string& version) {
  PolicyVersion failed = Good(version);
  failed.failed = true;
  return failed;
}
PolicyVersion Held(PolicyVersion version) {
  version.held = true;
  return version;
}
PolicyVersion Wanted(PolicyVersion version) {
  version.wanted = true;
  return version;
}

LiveState Live(std::vector<std::string> history, std::string pinned = "") {
  return {.history = std::move(history), .pinned = std::move(pinned), .pin_reason = ""};
}

struct Case {
  const char* name;
  std::vector<PolicyVersion> versions;
  LiveState live;
  std::string expected_live;
  std::vector<std::string> expected_keep;
  std::string expected_reason = "";
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class PolicyTest : public ::testing::TestWithParam<Case> {};

TEST_P(PolicyTest, Decides) {
  const Case& c = GetParam();
  const PolicyDecision decision = Decide({.versions = c.versions, .live = c.live});
  EXPECT_EQ(decision.live, c.expected_live);
  EXPECT_EQ(decision.keep, c.expected_keep);
  EXPECT_EQ(decision.reason, c.expected_reason);
}

INSTANTIATE_TEST_SUITE_P(
    Table, PolicyTest,
    ::testing::Values(
        Case{"NoVersions", {}, Live({}), "", {}},
        Case{"FirstVersionIsLoaded", {Good("1.0")}, Live({}), "", {"1.0"}},
        Case{"FirstVersionGoesLive", {Ready("1.0")}, Live({}), "1.0", {"1.0"}, "highest good version"},
        Case{"LiveStays", {Ready("1.0")}, Live({"1.0"}), "1.0", {"1.0"}},
        Case{"NewerIsLoadedWhileTheOldOneServes",
             {Ready("1.0"), Good("1.1")},
             Live({"1.0"}),
             "1.0",
             {"1.0", "1.1"}},
        Case{"NewerGoesLiveAndTheOldOneStaysWarm",
             {Ready("1.0"), Ready("1.1")},
             Live({"1.0"}),
             "1.1",
             {"1.1", "1.0"},
             "highest good version"},
        Case{"NumericOrder",
             {Ready("1.9"), Ready("1.10")},
             Live({"1.9"}),
             "1.10",
             {"1.10", "1.9"},
             "highest good version"},
        Case{"OlderThanPreviousIsLetGo",
             {Ready("1.0"), Ready("1.1"), Ready("1.2")},
             Live({"1.0", "1.1", "1.2"}),
             "1.2",
             {"1.2", "1.1"}},
        Case{"LowerVersionDroppedLaterDoesNotGoLive",
             {Good("0.9"), Ready("1.0")},
             Live({"1.0"}),
             "1.0",
             {"1.0"}},
        Case{"HeldIsNotFollowed", {Ready("1.0"), Held(Ready("1.1"))}, Live({"1.0"}), "1.0", {"1.0"}},
        Case{"HeldIsPreparedWhereItIsWanted",
             {Ready("1.0"), Held(Wanted(Good("1.1")))},
             Live({"1.0"}),
             "1.0",
             {"1.0", "1.1"}},
        Case{"HeldServesWhereAPersonMadeItLive",
             {Ready("1.0"), Held(Ready("1.1"))},
             Live({"1.0", "1.1"}, "1.1"),
             "1.1",
             {"1.1", "1.0"}},
        Case{"HeldIsNoFallback", {Unusable("1.0"), Held(Ready("1.1"))}, Live({"1.0"}), "", {}},
        Case{"OnlyHeldVersions", {Held(Ready("1.0"))}, Live({}), "", {}},
        Case{
            "WantedStaysInMemory", {Wanted(Good("0.5")), Ready("1.0")}, Live({"1.0"}), "1.0", {"1.0", "0.5"}},
        Case{"WantedButUnusableDoesNot",
             {Wanted(Unusable("0.5")), Ready("1.0")},
             Live({"1.0"}),
             "1.0",
             {"1.0"}},
        Case{"QuarantinedIsSkipped", {Ready("1.0"), Unusable("1.1")}, Live({"1.0"}), "1.0", {"1.0"}},
        Case{"PinnedStaysAndTheNewestIsPrepared",
             {Ready("1.0"), Ready("1.1"), Good("1.2")},
             Live({"1.0"}, "1.0"),
             "1.0",
             {"1.0", "1.2"}},
        Case{"PinnedStaysThoughTheNewestIsReady",
             {Ready("1.0"), Ready("1.2")},
             Live({"1.0"}, "1.0"),
             "1.0",
             {"1.0", "1.2"}},
        Case{"MovesToThePin",
             {Ready("1.0"), Ready("1.1")},
             Live({"1.1"}, "1.0"),
             "1.0",
             {"1.0", "1.1"},
             "pinned"},
        Case{"PinThatCannotServeIsPassedOver",
             {Unusable("1.0"), Ready("1.1")},
             Live({"1.1"}, "1.0"),
             "1.1",
             {"1.1"}},
        Case{"AtTheStartNothingMovesBeforeLiveIsLoaded",
             {Good("1.0"), Ready("1.1"), Ready("0.9")},
             Live({"0.9", "1.0"}, "1.0"),
             "1.0",
             {"1.0", "0.9", "1.1"}},
        Case{"LiveQuarantinedFallsBack",
             {Ready("1.0"), Unusable("1.1")},
             Live({"1.0", "1.1"}),
             "1.0",
             {"1.0"},
             "highest good version"},
        Case{"LiveQuarantinedAndTheNextIsNotReady",
             {Ready("1.0"), Good("1.1"), Unusable("1.2")},
             Live({"1.0", "1.2"}),
             "1.0",
             {"1.0", "1.1"},
             "1.2 cannot be served"},
        Case{"LiveThatFailedToLoadFallsBackUntilItIsBack",
             {Ready("1.0"), Failed("1.1")},
             Live({"1.0", "1.1"}),
             "1.0",
             {"1.0", "1.1"},
             "1.1 cannot be served"},
        Case{"PinnedThatFailedToLoadIsWaitedFor",
             {Failed("1.0"), Ready("1.1")},
             Live({"1.0"}, "1.0"),
             "1.0",
             {"1.0", "1.1"}},
        Case{"WhereAllFailedTheNextIsTried",
             {Good("0.8"), Good("0.9"), Failed("1.0")},
             Live({"1.0"}),
             "1.0",
             {"1.0", "0.9"}},
        Case{"WhereAllFailedTheNextServes",
             {Good("0.8"), Ready("0.9"), Failed("1.0")},
             Live({"1.0"}),
             "0.9",
             {"0.9", "1.0"},
             "1.0 cannot be served"},
        Case{"NothingUsable", {Unusable("1.0")}, Live({"1.0"}), "", {}},
        Case{"LiveQuarantinedAndNothingReady", {Good("1.0"), Unusable("1.1")}, Live({"1.1"}), "", {"1.0"}}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(PolicyTest, HighestUsable) {
  EXPECT_EQ(HighestUsable({}), "");
  EXPECT_EQ(HighestUsable({Good("1.9"), Good("1.10"), Unusable("2.0")}), "1.10");
  EXPECT_EQ(HighestUsable({Good("1.0-rc.1"), Good("1.0")}), "1.0");
}

TEST(PolicyTest, MoveLiveKeepsThePin) {
  const LiveState next = MoveLive({.history = {"1.0"}, .pinned = "1.0", .pin_reason = "bad"}, "1.1");
  EXPECT_EQ(next, (LiveState{.history = {"1.0", "1.1"}, .pinned = "1.0", .pin_reason = "bad"}));
}

// Applying the decision, and loading what it asks for, ends; and asking again then asks for nothing more.
TEST(PolicyTest, IsIdempotentOnRandomSnapshots) {
  std::mt19937 random(20240501);
  const auto coin = [&] { return random() % 2 == 0; };
  for (int round = 0; round < 2000; ++round) {
    PolicyInput input;
    for (int i = 0; i < 5; ++i) {
      PolicyVersion version = Unusable(absl::StrCat("1.", i));
      version.held = coin() && coin();
      version.wanted = coin() && coin();
      version.usable = coin() || coin();
      version.ready = version.usable && coin();
      version.failed = version.usable && !version.ready && coin();
      input.versions.push_back(version);
    }
    for (int i = random() % 4; i > 0; --i) {
      const std::string version = absl::StrCat("1.", random() % 5);
      if (LiveVersion(input.live) != version) input.live.history.push_back(version);
    }
    if (coin()) input.live.pinned = absl::StrCat("1.", random() % 5);

    const PolicyDecision first = Decide(input);
    if (!first.live.empty()) input.live = MoveLive(input.live, first.live);
    const PolicyDecision second = Decide(input);
    EXPECT_EQ(second.live, first.live) << "round " << round;
    EXPECT_EQ(std::set<std::string>(second.keep.begin(), second.keep.end()),
              std::set<std::string>(first.keep.begin(), first.keep.end()))
        << "round " << round;
    EXPECT_EQ(second.reason, "") << "round " << round;
    for (const PolicyVersion& version : input.versions) {
      const bool kept = std::find(first.keep.begin(), first.keep.end(), version.version) != first.keep.end();
      EXPECT_TRUE(version.usable || !kept) << "round " << round << ": keeps " << version.version;
      EXPECT_TRUE(version.usable || first.live != version.version) << "round " << round;
    }
  }
}

}  // namespace
}  // namespace modeld
