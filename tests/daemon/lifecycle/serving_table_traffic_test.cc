// Which requests ServingTable sends to a canary, and which it copies to a shadow.
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/lifecycle/reaper.h"
#include "daemon/lifecycle/serving_table.h"
#include "daemon/lifecycle/stable_hash.h"
#include "tests/support/fake_loader.h"
#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using testing::HasSubstr;
using testing::IsSubsetOf;

constexpr int kKeys = 20'000;

class ServingTableTrafficTest : public testing::Test {
 protected:
  ~ServingTableTrafficTest() override { table_.Clear(); }

  struct Traffic {
    double canary = 0;
    double shadow = 0;
    bool canary_ready = true;
    bool live_ready = true;
  };

  // Version 1 is live, 2 the canary, 3 the shadow.
  void Publish(const Traffic& traffic, const std::string& model = "digits") {
    auto entry = std::make_shared<ServingEntry>();
    for (const char* version : {"1", "2", "3"}) {
      entry->ready[version] = reaper_.MakeHandle(FakeServedVersion(model, version));
    }
    entry->labels = {{"live", "1"}, {"canary", "2"}, {"stable", "1"}};
    if (!traffic.canary_ready) {
      entry->ready.erase("2");
      entry->unavailable["2"] = "version \"2\" is loading";
    }
    if (traffic.live_ready) entry->live = entry->ready["1"];
    if (traffic.canary > 0 && traffic.canary_ready) entry->canary = entry->ready["2"];
    entry->canary_share = traffic.canary;
    if (traffic.shadow > 0) {
      entry->shadow = entry->ready["3"];
      entry->shadow_stats = stats_;
    }
    entry->shadow_share = traffic.shadow;
    table_.Publish(model, entry);
  }

  absl::StatusOr<Route> Take(int key, const VersionSelector& selector = {.model = "digits"}) {
    return table_.RouteRequest(selector, [&] {
      ++hashes_;
      return StableHash().Add(absl::StrCat("user-", key)).Finish();
    });
  }
  // Keys whose requests the canary answers.
  std::set<int> CanaryKeys(const std::string& model = "digits") {
    std::set<int> keys;
    for (int key = 0; key < kKeys; ++key) {
      if (Take(key, {.model = model})->version->version == "2") keys.insert(key);
    }
    return keys;
  }
  std::set<int> ShadowKeys() {
    std::set<int> keys;
    for (int key = 0; key < kKeys; ++key) {
      if (Take(key)->shadow != nullptr) keys.insert(key);
    }
    return keys;
  }

  Reaper reaper_{nullptr};
  const std::shared_ptr<ShadowStats> stats_ = std::make_shared<ShadowStats>();
  ServingTable table_;
  int hashes_ = 0;
};

// Within five standard deviations.
void ExpectShare(size_t count, double share, double of) {
  EXPECT_NEAR(static_cast<double>(count), of * share, 5 * std::sqrt(of * share * (1 - share)) + 1e-9)
      << share;
}

TEST_F(ServingTableTrafficTest, WithoutCanaryAndShadowLiveAnswersAndNothingIsHashed) {
  Publish({});
  for (int key = 0; key < 100; ++key) {
    ASSERT_OK_AND_ASSIGN(const Route route, Take(key));
    EXPECT_EQ(route.version->version, "1");
    EXPECT_EQ(route.shadow, nullptr);
  }
  EXPECT_EQ(hashes_, 0);
}

TEST_F(ServingTableTrafficTest, TheCanaryGetsItsShare) {
  for (const double share : {0.001, 0.1, 0.5, 1.0}) {
    Publish({.canary = share});
    ExpectShare(CanaryKeys().size(), share, kKeys);
  }
}

TEST_F(ServingTableTrafficTest, AKeyStaysWhereItIs) {
  Publish({.canary = 0.3});
  const std::set<int> keys = CanaryKeys();
  Publish({.canary = 0.3, .shadow = 0.5});  // also when other things change
  EXPECT_EQ(CanaryKeys(), keys);
  // A change of these would move users at an upgrade.
  std::vector<int> first;
  for (auto key = keys.begin(); first.size() < 5; ++key) first.push_back(*key);
  EXPECT_THAT(first, testing::ElementsAre(5, 12, 15, 31, 33));
}

TEST_F(ServingTableTrafficTest, AShareThatGrowsKeepsThoseWhoWereInIt) {
  std::set<int> before;
  for (const double share : {0.01, 0.05, 0.2, 0.7, 1.0}) {
    Publish({.canary = share});
    const std::set<int> keys = CanaryKeys();
    EXPECT_GT(keys.size(), before.size());
    EXPECT_THAT(before, IsSubsetOf(keys));
    before = keys;
  }
}

TEST_F(ServingTableTrafficTest, ModelsAreDrawnIndependently) {
  Publish({.canary = 0.5}, "digits");
  Publish({.canary = 0.5}, "faces");
  const std::set<int> digits = CanaryKeys("digits");
  const std::set<int> faces = CanaryKeys("faces");
  std::vector<int> both;
  std::set_intersection(digits.begin(), digits.end(), faces.begin(), faces.end(), std::back_inserter(both));
  ExpectShare(both.size(), 0.25, kKeys);
}

TEST_F(ServingTableTrafficTest, WhoNamesAVersionOrLabelGetsIt) {
  Publish({.canary = 1, .shadow = 1});
  const auto named = [&](const VersionSelector& selector) {
    const absl::StatusOr<Route> route = Take(1, selector);
    EXPECT_OK(route);
    EXPECT_EQ(route->shadow, nullptr) << "only requests that name nothing are copied";
    return route->version->version;
  };
  EXPECT_EQ(named({.model = "digits", .version = "1"}), "1");
  EXPECT_EQ(named({.model = "digits", .label = "live"}), "1");
  EXPECT_EQ(named({.model = "digits", .label = "stable"}), "1");
  EXPECT_EQ(named({.model = "digits", .label = "canary"}), "2");
  EXPECT_EQ(hashes_, 0);
  EXPECT_EQ(Take(1)->version->version, "2");
  EXPECT_EQ((*table_.Resolve({.model = "digits"}))->version, "1") << "Resolve means live";
}

TEST_F(ServingTableTrafficTest, ACanaryThatIsNotReadyIsSkipped) {
  Publish({.canary = 1, .canary_ready = false});
  for (int key = 0; key < 100; ++key) EXPECT_EQ(Take(key)->version->version, "1");
  EXPECT_THAT(Take(1, {.model = "digits", .label = "canary"}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("is loading")));
}

TEST_F(ServingTableTrafficTest, WithNothingLiveTheCanaryAnswersItsShareOnly) {
  Publish({.canary = 0.5, .live_ready = false});
  int answered = 0;
  for (int key = 0; key < 1000; ++key) {
    if (const absl::StatusOr<Route> route = Take(key); route.ok()) {
      EXPECT_EQ(route->version->version, "2");
      ++answered;
    } else {
      EXPECT_THAT(route, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("no live version")));
    }
  }
  ExpectShare(answered, 0.5, 1000);
}

TEST_F(ServingTableTrafficTest, TheShadowGetsItsShareAndNeverAnswers) {
  Publish({.shadow = 0.2});
  for (int key = 0; key < kKeys; ++key) {
    ASSERT_OK_AND_ASSIGN(const Route route, Take(key));
    ASSERT_EQ(route.version->version, "1");
    ASSERT_EQ(route.shadow_stats != nullptr, route.shadow != nullptr);
    if (route.shadow == nullptr) continue;
    ASSERT_EQ(route.shadow->version, "3");
  }
  ExpectShare(ShadowKeys().size(), 0.2, kKeys);
}

TEST_F(ServingTableTrafficTest, TheShadowIsDrawnIndependentlyOfTheCanary) {
  Publish({.canary = 0.5, .shadow = 0.5});
  // Of what live answers.
  ExpectShare(ShadowKeys().size(), 0.25, kKeys);
  Publish({.canary = 1, .shadow = 1});
  EXPECT_EQ(Take(1)->shadow, nullptr) << "what the canary answers is not copied";
}

TEST_F(ServingTableTrafficTest, UnknownModelsAreNotHashed) {
  Publish({.canary = 1});
  EXPECT_THAT(Take(1, {.model = "digit"}), StatusIs(absl::StatusCode::kNotFound, HasSubstr("did you mean")));
  EXPECT_EQ(hashes_, 0);
}

}  // namespace
}  // namespace modeld
