#include "registry/unpacker.h"

#include <stdlib.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "registry/base/errno_status.h"
#include "registry/base/log.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/pt2_reader.h"
#include "registry/zip_entry_reader.h"

namespace modeld {
namespace {

namespace fs = std::filesystem;

void RemoveAll(const std::string& directory) {
  std::error_code failed;
  fs::remove_all(directory, failed);
  if (failed) LogWarning("cannot remove unpacked files", {{"path", directory}, {"error", failed.message()}});
}

absl::Status UnpackEntry(FileSystem& file_system, const CheckedZip& zip, const Pt2File& file,
                         const std::string& path) {
  MODELD_ASSIGN_OR_RETURN(const UniqueFd out, file_system.CreateExclusive(path));
  return ReadZipEntryPieces(zip.fd.get(), file.index, zip.entries[file.index],
                            [&](std::string_view piece) { return file_system.Write(out.get(), piece); });
}

}  // namespace

UnpackedFiles::~UnpackedFiles() {
  if (!directory_.empty()) RemoveAll(directory_);
}

absl::StatusOr<std::unique_ptr<Unpacker>> Unpacker::Open(FileSystem* file_system, std::string root) {
  MODELD_RETURN_IF_ERROR(file_system->MakeDirectories(root));
  MODELD_ASSIGN_OR_RETURN(const std::vector<std::string> left_over, file_system->List(root));
  for (const std::string& name : left_over) RemoveAll(absl::StrCat(root, "/", name));
  return std::unique_ptr<Unpacker>(new Unpacker(file_system, std::move(root), /*is_temporary=*/false));
}

absl::StatusOr<std::unique_ptr<Unpacker>> Unpacker::OpenTemporary(FileSystem* file_system) {
  std::error_code failed;
  std::string root = (fs::temp_directory_path(failed) / "modeld-XXXXXX").string();
  if (failed)
    return absl::FailedPreconditionError(absl::StrCat("TMPDIR is no directory: ", failed.message()));
  if (::mkdtemp(root.data()) == nullptr) return ErrnoStatus(errno, absl::StrCat("cannot make ", Quote(root)));
  return std::unique_ptr<Unpacker>(new Unpacker(file_system, std::move(root), /*is_temporary=*/true));
}

Unpacker::~Unpacker() {
  if (is_temporary_) RemoveAll(root_);
}

absl::StatusOr<UnpackedFiles> Unpacker::Unpack(const std::string& path, ArtifactFormat format) const {
  if (format != ArtifactFormat::kPt2) return UnpackedFiles();
  MODELD_ASSIGN_OR_RETURN(const CheckedZip zip, OpenPt2(*file_system_, path));
  MODELD_ASSIGN_OR_RETURN(const std::vector<Pt2File> files, CompiledModel(zip));
  static std::atomic<uint64_t> counter = 0;
  const std::string directory = absl::StrCat(root_, "/", ++counter);
  MODELD_RETURN_IF_ERROR(file_system_->MakeDirectories(directory));
  UnpackedFiles unpacked(directory);
  for (const Pt2File& file : files) {
    MODELD_RETURN_IF_ERROR(UnpackEntry(*file_system_, zip, file, absl::StrCat(directory, "/", file.name)));
  }
  return unpacked;
}

}  // namespace modeld
