#include "daemon/source/combined_identity.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace modeld {
namespace {

const FileIdentity kA{.size = 1, .mtime_ns = 20, .ctime_ns = 30, .inode = 4, .device = 7};
const FileIdentity kB{.size = 2, .mtime_ns = 21, .ctime_ns = 31, .inode = 5, .device = 7};

FileIdentity Combined(const std::vector<std::pair<std::string, FileIdentity>>& files) {
  FileIdentity all;
  for (const auto& [name, identity] : files) CombineIdentity(name, identity, all);
  return all;
}

TEST(CombinedIdentityTest, EveryPartTheOrderAndTheNamesCount) {
  const FileIdentity all = Combined({{"a", kA}, {"b", kB}});
  EXPECT_EQ(all, Combined({{"a", kA}, {"b", kB}}));
  EXPECT_NE(all, FileIdentity{});
  EXPECT_NE(all, Combined({{"a", kA}}));
  EXPECT_NE(all, Combined({{"a", kB}, {"b", kA}}));
  EXPECT_NE(all, Combined({{"a", kA}, {"c", kB}}));
  for (int64_t FileIdentity::*part :
       {&FileIdentity::size, &FileIdentity::mtime_ns, &FileIdentity::ctime_ns}) {
    FileIdentity changed = kA;
    ++(changed.*part);
    EXPECT_NE(all, Combined({{"a", changed}, {"b", kB}}));
  }
  FileIdentity moved = kA;
  ++moved.inode;
  EXPECT_NE(all, Combined({{"a", moved}, {"b", kB}}));
}

TEST(CombinedIdentityTest, WithoutNamesTheOrderCounts) {
  FileIdentity ab, ba;
  for (const FileIdentity& identity : {kA, kB}) CombineIdentity(identity, ab);
  for (const FileIdentity& identity : {kB, kA}) CombineIdentity(identity, ba);
  EXPECT_NE(ab, ba);
}

TEST(CombinedIdentityTest, TheLargestTimesDoNotOverflow) {  // the sanitizers would tell
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();
  FileIdentity all;
  for (const int64_t time : {kMost, kLeast, kMost, kMost, kLeast, kLeast}) {
    CombineIdentity("x",
                    {.size = 1,
                     .mtime_ns = time,
                     .ctime_ns = time,
                     .inode = std::numeric_limits<uint64_t>::max(),
                     .device = 0},
                    all);
  }
  EXPECT_EQ(all.size, 6);
}

// What is remembered on disk must mean the same after an update.
TEST(CombinedIdentityTest, IsTheSameInEveryBuild) {
  EXPECT_EQ(Combined({{"a.pt", kA}, {"b.pt", kB}}).mtime_ns, 20 * 31 + 21);
  EXPECT_EQ(Combined({{"", {}}}).inode, 0xcbf29ce484222325ULL % ((uint64_t{1} << 57) - 13));
}

}  // namespace
}  // namespace modeld
