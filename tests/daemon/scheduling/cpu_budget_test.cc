#include "daemon/scheduling/cpu_budget.h"

#include <sched.h>

#include <thread>

#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::Le;
using ::testing::Optional;

TEST(CpuMaxTest, QuotaOverPeriod) {
  EXPECT_THAT(ParseCpuMax("150000 100000\n"), Optional(1.5));
  EXPECT_THAT(ParseCpuMax("50000\n 100000\n"), Optional(0.5));
}

TEST(CpuMaxTest, NoLimit) {
  for (const char* text : {"max 100000\n", "-1 100000", "", "1", "a b", "1 0", "1 2 3"}) {
    EXPECT_EQ(ParseCpuMax(text), std::nullopt) << text;
  }
}

TEST(CpuMaxTest, WholeCpus) {
  EXPECT_EQ(WholeCpus(0.1), 1);
  EXPECT_EQ(WholeCpus(1.5), 2);
  EXPECT_EQ(WholeCpus(2), 2);
}

TEST(CpuBudgetTest, InstancesShareOutTheCpus) {
  const std::vector<int> cpus = {2, 3, 5, 7};
  EXPECT_THAT(CpusOfInstance(cpus, 0, 1), ElementsAre(2));
  EXPECT_THAT(CpusOfInstance(cpus, 3, 1), ElementsAre(7));
  EXPECT_THAT(CpusOfInstance(cpus, 1, 2), ElementsAre(5, 7));
  EXPECT_THAT(CpusOfInstance(cpus, 2, 2), ElementsAre(2, 3)) << "from the beginning again";
  EXPECT_THAT(CpusOfInstance(cpus, 0, 9), ElementsAre(2, 3, 5, 7)) << "no more than there are";
}

TEST(CpuBudgetTest, AThreadIsHeldToCpus) {
  const std::vector<int> cpus = ReadCpuBudget(*FileSystem::Real()).cpus;
  std::thread([&] {
    ASSERT_TRUE(HoldThisThreadTo({cpus.back()}));
    EXPECT_EQ(::sched_getcpu(), cpus.back());
    EXPECT_THAT(ReadCpuBudget(*FileSystem::Real()).cpus, ElementsAre(cpus.back()));
  }).join();
}

TEST(CpuBudgetTest, WhatThisProcessMayUse) {
  const CpuBudget budget = ReadCpuBudget(*FileSystem::Real());
  cpu_set_t set;
  ASSERT_EQ(::sched_getaffinity(0, sizeof(set), &set), 0);
  EXPECT_EQ(static_cast<int>(budget.cpus.size()), CPU_COUNT(&set));
  EXPECT_THAT(budget.count, Ge(1));
  EXPECT_THAT(budget.count, Le(static_cast<int>(budget.cpus.size())));
  for (const int cpu : budget.cpus) EXPECT_TRUE(CPU_ISSET(cpu, &set));
}

}  // namespace
}  // namespace modeld
