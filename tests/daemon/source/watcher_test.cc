#include "daemon/source/watcher.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace modeld {
namespace {

// Far longer than any event takes; only a failing test waits for so long.
constexpr absl::Duration kLong = absl::Seconds(30);

// Watches, and takes in what was to be told of that.
void WatchAndDrain(Watcher& watcher, const std::vector<std::string>& directories) {
  ASSERT_OK(watcher.Watch(directories));
  while (watcher.Wait(absl::ZeroDuration())) {
  }
}

class WatcherTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK_AND_ASSIGN(watcher_, Watcher::Create()); }

  TempDir dir_;
  std::unique_ptr<Watcher> watcher_;
};

TEST_F(WatcherTest, EveryWayInWhichFilesComeAndGoEndsAWait) {
  dir_.Write("there.pt", "x");
  const std::vector<std::pair<std::string, std::function<void()>>> changes = {
      {"written", [&] { dir_.Write("new.pt", "x"); }},
      {"overwritten", [&] { dir_.Write("there.pt", "y"); }},
      {"renamed", [&] { std::filesystem::rename(dir_ / "new.pt", dir_ / "renamed.pt"); }},
      {"mode changed", [&] { ::chmod((dir_ / "renamed.pt").c_str(), 0640); }},
      {"deleted", [&] { std::filesystem::remove(dir_ / "renamed.pt"); }},
      {"linked", [&] { std::filesystem::create_symlink("there.pt", dir_ / "link.pt"); }},
      {"directory made", [&] { std::filesystem::create_directory(dir_ / "digits"); }},
  };
  WatchAndDrain(*watcher_, {dir_.path()});
  for (const auto& [name, change] : changes) {
    EXPECT_FALSE(watcher_->Wait(absl::ZeroDuration())) << "before " << name;
    change();
    EXPECT_TRUE(watcher_->Wait(kLong)) << name;
    while (watcher_->Wait(absl::ZeroDuration())) {
    }
  }
}

TEST_F(WatcherTest, ReadingEndsNoWait) {
  dir_.Write("there.pt", "x");
  WatchAndDrain(*watcher_, {dir_.path()});
  std::string content;
  std::ifstream(dir_ / "there.pt") >> content;
  EXPECT_FALSE(watcher_->Wait(absl::ZeroDuration()));
}

TEST_F(WatcherTest, AnEventEndsAWaitThatGoesOn) {
  WatchAndDrain(*watcher_, {dir_.path()});
  std::thread writer([&] { dir_.Write("new.pt", "x"); });
  EXPECT_TRUE(watcher_->Wait(kLong));
  writer.join();
}

TEST_F(WatcherTest, AWakeEndsTheNextWaitAndThatOneOnly) {
  watcher_->Wake();
  watcher_->Wake();
  EXPECT_TRUE(watcher_->Wait(kLong));
  EXPECT_FALSE(watcher_->Wait(absl::ZeroDuration()));
}

TEST_F(WatcherTest, AWakeFromAnotherThreadEndsAWait) {
  std::thread waker([&] { watcher_->Wake(); });
  EXPECT_TRUE(watcher_->Wait(absl::InfiniteDuration()));
  waker.join();
}

TEST_F(WatcherTest, ATimeoutIsNothing) {
  EXPECT_FALSE(watcher_->Wait(absl::Milliseconds(1)));
  EXPECT_FALSE(watcher_->Wait(-absl::Seconds(1)));
}

TEST_F(WatcherTest, ADirectoryNotWatchedBeforeEndsTheNextWait) {
  ASSERT_OK(watcher_->Watch({dir_.path()}));
  EXPECT_TRUE(watcher_->Wait(absl::ZeroDuration()));
  ASSERT_OK(watcher_->Watch({dir_.path()}));
  EXPECT_FALSE(watcher_->Wait(absl::ZeroDuration()));
}

TEST_F(WatcherTest, DirectoriesNoLongerNamedAreNoLongerWatched) {
  std::filesystem::create_directory(dir_ / "a");
  std::filesystem::create_directory(dir_ / "b");
  WatchAndDrain(*watcher_, {dir_ / "a", dir_ / "b"});
  WatchAndDrain(*watcher_, {dir_ / "b"});
  dir_.Write("a/new.pt", "x");
  EXPECT_FALSE(watcher_->Wait(absl::ZeroDuration()));
  dir_.Write("b/new.pt", "x");
  EXPECT_TRUE(watcher_->Wait(kLong));
}

TEST_F(WatcherTest, ADirectoryWithTwoNamesIsWatchedAsLongAsItHasOne) {
  std::filesystem::create_directory(dir_ / "a");
  std::filesystem::create_directory_symlink("a", dir_ / "link");
  WatchAndDrain(*watcher_, {dir_ / "a", dir_ / "link"});
  WatchAndDrain(*watcher_, {dir_ / "link"});
  dir_.Write("a/new.pt", "x");
  EXPECT_TRUE(watcher_->Wait(kLong));
}

TEST_F(WatcherTest, ADirectoryRemovedAndMadeAnewIsWatchedAgain) {
  std::filesystem::create_directory(dir_ / "a");
  WatchAndDrain(*watcher_, {dir_ / "a"});
  std::filesystem::remove(dir_ / "a");
  EXPECT_TRUE(watcher_->Wait(kLong));
  std::filesystem::create_directory(dir_ / "a");
  WatchAndDrain(*watcher_, {dir_ / "a"});
  dir_.Write("a/new.pt", "x");
  EXPECT_TRUE(watcher_->Wait(kLong));
}

TEST_F(WatcherTest, AVanishedDirectoryIsNoErrorAndTheOthersAreWatched) {
  WatchAndDrain(*watcher_, {dir_ / "gone", dir_.path()});
  dir_.Write("new.pt", "x");
  EXPECT_TRUE(watcher_->Wait(kLong));
}

TEST_F(WatcherTest, ADirectoryThatCannotBeWatchedIsNamedAndTheOthersAreWatched) {
  const std::string too_long = "/" + std::string(5000, 'x');
  EXPECT_THAT(watcher_->Watch({too_long, dir_.path()}),
              StatusIs(absl::StatusCode::kInternal, ::testing::HasSubstr("cannot watch \"/xxx")));
  while (watcher_->Wait(absl::ZeroDuration())) {
  }
  dir_.Write("new.pt", "x");
  EXPECT_TRUE(watcher_->Wait(kLong));
}

TEST_F(WatcherTest, MoreEventsThanTheKernelKeepsAreStillAnEvent) {
  int kept = 0;
  std::ifstream("/proc/sys/fs/inotify/max_queued_events") >> kept;
  if (kept == 0 || kept > 100'000) GTEST_SKIP() << "this kernel keeps " << kept << " events";
  const std::string files[] = {dir_.Write("a.pt", "x"), dir_.Write("b.pt", "x")};
  WatchAndDrain(*watcher_, {dir_.path()});
  // In turns: equal events in a row count as one.
  for (int i = 0; i < kept + 100; ++i) ::chmod(files[i % 2].c_str(), 0600);
  EXPECT_TRUE(watcher_->Wait(kLong));
  EXPECT_FALSE(watcher_->Wait(absl::ZeroDuration()));
  dir_.Write("new.pt", "x");
  EXPECT_TRUE(watcher_->Wait(kLong));
}

}  // namespace
}  // namespace modeld
