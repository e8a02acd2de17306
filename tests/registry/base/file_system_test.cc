#include "registry/base/file_system.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "registry/base/errno_status.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace modeld {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Call = FaultyFileSystem::Call;

FileSystem& Real() { return *FileSystem::Real(); }

unsigned ModeOf(const std::string& path) {
  struct stat status;
  return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
}

TEST(ErrnoStatusTest, CodesAreAsFileSystemPromises) {
  using Code = absl::StatusCode;
  const std::pair<int, Code> cases[] = {
      {ENOENT, Code::kNotFound},          {ENOTDIR, Code::kNotFound},
      {EACCES, Code::kPermissionDenied},  {EPERM, Code::kPermissionDenied},
      {EROFS, Code::kPermissionDenied},   {ENOSPC, Code::kResourceExhausted},
      {EDQUOT, Code::kResourceExhausted}, {EMFILE, Code::kResourceExhausted},
      {ENFILE, Code::kResourceExhausted}, {ENOMEM, Code::kResourceExhausted},
      {EEXIST, Code::kAlreadyExists},     {EIO, Code::kUnavailable},
      {ESTALE, Code::kUnavailable},       {EINVAL, Code::kInternal},
  };
  for (const auto& [error, code] : cases) EXPECT_EQ(ErrnoStatus(error, "x").code(), code) << error;
  EXPECT_EQ(ErrnoStatus(ENOSPC, "cannot write \"a\"").message(),
            "cannot write \"a\": no space left on device");
  EXPECT_EQ(ErrnoStatus(12345, "x").message(), "x: error 12345");
}

TEST(FileSystemTest, StatTellsTypeAndIdentity) {
  const TempDir dir;
  const std::string file = dir.Write("file", "12345");
  std::filesystem::create_symlink("file", dir / "link");
  ASSERT_OK_AND_ASSIGN(const FileStat stat, Real().Stat(file));
  EXPECT_EQ(stat.type, FileType::kRegular);
  EXPECT_EQ(stat.identity.size, 5);
  ASSERT_OK_AND_ASSIGN(const FileStat through_link, Real().Stat(dir / "link"));
  EXPECT_EQ(through_link.identity, stat.identity);
  ASSERT_OK_AND_ASSIGN(const FileStat link, Real().LinkStat(dir / "link"));
  EXPECT_EQ(link.type, FileType::kSymlink);
  ASSERT_OK_AND_ASSIGN(const FileStat directory, Real().Stat(dir.path()));
  EXPECT_EQ(directory.type, FileType::kDirectory);
  ASSERT_OK_AND_ASSIGN(const UniqueFd fd, Real().OpenForRead(file));
  ASSERT_OK_AND_ASSIGN(const FileStat open, Real().StatDescriptor(fd.get()));
  EXPECT_EQ(open.identity, stat.identity);
}

TEST(FileSystemTest, ARestoredFileWithItsOldTimeHasAnotherIdentity) {
  const TempDir dir;
  const std::string file = dir.Write("file", "11111");
  ASSERT_OK_AND_ASSIGN(const FileStat before, Real().Stat(file));
  const auto time = std::filesystem::last_write_time(file);
  dir.Write("other", "22222");
  std::filesystem::rename(dir / "other", file);
  std::filesystem::last_write_time(file, time);
  ASSERT_OK_AND_ASSIGN(const FileStat after, Real().Stat(file));
  EXPECT_EQ(after.identity.mtime_ns, before.identity.mtime_ns);
  EXPECT_NE(after.identity, before.identity);
}

TEST(FileSystemTest, ListIsSortedBytewise) {
  const TempDir dir;
  for (const char* name : {"b", "a", "B", ".hidden", "\xff"}) dir.Write(name, "");
  ASSERT_OK_AND_ASSIGN(const std::vector<std::string> names, Real().List(dir.path()));
  EXPECT_THAT(names, ElementsAre(".hidden", "B", "a", "b", "\xff"));
}

TEST(FileSystemTest, ErrorsNameThePath) {
  const TempDir dir;
  const std::string missing = dir / "missing";
  const auto not_found =
      StatusIs(absl::StatusCode::kNotFound, AllOf(HasSubstr(missing), HasSubstr("no such file")));
  EXPECT_THAT(Real().Stat(missing), not_found);
  EXPECT_THAT(Real().LinkStat(missing), not_found);
  EXPECT_THAT(Real().List(missing), not_found);
  EXPECT_THAT(Real().RealPath(missing), not_found);
  EXPECT_THAT(Real().OpenForRead(missing), not_found);
  EXPECT_THAT(Real().CreateExclusive(missing + "/x"), not_found);
  EXPECT_THAT(Real().FsyncDirectory(missing), not_found);
  EXPECT_THAT(Real().Rename(missing, dir / "x"), not_found);
  EXPECT_THAT(Real().Remove(missing), not_found);
  EXPECT_THAT(ReadFile(Real(), missing, 10), not_found);
}

TEST(FileSystemTest, ErrorsOfDescriptorsNameThePathToo) {
  const TempDir dir;
  const std::string file = dir.Write("file", "x");
  ASSERT_OK_AND_ASSIGN(const UniqueFd directory, Real().OpenForRead(dir.path()));
  char buffer[8];
  EXPECT_THAT(Real().Read(directory.get(), buffer, sizeof(buffer)),
              StatusIs(absl::StatusCode::kInternal, HasSubstr(dir.path())));
  ASSERT_OK_AND_ASSIGN(const UniqueFd read_only, Real().OpenForRead(file));
  EXPECT_THAT(Real().Write(read_only.get(), "x"), StatusIs(absl::StatusCode::kInternal, HasSubstr(file)));
}

TEST(FileSystemTest, AFullDeviceIsResourceExhausted) {
  const UniqueFd full(::open("/dev/full", O_WRONLY));
  ASSERT_TRUE(full.valid());
  EXPECT_THAT(Real().Write(full.get(), "x"),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("/dev/full\": no space left")));
}

TEST(FileSystemTest, CreateExclusiveRefusesWhatExists) {
  const TempDir dir;
  const std::string path = dir / "new";
  ASSERT_OK_AND_ASSIGN(const UniqueFd fd, Real().CreateExclusive(path));
  EXPECT_EQ(ModeOf(path), 0600u);
  EXPECT_THAT(Real().CreateExclusive(path), StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr(path)));
}

TEST(FileSystemTest, WhatIsWrittenIsRead) {
  const TempDir dir;
  ASSERT_OK_AND_ASSIGN(const UniqueFd fd, Real().CreateExclusive(dir / "file"));
  const std::string content(100'000, 'x');
  ASSERT_OK(Real().Write(fd.get(), content));
  ASSERT_OK(Real().SetMode(fd.get(), 0400));
  ASSERT_OK(Real().Fsync(fd.get()));
  ASSERT_OK(Real().Rename(dir / "file", dir / "renamed"));
  ASSERT_OK(Real().FsyncDirectory(dir.path()));
  EXPECT_EQ(ModeOf(dir / "renamed"), 0400u);
  ASSERT_OK_AND_ASSIGN(const std::string read, ReadFile(Real(), dir / "renamed", content.size()));
  EXPECT_EQ(read, content);
  ASSERT_OK(Real().Remove(dir / "renamed"));
  EXPECT_THAT(Real().Stat(dir / "renamed"), StatusIs(absl::StatusCode::kNotFound, HasSubstr("renamed")));
}

TEST(FileSystemTest, CloneCopiesOrSaysThatItCannot) {
  const TempDir dir;
  dir.Write("source", "content");
  ASSERT_OK_AND_ASSIGN(const UniqueFd source, Real().OpenForRead(dir / "source"));
  ASSERT_OK_AND_ASSIGN(const UniqueFd copy, Real().CreateExclusive(dir / "copy"));
  const absl::Status status = Real().Clone(source.get(), copy.get());
  ASSERT_THAT(status.code(), AnyOf(absl::StatusCode::kOk, absl::StatusCode::kUnimplemented)) << status;
  ASSERT_OK_AND_ASSIGN(const std::string content, ReadFile(Real(), dir / "copy", 100));
  EXPECT_EQ(content, status.ok() ? "content" : "");
}

TEST(FileSystemTest, MakeDirectoriesMakesThemPrivateWithTheirParents) {
  const TempDir dir;
  ASSERT_OK(Real().MakeDirectories(dir / "a/b/c"));
  for (const char* made : {"a", "a/b", "a/b/c"}) EXPECT_EQ(ModeOf(dir / made), 0700u);
  EXPECT_OK(Real().MakeDirectories(dir / "a/b/c"));
  EXPECT_OK(Real().MakeDirectories(dir / "d//e/"));
  EXPECT_EQ(ModeOf(dir / "d/e"), 0700u);
}

TEST(FileSystemTest, MakeDirectoriesDoesNotTakeAFileForADirectory) {
  const TempDir dir;
  dir.Write("file", "");
  EXPECT_THAT(Real().MakeDirectories(dir / "file"),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("file")));
  EXPECT_THAT(Real().MakeDirectories(dir / "file/a/b"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("file/a/b")));
}

TEST(FileSystemTest, OpeningAPipeDoesNotWaitForAWriter) {
  const TempDir dir;
  ASSERT_EQ(::mkfifo((dir / "pipe").c_str(), 0600), 0);
  ASSERT_OK_AND_ASSIGN(const UniqueFd fd, Real().OpenForRead(dir / "pipe"));
  ASSERT_OK_AND_ASSIGN(const FileStat stat, Real().StatDescriptor(fd.get()));
  EXPECT_EQ(stat.type, FileType::kOther);
}

TEST(ReadFileTest, TakesTheLimitItselfAndNoByteMore) {
  const TempDir dir;
  const std::string path = dir.Write("file", std::string(1000, 'x'));
  ASSERT_OK_AND_ASSIGN(const std::string content, ReadFile(Real(), path, 1000));
  EXPECT_EQ(content.size(), 1000u);
  EXPECT_THAT(ReadFile(Real(), path, 999),
              StatusIs(absl::StatusCode::kResourceExhausted, AllOf(HasSubstr(path), HasSubstr("999"))));
  EXPECT_THAT(ReadFile(Real(), "/dev/zero", 1 << 16),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("65536")));
}

TEST(ReadFileTest, ShortReadsAndErrors) {
  const TempDir dir;
  const std::string path = dir.Write("file", "0123456789");
  FaultyFileSystem faulty;
  faulty.LimitReadSize(3);
  ASSERT_OK_AND_ASSIGN(const std::string content, ReadFile(faulty, path, 10));
  EXPECT_EQ(content, "0123456789");
  faulty.FailNth(Call::kRead, 2, absl::UnavailableError("input/output error"));
  EXPECT_THAT(ReadFile(faulty, path, 10),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("input/output")));
  EXPECT_OK(ReadFile(faulty, path, 10));
}

}  // namespace
}  // namespace modeld
