#include "registry/unpacker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/faulty_file_system.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/zip_builder.h"

namespace modeld {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Call = FaultyFileSystem::Call;

std::string Content(const std::string& path) { return *ReadFile(*FileSystem::Real(), path, 1 << 20); }
std::vector<std::string> Names(const std::string& path) { return *FileSystem::Real()->List(path); }

class UnpackerTest : public ::testing::Test {
 protected:
  const TempDir dir_;
  const std::string root_ = dir_ / "unpacked";
  FaultyFileSystem files_;
};

TEST_F(UnpackerTest, TheCompiledModelLiesInADirectoryOfItsOwnUntilItGoes) {
  ASSERT_OK_AND_ASSIGN(const auto unpacker, Unpacker::Open(&files_, root_));
  const std::string path = dir_.Write("m.pt2", PackageZip({{"config.json", "{}"}}).Build());
  ASSERT_OK_AND_ASSIGN(std::optional<UnpackedFiles> first, unpacker->Unpack(path, ArtifactFormat::kPt2));
  ASSERT_OK_AND_ASSIGN(const UnpackedFiles second, unpacker->Unpack(path, ArtifactFormat::kPt2));
  EXPECT_NE(first->directory(), second.directory());
  EXPECT_THAT(Names(second.directory()),
              ElementsAre("a.wrapper.cpp", "a.wrapper.so", "a.wrapper_metadata.json"));
  EXPECT_EQ(Content(second.directory() + "/a.wrapper.so"), "machine code");
  struct stat status;
  ASSERT_EQ(::stat(second.directory().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777u, 0700u);
  first.reset();
  EXPECT_EQ(Names(root_).size(), 1u);
}

TEST_F(UnpackerTest, OtherFormatsLieAsTheyAre) {
  ASSERT_OK_AND_ASSIGN(const auto unpacker, Unpacker::Open(&files_, root_));
  ASSERT_OK_AND_ASSIGN(const UnpackedFiles nothing,
                       unpacker->Unpack(dir_ / "missing.pt", ArtifactFormat::kTorchScript));
  EXPECT_EQ(nothing.directory(), "");
}

TEST_F(UnpackerTest, WhatACrashLeftIsRemoved) {
  dir_.Write("unpacked/7/a.so", "x");
  ASSERT_OK_AND_ASSIGN(const auto unpacker, Unpacker::Open(&files_, root_));
  EXPECT_THAT(Names(root_), IsEmpty());
}

TEST_F(UnpackerTest, ATemporaryRootGoesToo) {
  ASSERT_OK_AND_ASSIGN(std::unique_ptr<Unpacker> unpacker, Unpacker::OpenTemporary(&files_));
  const std::string path = dir_.Write("m.pt2", PackageZip({}).Build());
  std::string directory;
  {
    ASSERT_OK_AND_ASSIGN(const UnpackedFiles unpacked, unpacker->Unpack(path, ArtifactFormat::kPt2));
    directory = unpacked.directory();
    EXPECT_TRUE(std::filesystem::exists(directory));
  }
  unpacker.reset();
  EXPECT_FALSE(std::filesystem::exists(std::filesystem::path(directory).parent_path()));
}

TEST_F(UnpackerTest, EveryFaultLeavesNothing) {
  ASSERT_OK_AND_ASSIGN(const auto unpacker, Unpacker::Open(&files_, root_));
  const std::string path = dir_.Write("m.pt2", PackageZip({}).Build());
  for (const Call call : {Call::kOpenForRead, Call::kCreateExclusive, Call::kWrite}) {
    files_.FailNth(call, 1, absl::ResourceExhaustedError("no space left on device"));
    EXPECT_THAT(unpacker->Unpack(path, ArtifactFormat::kPt2),
                StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("no space")));
    files_.Heal();
    EXPECT_THAT(Names(root_), IsEmpty());
  }
}

}  // namespace
}  // namespace modeld
