#include "daemon/scheduling/instance_plan.h"

#include <gmock/gmock.h>

namespace modeld {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(InstancePlanTest, NothingSaidIsOneThreadForEachCpu) {
  const InstancePlan plan = PlanInstances(0, 0, 4);
  EXPECT_EQ(plan.instances, 4);
  EXPECT_EQ(plan.threads_per_instance, 1);
  EXPECT_THAT(plan.warnings, IsEmpty());
}

TEST(InstancePlanTest, WhatIsSaidIsDone) {
  const InstancePlan plan = PlanInstances(2, 2, 4);
  EXPECT_EQ(plan.instances, 2);
  EXPECT_EQ(plan.threads_per_instance, 2);
  EXPECT_THAT(plan.warnings, IsEmpty());
}

TEST(InstancePlanTest, ThreadsLeaveRoomForFewerInstances) {
  EXPECT_EQ(PlanInstances(0, 2, 4).instances, 2);
  EXPECT_EQ(PlanInstances(0, 3, 4).instances, 1);
}

TEST(InstancePlanTest, MoreThanTheCpusIsHeldToThemAndSaid) {
  const InstancePlan plan = PlanInstances(8, 3, 2);
  EXPECT_EQ(plan.threads_per_instance, 2);
  EXPECT_EQ(plan.instances, 1);
  EXPECT_THAT(plan.warnings, ElementsAre("threads_per_instance is 3, held to 2: this process may use 2 CPUs",
                                         "instances is 8, held to 1: this process may use 2 CPUs"));
  EXPECT_THAT(PlanInstances(2, 1, 1).warnings,
              ElementsAre("instances is 2, held to 1: this process may use 1 CPU"));
}

}  // namespace
}  // namespace modeld
