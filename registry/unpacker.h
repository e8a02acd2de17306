// Unpacker: the compiled model of an AOTInductor package as files, since a shared library is loaded by its
// path.
//
// LibTorch's own loader unpacks a package where $TMPDIR says, leaves it there where the process dies, and
// cannot do so in a probe's process, which may write nowhere. So it is done here, before, by whoever starts
// the load.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "registry/base/artifact_format.h"
#include "registry/base/file_system.h"

namespace modeld {

// Files in a directory of their own. Destroying it removes them. Move-only.
class UnpackedFiles {
 public:
  UnpackedFiles() = default;
  explicit UnpackedFiles(std::string directory) : directory_(std::move(directory)) {}
  UnpackedFiles(UnpackedFiles&& other) noexcept : directory_(std::exchange(other.directory_, "")) {}
  UnpackedFiles& operator=(UnpackedFiles&& other) noexcept {
    std::swap(directory_, other.directory_);
    return *this;
  }
  ~UnpackedFiles();

  // Empty where there is nothing.
  const std::string& directory() const { return directory_; }

 private:
  std::string directory_;
};

// Thread-safe.
class Unpacker {
 public:
  // Below `root`, which is made with mode 0700 where it is missing. What a process left there that died is
  // removed: one process at a time uses a root.
  static absl::StatusOr<std::unique_ptr<Unpacker>> Open(FileSystem* file_system, std::string root);
  // Below the directory for temporary files, in a root that nobody else can reach and that goes with this.
  static absl::StatusOr<std::unique_ptr<Unpacker>> OpenTemporary(FileSystem* file_system);
  ~Unpacker();

  // Of a format that is loaded as it lies: nothing. Errors: those of ReadPt2 and FileSystem.
  absl::StatusOr<UnpackedFiles> Unpack(const std::string& path, ArtifactFormat format) const;

 private:
  Unpacker(FileSystem* file_system, std::string root, bool is_temporary)
      : file_system_(file_system), root_(std::move(root)), is_temporary_(is_temporary) {}

  FileSystem* const file_system_;
  const std::string root_;
  const bool is_temporary_;
};

}  // namespace modeld
