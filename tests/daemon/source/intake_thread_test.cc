// Intake::Run in a thread of its own, with the real clock and the real watcher. Nothing here waits by time:
// timeouts are far longer than anything takes, and the rescan interval never comes, so that what happens,
// happens because of an event.
#include <filesystem>
#include <thread>

#include "daemon/source/intake.h"
#include "tests/daemon/source/intake_fixture.h"
#include "tests/support/notification.h"

namespace modeld {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr absl::Duration kLong = absl::Minutes(2);

class IntakeThreadTest : public IntakeTest {
 protected:
  void Start(bool with_watcher = true) {
    if (with_watcher) {
      ASSERT_OK_AND_ASSIGN(watcher_, Watcher::Create());
    }
    intake_ = std::make_unique<Intake>(
        &file_system_, Clock::Real(), registry_.get(), store_.get(), sink_.get(), watcher_.get(),
        IntakeOptions{.drop_directory = drop_,
                      .settle = {.settle_time = absl::Milliseconds(20), .incomplete_time = absl::Hours(1)},
                      .rescan_interval = absl::Hours(1),
                      .inspect = {}});
    ASSERT_OK(intake_->LoadRemembered());
    thread_ = std::thread([this] { intake_->Run(); });
  }

  void TearDown() override {
    if (intake_ != nullptr) intake_->Stop();
    if (thread_.joinable()) thread_.join();
  }

  std::unique_ptr<Watcher> watcher_;
  std::thread thread_;
};

TEST_F(IntakeThreadTest, ADroppedFileIsTakenWithoutBeingAskedFor) {
  Start();
  Drop("digits.pt", Archive("1.0"));
  sink_->WaitForCalls(1);
  Drop("deeper/3/model.pt", TorchScriptZip({}).Build());
  sink_->WaitForCalls(2);
  EXPECT_THAT(sink_->names(), ElementsAre("deeper 3", "digits 1.0"));
}

TEST_F(IntakeThreadTest, ADropDirectoryThatIsMadeAnewIsWatchedAgain) {
  Start();
  ASSERT_OK(intake_->Rescan(kLong));
  std::filesystem::remove_all(drop_);
  EXPECT_THAT(intake_->Rescan(kLong), StatusIs(absl::StatusCode::kNotFound, HasSubstr(drop_)));
  std::filesystem::create_directory(drop_);
  Drop("digits.pt", Archive("1.0"));
  sink_->WaitForCalls(1);
  EXPECT_OK(intake_->source_status());
}

TEST_F(IntakeThreadTest, AfterARescanWhatWasCopiedBeforeItIsTakenOrShownWithItsTrouble) {
  for (const bool with_watcher : {true, false}) {
    Drop("good.pt", Archive("1.0"));
    Drop("bad.pt", TorchScriptZip({}).Build());
    Drop("incomplete.pt", Archive("1.0").substr(0, 100));
    Start(with_watcher);
    EXPECT_THAT(intake_->Rescan(kLong), ::testing::ResultOf([](const auto& r) { return r.value_or(-1); }, 3));
    EXPECT_THAT(sink_->names(), ElementsAre("good 1.0"));
    const std::vector<DroppedFileView> shown = intake_->dropped_files();
    ASSERT_EQ(shown.size(), 2u);
    EXPECT_EQ(shown[0].state, DroppedState::kQuarantined);
    EXPECT_EQ(shown[1].state, DroppedState::kSettling);
    EXPECT_THAT(shown[1].reason, HasSubstr("incomplete"));
    TearDown();
  }
}

TEST_F(IntakeThreadTest, ARescanDoesNotWaitForAFileThatGoesOnBeingWritten) {
  Start();
  Notification rescanned;
  std::thread writer([&] {
    const std::string archive = Archive("1.0");
    for (size_t i = 1; !rescanned.notified(); ++i) Drop("growing.pt", archive.substr(0, i % archive.size()));
  });
  EXPECT_OK(intake_->Rescan(absl::InfiniteDuration()));
  rescanned.Notify();
  writer.join();
  EXPECT_EQ(sink_->calls(), 0);
}

TEST_F(IntakeThreadTest, ARescanThatIsNotDoneInTimeSaysSo) {
  sink_->Hold(true);
  Drop("digits.pt", Archive("1.0"));
  Start();
  sink_->WaitForCalls(1);
  EXPECT_THAT(intake_->Rescan(absl::Milliseconds(1)),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("not scanned within 1ms")));
  sink_->Hold(false);
  EXPECT_OK(intake_->Rescan(kLong));
}

TEST_F(IntakeThreadTest, StopEndsARescanThatWaits) {
  sink_->Hold(true);
  Drop("digits.pt", Archive("1.0"));
  Start();
  sink_->WaitForCalls(1);
  std::thread rescan([this] {
    EXPECT_THAT(intake_->Rescan(absl::InfiniteDuration()),
                StatusIs(absl::StatusCode::kUnavailable, HasSubstr("shutting down")));
  });
  intake_->Stop();
  rescan.join();
  sink_->Hold(false);
}

TEST_F(IntakeThreadTest, StopLetsFilesThatAreDueWait) {
  sink_->Hold(true);
  for (int i = 0; i < 20; ++i) Drop(absl::StrCat("m", i, ".pt"), Archive("1.0"));
  Start();
  sink_->WaitForCalls(1);
  intake_->Stop();
  sink_->Hold(false);
  thread_.join();
  EXPECT_EQ(sink_->calls(), 1);
}

TEST_F(IntakeThreadTest, ManyThreadsMayAskAndLook) {
  Start();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this, i] {
      for (int j = 0; j < 5; ++j) {
        Drop(absl::StrCat("m", i, "-", j, ".pt"), Archive("1.0"));
        EXPECT_OK(intake_->Rescan(kLong));
        EXPECT_THAT(sink_->version(absl::StrCat("m", i, "-", j, " 1.0")).sha256, ::testing::SizeIs(64));
        intake_->RequestRescan();
        intake_->dropped_files();
        EXPECT_OK(intake_->source_status());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(intake_->dropped_files(), IsEmpty());
}

}  // namespace
}  // namespace modeld
