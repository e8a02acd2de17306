#include "registry/base/cgroup.h"

#include <gmock/gmock.h>

namespace modeld {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(CgroupTest, OfV2TheOwnOneAndAllAbove) {
  EXPECT_THAT(ParseCgroups("0::/system.slice/modeld.service\n", "cpu"),
              ElementsAre("/sys/fs/cgroup/system.slice/modeld.service", "/sys/fs/cgroup/system.slice",
                          "/sys/fs/cgroup"));
  EXPECT_THAT(ParseCgroups("0::/\n", "memory"), ElementsAre("/sys/fs/cgroup"));
}

TEST(CgroupTest, OfV1TheHierarchyOfTheController) {
  const char* const text = "5:memory:/docker/ab\n4:cpu,cpuacct:/docker/ab\n1:name=systemd:/docker/ab\n";
  EXPECT_THAT(ParseCgroups(text, "cpu"),
              ElementsAre("/sys/fs/cgroup/cpu,cpuacct/docker/ab", "/sys/fs/cgroup/cpu,cpuacct/docker",
                          "/sys/fs/cgroup/cpu,cpuacct"));
  EXPECT_THAT(ParseCgroups(text, "memory"),
              ElementsAre("/sys/fs/cgroup/memory/docker/ab", "/sys/fs/cgroup/memory/docker",
                          "/sys/fs/cgroup/memory"));
}

TEST(CgroupTest, WhatIsNotUnderstoodIsLeftOut) {
  for (const char* text : {"", "\n", "0::", "0::relative", "nothing", "7:cpuset:/a"}) {
    EXPECT_THAT(ParseCgroups(text, "cpu"), IsEmpty()) << text;
  }
}

}  // namespace
}  // namespace modeld
