#include "registry/upload_store.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "tests/support/faulty_file_system.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace modeld {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using Call = FaultyFileSystem::Call;
using Code = absl::StatusCode;

std::string HashOf(const std::string& content) {
  Sha256 hash;
  hash.Update(content);
  return hash.Finish().value();
}

std::string ReadAll(const std::string& path) {
  std::stringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  return content.str();
}

class UploadStoreTest : public testing::Test {
 protected:
  UploadStoreTest() : root_(dir_ / "uploads"), clock_(absl::Now()) { Open(); }

  void Open(UploadLimits limits = {}) {
    store_.reset();
    absl::StatusOr<std::unique_ptr<UploadStore>> store =
        UploadStore::Open(&file_system_, &clock_, root_, limits);
    ASSERT_OK(store);
    store_ = *std::move(store);
  }

  std::unique_ptr<Upload> Begin(const std::string& content, int64_t offset = 0) {
    absl::StatusOr<std::unique_ptr<Upload>> upload =
        store_->Begin(HashOf(content), static_cast<int64_t>(content.size()), offset);
    EXPECT_OK(upload);
    return upload.ok() ? *std::move(upload) : nullptr;
  }
  // The first `bytes` of `content`, whose upload then breaks off.
  void BreakOff(const std::string& content, size_t bytes) {
    ASSERT_OK(Begin(content)->Append(content.substr(0, bytes)));
  }
  int64_t Received(const std::string& content) {
    const absl::StatusOr<int64_t> received = store_->ReceivedBytes(HashOf(content));
    EXPECT_OK(received);
    return received.value_or(-1);
  }
  size_t FilesInRoot() const {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(root_), {}));
  }

  TempDir dir_;
  const std::string root_;
  FaultyFileSystem file_system_;
  ManualClock clock_;
  std::unique_ptr<UploadStore> store_;
  const std::string content_ = std::string(3000, 'a') + std::string(3000, 'b');
};

TEST_F(UploadStoreTest, AWholeUploadIsThereInOneFile) {
  const std::unique_ptr<Upload> upload = Begin(content_);
  ASSERT_OK(upload->Append(content_.substr(0, 1000)));
  EXPECT_EQ(upload->received_bytes(), 1000);
  EXPECT_EQ(Received(content_), 1000);
  ASSERT_OK(upload->Append(content_.substr(1000)));
  ASSERT_OK(upload->Finish());
  EXPECT_EQ(ReadAll(upload->path()), content_);
  upload->Remove();
  EXPECT_EQ(FilesInRoot(), 0u);
}

TEST_F(UploadStoreTest, ABrokenUploadGoesOnWhereItWasAlsoAfterARestart) {
  BreakOff(content_, 3500);
  Open();
  EXPECT_EQ(Received(content_), 3500);
  const std::unique_ptr<Upload> upload = Begin(content_, 3500);
  EXPECT_EQ(upload->received_bytes(), 3500);
  ASSERT_OK(upload->Append(content_.substr(3500)));
  ASSERT_OK(upload->Finish());
  EXPECT_EQ(ReadAll(upload->path()), content_);
}

TEST_F(UploadStoreTest, AnEarlierOffsetDiscardsWhatIsBeyond) {
  BreakOff(content_, 3500);
  const std::unique_ptr<Upload> upload = Begin(content_, 100);
  EXPECT_EQ(Received(content_), 100);
  ASSERT_OK(upload->Append(content_.substr(100)));
  ASSERT_OK(upload->Finish());
}

TEST_F(UploadStoreTest, DamageAnywhereIsFoundAndThePartRemoved) {
  const std::unique_ptr<Upload> upload = Begin(content_);
  std::string damaged = content_;
  damaged[5000] ^= 1;
  ASSERT_OK(upload->Append(damaged));
  EXPECT_THAT(upload->Finish(), StatusIs(Code::kDataLoss, HasSubstr("push the file again")));
  EXPECT_EQ(Received(content_), 0);
}

TEST_F(UploadStoreTest, DamageOfAPartThatWaitedIsFoundToo) {
  BreakOff(content_, 3500);
  std::filesystem::resize_file(root_ + "/" + HashOf(content_) + ".part", 100);
  std::filesystem::resize_file(root_ + "/" + HashOf(content_) + ".part", 3500);  // zeros, as after a crash
  const std::unique_ptr<Upload> upload = Begin(content_, 3500);
  ASSERT_OK(upload->Append(content_.substr(3500)));
  EXPECT_THAT(upload->Finish(), StatusIs(Code::kDataLoss, testing::_));
  EXPECT_EQ(Received(content_), 0);
}

TEST_F(UploadStoreTest, TooFewBytesMayBeCompletedLater) {
  {
    const std::unique_ptr<Upload> upload = Begin(content_);
    ASSERT_OK(upload->Append(content_.substr(0, 10)));
    EXPECT_THAT(upload->Finish(), StatusIs(Code::kInvalidArgument, HasSubstr("10 of 6000")));
  }
  EXPECT_EQ(Received(content_), 10);
}

TEST_F(UploadStoreTest, TooManyBytesAreRefused) {
  const std::unique_ptr<Upload> upload = Begin(content_);
  ASSERT_OK(upload->Append(content_));
  EXPECT_THAT(upload->Append("x"), StatusIs(Code::kInvalidArgument, HasSubstr("6000")));
  EXPECT_EQ(Received(content_), 6000);
}

TEST_F(UploadStoreTest, OnlyOneWritesAnArtifactAtATime) {
  std::unique_ptr<Upload> upload = Begin(content_);
  const auto second = [&] { return store_->Begin(HashOf(content_), 6000, 0).status(); };
  EXPECT_THAT(second(), StatusIs(Code::kAborted, HasSubstr("another push of the same file")));
  EXPECT_NE(Begin("something else"), nullptr);
  upload.reset();
  EXPECT_OK(second());
}

TEST_F(UploadStoreTest, ImpossibleRequestsAreInvalid) {
  const std::string hash = HashOf(content_);
  for (const std::string& bad : {std::string(), std::string("../../etc/passwd"), hash.substr(1),
                                 "A" + hash.substr(1), hash + "0", "/" + hash.substr(1)}) {
    EXPECT_THAT(store_->Begin(bad, 6000, 0), StatusIs(Code::kInvalidArgument, HasSubstr("sha256"))) << bad;
    EXPECT_THAT(store_->ReceivedBytes(bad), StatusIs(Code::kInvalidArgument, HasSubstr("sha256"))) << bad;
  }
  EXPECT_THAT(store_->Begin(hash, 0, 0), StatusIs(Code::kInvalidArgument, HasSubstr("size_bytes")));
  EXPECT_THAT(store_->Begin(hash, -1, 0), StatusIs(Code::kInvalidArgument, HasSubstr("size_bytes")));
  EXPECT_THAT(store_->Begin(hash, int64_t{1} << 62, 0), StatusIs(Code::kInvalidArgument, testing::_));
  EXPECT_THAT(store_->Begin(hash, 10, -1), StatusIs(Code::kInvalidArgument, HasSubstr("offset")));
  EXPECT_THAT(store_->Begin(hash, 10, 11), StatusIs(Code::kInvalidArgument, HasSubstr("offset")));
  EXPECT_THAT(store_->Begin(hash, 6000, 1), StatusIs(Code::kOutOfRange, HasSubstr("only 0 bytes")));
  EXPECT_EQ(FilesInRoot(), 0u);
}

TEST_F(UploadStoreTest, AFullDiskKeepsWhatCameSoFar) {
  file_system_.LimitDiskSpace(3210);
  {
    const std::unique_ptr<Upload> upload = Begin(content_);
    ASSERT_OK(upload->Append(content_.substr(0, 3000)));
    EXPECT_THAT(upload->Append(content_.substr(3000)), StatusIs(Code::kResourceExhausted, testing::_));
  }
  EXPECT_EQ(Received(content_), 3210);
  file_system_.Heal();
  const std::unique_ptr<Upload> upload = Begin(content_, 3210);
  ASSERT_OK(upload->Append(content_.substr(3210)));
  ASSERT_OK(upload->Finish());
}

TEST_F(UploadStoreTest, AFailedStepGivesTheRightToWriteBack) {
  BreakOff(content_, 100);
  const absl::Status trouble = absl::UnavailableError("I/O error");
  for (const Call call :
       {Call::kOpenForAppend, Call::kTruncate, Call::kOpenForRead, Call::kRead, Call::kStat, Call::kList}) {
    file_system_.FailNth(call, 1, trouble);
    EXPECT_THAT(store_->Begin(HashOf(content_), 6000, 100), StatusIs(Code::kUnavailable, testing::_))
        << static_cast<int>(call);
  }
  const std::unique_ptr<Upload> upload = Begin(content_, 100);
  ASSERT_OK(upload->Append(content_.substr(100)));
  ASSERT_OK(upload->Finish());
}

TEST_F(UploadStoreTest, PartsThatAreTooOldAreRemovedAtTheStart) {
  BreakOff(content_, 100);
  clock_.Advance(absl::Hours(7 * 24 - 1));
  Open();
  EXPECT_EQ(Received(content_), 100);
  clock_.Advance(absl::Hours(2));
  Open();
  EXPECT_EQ(Received(content_), 0);
}

TEST_F(UploadStoreTest, SidecarsLastAsLongAsTheirUploadOrUntilTheNextStart) {
  std::unique_ptr<Upload> upload = Begin(content_);
  ASSERT_OK(upload->WriteSidecar("{}"));
  const std::string sidecar = upload->path() + ".config.json";
  EXPECT_EQ(ReadAll(sidecar), "{}");
  upload.reset();
  EXPECT_FALSE(std::filesystem::exists(sidecar));
  std::ofstream(sidecar) << "left by a kill";
  Open();
  EXPECT_FALSE(std::filesystem::exists(sidecar));
  EXPECT_EQ(FilesInRoot(), 1u);
}

TEST_F(UploadStoreTest, OtherFilesAreLeftAlone) {
  dir_.Write("uploads/notes.txt", "mine");
  clock_.Advance(absl::Hours(24 * 365));
  Open();
  EXPECT_EQ(FilesInRoot(), 1u);
}

TEST_F(UploadStoreTest, TheOldestPartsMakeRoomForANewUpload) {
  Open({.max_bytes = 10'000, .max_total_bytes = 10'000, .keep = absl::Hours(1)});
  const std::string old_content(4000, 'o'), new_content(4000, 'n');
  BreakOff(old_content, 4000);
  BreakOff(new_content, 4000);
  const auto written = [&](const std::string& content) {
    return std::filesystem::path(root_ + "/" + HashOf(content) + ".part");
  };
  std::filesystem::last_write_time(
      written(old_content),
      std::filesystem::last_write_time(written(new_content)) - std::chrono::seconds(10));
  const std::unique_ptr<Upload> upload = Begin(content_);
  EXPECT_EQ(Received(old_content), 0);
  EXPECT_EQ(Received(new_content), 4000);
  // What is being written is not removed for another.
  EXPECT_THAT(store_->Begin(HashOf("z"), 5000, 0),
              StatusIs(Code::kResourceExhausted, AllOf(HasSubstr("10000"), HasSubstr("try again later"))));
}

TEST_F(UploadStoreTest, TheDirectoryThatCannotBeMadeIsAnError) {
  file_system_.FailAlways(Call::kMakeDirectories, absl::ResourceExhaustedError("disk full"));
  EXPECT_THAT(UploadStore::Open(&file_system_, &clock_, root_),
              StatusIs(Code::kResourceExhausted, testing::_));
}

}  // namespace
}  // namespace modeld
