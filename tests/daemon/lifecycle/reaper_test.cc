#include "daemon/lifecycle/reaper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "registry/base/sanitized.h"
#include "tests/support/fake_loader.h"
#include "tests/support/notification.h"

namespace modeld {
namespace {

using ::testing::ElementsAre;

// Remembers on which thread it was destroyed.
class ThreadTeller final : public Executable {
 public:
  explicit ThreadTeller(std::thread::id* destroyed_on) : destroyed_on_(destroyed_on) {}
  ~ThreadTeller() override { *destroyed_on_ = std::this_thread::get_id(); }
  const std::vector<Method>& methods() const override { return methods_; }
  absl::StatusOr<Value> Run(size_t, std::vector<Value>) override { return Value{}; }

 private:
  std::thread::id* const destroyed_on_;
  const std::vector<Method> methods_;
};

int64_t ResidentBytes() {
  int64_t size = 0;
  int64_t resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

// A model in many small pieces, which the C library would keep for later.
class ManyPieces final : public Executable {
 public:
  static constexpr int64_t kPieces = 16'384;
  static constexpr int64_t kPieceBytes = 4096;

  // Every eighth piece is followed by something that stays, so that they do not merge into one piece at the
  // end, which is given back anyway.
  explicit ManyPieces(std::vector<std::unique_ptr<std::array<char, 1000>>>* staying) {
    for (int64_t i = 0; i < kPieces; ++i) {
      pieces_.push_back(std::make_unique<std::array<char, kPieceBytes>>());
      if (i % 8 == 0) staying->push_back(std::make_unique<std::array<char, 1000>>());
    }
  }
  const std::vector<Method>& methods() const override { return methods_; }
  absl::StatusOr<Value> Run(size_t, std::vector<Value>) override { return Value{}; }

 private:
  std::vector<std::unique_ptr<std::array<char, kPieceBytes>>> pieces_;
  const std::vector<Method> methods_;
};

TEST(ReaperTest, GivesTheMemoryOfAVersionBackToTheSystem) {
  if (kSanitized) GTEST_SKIP() << "sanitizers keep what is freed";
  Notification destroyed;
  Reaper reaper([&](const std::string&, const std::string&) { destroyed.Notify(); });
  std::vector<std::unique_ptr<std::array<char, 1000>>> staying;
  const int64_t before = ResidentBytes();
  auto version = FakeServedVersion("digits", "1.0");
  version->executable = std::make_unique<ManyPieces>(&staying);
  VersionHandle handle = reaper.MakeHandle(std::move(version));
  const int64_t taken = ResidentBytes() - before;
  ASSERT_GE(taken, ManyPieces::kPieces * ManyPieces::kPieceBytes);
  handle.reset();
  destroyed.Wait();
  EXPECT_LE(ResidentBytes() - before, taken / 2);
}

TEST(ReaperTest, DestroysOnItsOwnThreadAfterTheLastHandle) {
  std::thread::id destroyed_on;
  std::thread::id told_on;
  Notification told;
  Reaper reaper([&](const std::string& model, const std::string& version) {
    EXPECT_EQ(model, "digits");
    EXPECT_EQ(version, "1.0");
    told_on = std::this_thread::get_id();
    told.Notify();
  });
  auto version = FakeServedVersion("digits", "1.0");
  version->executable = std::make_unique<ThreadTeller>(&destroyed_on);
  VersionHandle first = reaper.MakeHandle(std::move(version));
  VersionHandle second = first;
  first.reset();
  EXPECT_EQ(destroyed_on, std::thread::id()) << "a handle is still held";
  second.reset();
  told.Wait();
  EXPECT_EQ(destroyed_on, told_on);
  EXPECT_NE(destroyed_on, std::this_thread::get_id());
}

TEST(ReaperTest, DestructionWaitsForHandlesThatAreStillHeld) {
  std::atomic<int> alive{0};
  std::vector<std::string> destroyed;
  Notification going;
  std::thread holder;
  {
    Reaper reaper([&](const std::string&, const std::string& version) { destroyed.push_back(version); });
    VersionHandle handle = reaper.MakeHandle(FakeServedVersion("digits", "1.0", &alive));
    holder = std::thread([handle = std::move(handle), &going, &alive]() mutable {
      going.Wait();
      EXPECT_EQ(alive, 1);
      handle.reset();
    });
    going.Notify();
  }
  EXPECT_EQ(alive, 0);
  EXPECT_THAT(destroyed, ElementsAre("1.0"));
  holder.join();
}

TEST(ReaperTest, HandlesLetGoByManyThreadsAreAllDestroyed) {
  std::atomic<int> alive{0};
  std::atomic<int> destroyed{0};
  {
    Reaper reaper([&](const std::string&, const std::string&) { ++destroyed; });
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 500; ++i) {
          const VersionHandle handle = reaper.MakeHandle(FakeServedVersion("digits", "1.0", &alive));
          const VersionHandle copy = handle;
          EXPECT_EQ(AnswerOf(copy), "1.0");
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_EQ(destroyed, 2000);
  EXPECT_EQ(alive, 0);
}

}  // namespace
}  // namespace modeld
