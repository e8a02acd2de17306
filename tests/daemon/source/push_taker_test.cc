#include "daemon/source/push_taker.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <string>

#include "registry/sha256.h"
#include "tests/daemon/source/fake_sink.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/zip_builder.h"

namespace modeld {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Call = FaultyFileSystem::Call;
using Code = absl::StatusCode;

class PushTakerTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(registry_, Registry::Open(dir_ / "registry.db"));
    ASSERT_OK_AND_ASSIGN(store_, ArtifactStore::Open(&file_system_, dir_ / "artifacts"));
    ASSERT_OK_AND_ASSIGN(uploads_,
                         UploadStore::Open(FileSystem::Real(), &clock_, dir_ / "artifacts/uploads"));
    sink_ = std::make_unique<FakeSink>(store_.get());
    taker_ = std::make_unique<PushTaker>(&file_system_, &clock_, registry_.get(), store_.get(), sink_.get(),
                                         InspectOptions{});
  }

  absl::StatusOr<PushedVersion> Push(const std::string& content, const std::string& path = "digits.pt",
                                     const std::string& sidecar = "") {
    Sha256 hash;
    hash.Update(content);
    sha256_ = hash.Finish().value();
    const int64_t size = static_cast<int64_t>(content.size());
    const int64_t there = uploads_->ReceivedBytes(sha256_).value();
    absl::StatusOr<std::unique_ptr<Upload>> upload = uploads_->Begin(sha256_, size, there);
    EXPECT_OK(upload);
    EXPECT_OK((*upload)->Append(content.substr(static_cast<size_t>(there))));
    EXPECT_OK((*upload)->Finish());
    return taker_->Take(**upload, {.path = path, .sidecar_config = sidecar, .actor = "ann"});
  }

  // "ann pushed digits 1.0: …", newest first.
  std::vector<std::string> Events() {
    std::vector<std::string> texts;
    const absl::StatusOr<std::vector<EventRecord>> events = registry_->ListEvents({});
    EXPECT_OK(events);
    for (const EventRecord& event : *events) {
      texts.push_back(absl::StrCat(event.actor, " ", event.action, " ", event.model, " ", event.version, ": ",
                                   event.reason));
    }
    return texts;
  }
  bool PartIsThere() { return uploads_->ReceivedBytes(sha256_).value() > 0; }

  TempDir dir_;
  ManualClock clock_{absl::Now()};
  FaultyFileSystem file_system_;
  std::unique_ptr<Registry> registry_;
  std::unique_ptr<ArtifactStore> store_;
  std::unique_ptr<UploadStore> uploads_;
  std::unique_ptr<FakeSink> sink_;
  std::unique_ptr<PushTaker> taker_;
  std::string sha256_;
};

TEST_F(PushTakerTest, IsTakenAsADroppedFileIs) {
  ASSERT_OK_AND_ASSIGN(const PushedVersion pushed, Push(TorchScriptArchive(R"({"version": "1.0"})")));
  EXPECT_EQ(pushed.model, "digits");
  EXPECT_EQ(pushed.version, "1.0");
  EXPECT_FALSE(pushed.already_registered);
  EXPECT_EQ(sink_->version("digits 1.0").sha256, sha256_);
  EXPECT_TRUE(store_->Contains(sha256_));
  EXPECT_FALSE(PartIsThere());
  EXPECT_THAT(Events(), ElementsAre(HasSubstr("ann pushed digits 1.0: push of \"digits.pt\"")));
}

TEST_F(PushTakerTest, PathGivesWhatTheConfigDoesNot) {
  ASSERT_OK_AND_ASSIGN(const PushedVersion pushed, Push(TorchScriptArchive("{}"), "letters/7/model.pt"));
  EXPECT_EQ(pushed.model, "letters");
  EXPECT_EQ(pushed.version, "7");
}

TEST_F(PushTakerTest, SidecarIsTheConfigOfAnArtifactWithout) {
  ASSERT_OK_AND_ASSIGN(const PushedVersion pushed,
                       Push(TorchScriptZip({}).Build(), "digits.pt", R"({"version": "1.5"})"));
  EXPECT_EQ(pushed.version, "1.5");
  EXPECT_EQ(sink_->config("digits 1.5"), R"({"version":"1.5"})");
}

TEST_F(PushTakerTest, SecondPushOfTheSameSaysSo) {
  const std::string content = TorchScriptArchive(R"({"version": "1.0"})");
  VersionRecord known = {};
  ASSERT_OK(Push(content));
  known = sink_->version("digits 1.0");
  EventRecord event;
  event.action = action::kRegistered;
  ASSERT_OK(registry_->RegisterVersion(known, R"({"version":"1.0"})", event));  // as the manager does
  ASSERT_OK_AND_ASSIGN(const PushedVersion again, Push(content));
  EXPECT_TRUE(again.already_registered);
  EXPECT_FALSE(PartIsThere());
}

TEST_F(PushTakerTest, ARefusedFileIsRecordedAndRemoved) {
  EXPECT_THAT(Push(TorchScriptArchive("{")), StatusIs(Code::kInvalidArgument, HasSubstr("config.json")));
  EXPECT_FALSE(PartIsThere());
  EXPECT_THAT(sink_->names(), IsEmpty());
  EXPECT_THAT(Events(), ElementsAre(AllOf(HasSubstr("ann quarantined digits"), HasSubstr("digits.pt"))));
}

TEST_F(PushTakerTest, AConflictIsRecordedAndRefused) {
  ASSERT_OK(Push(TorchScriptArchive(R"({"version": "1.0"})")));
  EXPECT_THAT(Push(TorchScriptArchive(R"({"version": "1.0", "description": "another"})")),
              StatusIs(Code::kAlreadyExists, HasSubstr("other bytes")));
  EXPECT_THAT(Events().front(), HasSubstr("ann quarantined digits 1.0"));
}

TEST_F(PushTakerTest, AFileThatWasTruncatedBeforeThePushIsRefused) {
  const std::string whole = TorchScriptArchive(R"({"version": "1.0"})");
  EXPECT_THAT(Push(whole.substr(0, whole.size() - 10)),
              StatusIs(Code::kInvalidArgument, HasSubstr("before it was complete")));
  EXPECT_FALSE(PartIsThere());
}

TEST_F(PushTakerTest, AfterABadSidecarOnlyThatIsSentAgain) {
  const std::string content = TorchScriptZip({}).Build();
  EXPECT_THAT(Push(content, "digits.pt", "{"), StatusIs(Code::kInvalidArgument, testing::_));
  EXPECT_TRUE(PartIsThere());
  ASSERT_OK(Push(content, "digits.pt", R"({"version": "1.0"})"));
  EXPECT_FALSE(PartIsThere());
}

TEST_F(PushTakerTest, TroubleOfTheMachineKeepsTheUploadForAnotherTry) {
  const std::string content = TorchScriptArchive(R"({"version": "1.0"})");
  const absl::Status full = absl::ResourceExhaustedError("no space left on device");
  for (const Call call : {Call::kCreateExclusive, Call::kWrite, Call::kFsync, Call::kRename,
                          Call::kFsyncDirectory, Call::kSetMode}) {
    file_system_.FailAlways(Call::kClone, absl::UnimplementedError(""));
    file_system_.FailNth(call, 1, full);
    EXPECT_THAT(Push(content), StatusIs(Code::kResourceExhausted, testing::_)) << static_cast<int>(call);
    EXPECT_TRUE(PartIsThere());
  }
  sink_->FailWith(absl::UnavailableError("the registry is locked"));
  EXPECT_THAT(Push(content), StatusIs(Code::kUnavailable, testing::_));
  EXPECT_TRUE(PartIsThere());
  sink_->FailWith(absl::OkStatus());
  EXPECT_THAT(Events(), IsEmpty());
  ASSERT_OK(Push(content));
  EXPECT_FALSE(PartIsThere());
}

TEST_F(PushTakerTest, WhatChangedOnTheDiskAfterTheCheckIsNotRegistered) {
  const std::string content = TorchScriptArchive(R"({"version": "1.0"})");
  // The stage's copy is of other bytes, though it is a good archive.
  file_system_.Before(Call::kCreateExclusive, 1, [&] {
    dir_.Write("artifacts/uploads/" + sha256_ + ".part", TorchScriptArchive(R"({"version": "9.9"})"));
  });
  EXPECT_FALSE(Push(content).ok());
  EXPECT_THAT(sink_->names(), IsEmpty());
}

}  // namespace
}  // namespace modeld
