#include "registry/base/free_memory.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <thread>
#include <vector>

#include "tests/support/process_status.h"

extern "C" [[gnu::weak]] void MallocExtension_ReleaseToSystem(size_t bytes);

namespace modeld {
namespace {

constexpr int64_t kMebibyte = int64_t{1} << 20;

TEST(FreeMemoryTest, WhatLayUnusedAllTheWhileIsGivenBackButForSome) {
  EXPECT_EQ(BytesToReturn({600 * kMebibyte, 500 * kMebibyte, 700 * kMebibyte}), 244 * kMebibyte);
}

TEST(FreeMemoryTest, WhatIsInUseNowAndThenIsKept) {
  EXPECT_EQ(BytesToReturn({600 * kMebibyte, 0, 700 * kMebibyte}), 0);
  EXPECT_EQ(BytesToReturn({256 * kMebibyte}), 0);
  EXPECT_EQ(BytesToReturn({}), 0);
}

// After a few large requests the daemon held gigabytes until a version was let go.
TEST(FreeMemoryTest, WhatABurstTookIsGivenBack) {
  if (MallocExtension_ReleaseToSystem == nullptr) GTEST_SKIP() << "not linked with tcmalloc";
  const int64_t before = StatusNumber("RssAnon:");
  for (int i = 0; i < 2; ++i) std::vector<char>(size_t{512} << 20, 'x');
  const int64_t kept = StatusNumber("RssAnon:");
  ASSERT_GT(kept - before, 500 << 10) << "the allocator keeps nothing: there is nothing to test";
  const FreeMemoryReturner returner(absl::Milliseconds(1));
  while (StatusNumber("RssAnon:") - before > 300 << 10) std::this_thread::yield();
}

TEST(FreeMemoryTest, EndsAtOnce) { FreeMemoryReturner returner(absl::InfiniteDuration()); }

}  // namespace
}  // namespace modeld
