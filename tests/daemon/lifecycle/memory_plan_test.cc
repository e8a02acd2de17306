#include "daemon/lifecycle/memory_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "absl/strings/str_cat.h"

namespace modeld {
namespace {

using Kind = MemoryDecision::Kind;
using ::testing::HasSubstr;

MemoryUser Live(const std::string& model, int64_t bytes) {
  return {.model = model, .version = "1", .bytes = bytes, .spare = false, .live = true};
}
MemoryUser Spare(const std::string& model, const std::string& version, int64_t bytes) {
  return {.model = model, .version = version, .bytes = bytes, .spare = true, .live = false};
}

// Version 9 of model `a`, which is to take the place of live, where these are in memory.
MemoryInput Input(int64_t budget, std::vector<MemoryUser> users, int64_t bytes) {
  MemoryInput input;
  input.budget_bytes = budget;
  for (const MemoryUser& user : users) input.used_bytes += user.bytes;
  input.users = std::move(users);
  input.model = "a";
  input.version = "9";
  input.bytes = bytes;
  input.needed = true;
  input.replaces_live = true;
  return input;
}

// "unload a 1, b 2".
std::string Plan(const MemoryInput& input) {
  const MemoryDecision decision = PlanMemory(input);
  std::string text = decision.kind == Kind::kLoad     ? "load"
                     : decision.kind == Kind::kWait   ? "wait"
                     : decision.kind == Kind::kRefuse ? "refuse"
                                                      : "unload";
  for (const MemoryUser& user : decision.unload) absl::StrAppend(&text, " ", user.model, user.version);
  return text;
}

TEST(PlanMemoryTest, LoadsWhereThereIsRoom) {
  EXPECT_EQ(Plan(Input(0, {Live("a", 1000)}, 1 << 30)), "load") << "no budget";
  EXPECT_EQ(Plan(Input(100, {Live("a", 60)}, 40)), "load") << "exactly";
}

TEST(PlanMemoryTest, SparesGoFirstThoseOfTheSameModelBeforeOthersOldestFirst) {
  const std::vector<MemoryUser> users = {Spare("b", "1", 10), Spare("a", "0", 10), Live("a", 60),
                                         Spare("c", "1", 10)};
  EXPECT_EQ(Plan(Input(100, users, 20)), "unload a0");
  EXPECT_EQ(Plan(Input(100, users, 30)), "unload a0 b1");
  EXPECT_EQ(Plan(Input(100, users, 40)), "unload a0 b1 c1");
  EXPECT_EQ(Plan(Input(100, users, 41)), "refuse") << "and nothing goes for nothing";
}

TEST(PlanMemoryTest, WhatIsBeingUnloadedIsWaitedFor) {
  MemoryInput input = Input(100, {Live("a", 60), Spare("a", "0", 10)}, 40);
  input.used_bytes += 30;  // draining
  input.draining_bytes = 30;
  EXPECT_EQ(Plan(input), "unload a0") << "30 are not enough";
  input.bytes = 30;
  EXPECT_EQ(Plan(input), "wait");
}

TEST(PlanMemoryTest, LiveGoesOnlyWhereThePolicyIsResource) {
  MemoryInput input = Input(100, {Live("a", 60), Live("b", 10)}, 60);
  EXPECT_EQ(Plan(input), "refuse");
  input.policy = MemoryPolicy::kResource;
  EXPECT_EQ(Plan(input), "unload a1");
  input.replaces_live = false;
  EXPECT_EQ(Plan(input), "refuse") << "a canary does not end what serves";
}

TEST(PlanMemoryTest, WhatNobodyAskedForMakesNothingGo) {
  MemoryInput input = Input(100, {Live("a", 60), Spare("b", "1", 40)}, 40);
  input.needed = false;
  EXPECT_EQ(Plan(input), "refuse");
}

TEST(PlanMemoryTest, ARefusalSaysWhatIsMissingAndTheRemedy) {
  MemoryInput input = Input(100'000'000, {Live("a", 60'000'000)}, 60'000'000);
  EXPECT_THAT(PlanMemory(input).reason,
              HasSubstr("it takes 60.0 MB, and of the budget of 100.0 MB 40.0 MB are free; retire versions"));
  input.bytes = 200'000'000;
  EXPECT_THAT(PlanMemory(input).reason,
              HasSubstr("raise --memory-budget-mib, or give the daemon more memory"));
}

TEST(PlanMemoryTest, WhateverGoesIsEnoughAndNeeded) {
  std::mt19937 random(7);
  const auto draw = [&](int n) { return static_cast<int64_t>(random() % n); };
  for (int round = 0; round < 2000; ++round) {
    std::vector<MemoryUser> users;
    for (int i = 0; i < 6; ++i) {
      MemoryUser user = draw(2) == 0 ? Live(absl::StrCat("m", i), draw(50))
                                     : Spare(absl::StrCat("m", draw(3)), absl::StrCat(i), draw(50));
      users.push_back(user);
    }
    MemoryInput input = Input(1 + draw(200), users, draw(100));
    input.policy = draw(2) == 0 ? MemoryPolicy::kResource : MemoryPolicy::kAvailability;
    const MemoryDecision decision = PlanMemory(input);
    int64_t freed = 0;
    for (const MemoryUser& user : decision.unload) {
      freed += user.bytes;
      EXPECT_TRUE(user.spare || (user.live && user.model == "a"));
    }
    if (decision.kind == Kind::kUnload) {
      EXPECT_LE(input.used_bytes - freed + input.bytes, input.budget_bytes);
      EXPECT_GT(input.used_bytes - freed + decision.unload.back().bytes + input.bytes, input.budget_bytes);
    } else {
      EXPECT_TRUE(decision.unload.empty());
    }
    if (decision.kind == Kind::kLoad) {
      EXPECT_LE(input.used_bytes + input.bytes, input.budget_bytes);
    }
  }
}

TEST(EstimateBytesTest, AQuarterMoreThanTheFile) { EXPECT_EQ(EstimateBytes(100), 125); }

}  // namespace
}  // namespace modeld
