#include "registry/base/file_lock.h"

#include <sys/stat.h>
#include <unistd.h>

#include <optional>

#include "absl/strings/str_cat.h"
#include "registry/base/file_system.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace modeld {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(FileLockTest, TheSecondIsRefusedAndToldWhoHoldsIt) {
  const TempDir dir;
  const std::string path = dir / "lock";
  ASSERT_OK_AND_ASSIGN(const FileLock lock, FileLock::Acquire(path));
  // Locks belong to open files, so a second one of this process counts as another's.
  EXPECT_THAT(FileLock::Acquire(path),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr(path), HasSubstr(absl::StrCat("process ", ::getpid())))));
}

TEST(FileLockTest, IsFreeAgainWhenTheHolderIsGone) {
  const TempDir dir;
  const std::string path = dir / "lock";
  ASSERT_OK_AND_ASSIGN(std::optional<FileLock> lock, FileLock::Acquire(path));
  lock.reset();
  EXPECT_OK(FileLock::Acquire(path));
}

TEST(FileLockTest, MovingItKeepsItHeld) {
  const TempDir dir;
  ASSERT_OK_AND_ASSIGN(FileLock lock, FileLock::Acquire(dir / "lock"));
  const FileLock moved = std::move(lock);
  EXPECT_THAT(FileLock::Acquire(dir / "lock"),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("locked")));
}

TEST(FileLockTest, WritesItsProcessIdOverALongerOneLeftBehind) {
  const TempDir dir;
  const std::string path = dir.Write("lock", "1234567890123\nleft over");
  ASSERT_OK_AND_ASSIGN(const FileLock lock, FileLock::Acquire(path));
  ASSERT_OK_AND_ASSIGN(const std::string content, ReadFile(*FileSystem::Real(), path, 100));
  EXPECT_EQ(content, absl::StrCat(::getpid(), "\n"));
}

TEST(FileLockTest, TheFileIsPrivate) {
  const TempDir dir;
  ASSERT_OK_AND_ASSIGN(const FileLock lock, FileLock::Acquire(dir / "lock"));
  struct stat status;
  ASSERT_EQ(::stat((dir / "lock").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST(FileLockTest, AMissingDirectoryIsNamed) {
  const TempDir dir;
  EXPECT_THAT(FileLock::Acquire(dir / "missing/lock"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("missing/lock")));
}

}  // namespace
}  // namespace modeld
