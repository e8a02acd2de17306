// TemporaryFile: a file that is written beside its place and takes it in one step when it is complete.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "registry/base/file_system.h"
#include "registry/base/unique_fd.h"

namespace modeld {

// Destroying it without RenameTo removes the file. Move-only. Not thread-safe. Errors: those of FileSystem.
class TemporaryFile {
 public:
  // Makes `path` with mode 0600; one left over from before is removed first. `file_system` outlives it.
  static absl::StatusOr<TemporaryFile> Create(FileSystem* file_system, std::string path);
  TemporaryFile(TemporaryFile&& other) noexcept;
  TemporaryFile& operator=(TemporaryFile&&) = delete;
  ~TemporaryFile();

  // Empty after RenameTo.
  const std::string& path() const { return path_; }
  int fd() const { return fd_.get(); }

  absl::Status Write(std::string_view data);
  // Appends `bytes` bytes of `source`, from where it stands, or fewer where it ends before; says how many.
  absl::StatusOr<uint64_t> CopyFrom(int source, uint64_t bytes);
  // Syncs it, moves it to `target`, over what is there, and syncs that directory. On failure `target` is as
  // it was, unless it is that last step that failed: then it is the new file, and a crash might undo that.
  absl::Status RenameTo(const std::string& target);

 private:
  TemporaryFile(FileSystem* file_system, std::string path, UniqueFd fd);

  FileSystem* file_system_;
  std::string path_;
  UniqueFd fd_;
};

// The directory that a path lies in.
std::string DirectoryOf(const std::string& path);

}  // namespace modeld
