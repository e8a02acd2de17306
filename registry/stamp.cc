#include "registry/stamp.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "registry/archive_reader.h"
#include "registry/artifact_reader.h"
#include "registry/base/errno_status.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/base/temporary_file.h"
#include "registry/inspect.h"
#include "registry/onnx_reader.h"
#include "registry/zip_appender.h"
#include "registry/zip_directory.h"

namespace modeld {
namespace {

constexpr char kConfigEntry[] = "extra/config.json";

// The target, and that nothing is there that must not be replaced.
absl::StatusOr<std::string> ChooseTarget(FileSystem& file_system, const std::string& source,
                                         const std::string& output, bool force) {
  if (output.empty()) return source;
  const absl::StatusOr<std::string> there = file_system.RealPath(output);
  if (absl::IsNotFound(there.status())) return output;
  MODELD_RETURN_IF_ERROR(there.status());
  if (*there == source) return source;
  if (!force) {
    return absl::AlreadyExistsError(
        absl::StrCat(Quote(output, output.size()), " is there; choose another, or --force to replace it"));
  }
  return *there;
}

// A name that the daemon's scan leaves alone.
std::string TemporaryPath(const std::string& target) {
  const size_t slash = target.rfind('/');
  const std::string name = target.substr(slash == std::string::npos ? 0 : slash + 1);
  return absl::StrCat(DirectoryOf(target), "/.", name.substr(0, 200), ".", ::getpid(), ".tmp");
}

// Mode and, as far as that is allowed, owner.
absl::Status CopyOwnership(FileSystem& file_system, int from, int to) {
  struct stat status;
  if (::fstat(from, &status) != 0) return absl::InternalError("cannot look at the file's mode");
  // Fails where it is another user's: then the file is the caller's, as a copy would be.
  [[maybe_unused]] const int ignored = ::fchown(to, status.st_uid, status.st_gid);
  return file_system.SetMode(to, status.st_mode & 07777);
}

// What is to be written: bytes of the file that is there, then new ones.
struct Rewrite {
  struct Range {
    uint64_t offset;
    uint64_t bytes;
  };
  std::vector<Range> kept;
  std::string tail;
};

absl::StatusOr<Rewrite> RewriteZip(int fd, uint64_t file_bytes, const std::string& root,
                                   const std::string& config) {
  const ArchiveLimits limits;
  MODELD_ASSIGN_OR_RETURN(
      const ZipDirectory directory,
      ReadWholeZipDirectory(fd, file_bytes,
                            {.max_entries = limits.max_entries, .max_bytes = limits.max_directory_bytes}));
  ZipTail tail = AppendZipEntry(directory, root + kConfigEntry, config);
  return Rewrite{.kept = {{.offset = 0, .bytes = tail.kept_bytes}}, .tail = std::move(tail.bytes)};
}

// The order of fields is nothing to protobuf, so that the config may stand at the end, wherever it was.
absl::StatusOr<Rewrite> RewriteOnnx(FileSystem& file_system, int fd, uint64_t file_bytes,
                                    const std::string& config) {
  std::optional<OnnxConfigPlace> old;
  MODELD_RETURN_IF_ERROR(ReadOnnxStructure(file_system, fd, ArchiveLimits(), &old).status());
  Rewrite rewrite{.kept = {{.offset = 0, .bytes = file_bytes}}, .tail = OnnxConfigField(config)};
  if (!old) return rewrite;
  const uint64_t end = old->offset + old->bytes;
  rewrite.kept = {{.offset = 0, .bytes = old->offset}, {.offset = end, .bytes = file_bytes - end}};
  return rewrite;
}

absl::Status WriteStamped(FileSystem& file_system, const std::string& source, const ArchiveContents& archive,
                          const std::string& config, TemporaryFile& out) {
  MODELD_ASSIGN_OR_RETURN(const UniqueFd in, file_system.OpenForRead(source));
  MODELD_ASSIGN_OR_RETURN(const FileStat before, file_system.StatDescriptor(in.get()));
  const uint64_t file_bytes = static_cast<uint64_t>(before.identity.size);
  MODELD_ASSIGN_OR_RETURN(const Rewrite rewrite,
                          archive.format == ArtifactFormat::kOnnx
                              ? RewriteOnnx(file_system, in.get(), file_bytes, config)
                              : RewriteZip(in.get(), file_bytes, archive.root, config));
  bool whole = true;
  for (const Rewrite::Range& range : rewrite.kept) {
    if (::lseek(in.get(), static_cast<off_t>(range.offset), SEEK_SET) < 0) {
      return ErrnoStatus(errno, absl::StrCat("cannot read ", Quote(source, source.size())));
    }
    MODELD_ASSIGN_OR_RETURN(const uint64_t copied, out.CopyFrom(in.get(), range.bytes));
    whole = whole && copied == range.bytes;
  }
  MODELD_RETURN_IF_ERROR(out.Write(rewrite.tail));
  MODELD_ASSIGN_OR_RETURN(const FileStat after, file_system.StatDescriptor(in.get()));
  if (!whole || after.identity != before.identity) {
    return absl::AbortedError(absl::StrCat(Quote(source, source.size()), " changed while it was read"));
  }
  return CopyOwnership(file_system, in.get(), out.fd());
}

}  // namespace

absl::StatusOr<StampedConfig> StampArchive(FileSystem& file_system, const std::string& path,
                                           const std::string& output, const Stamp& stamp) {
  MODELD_ASSIGN_OR_RETURN(const std::string source, file_system.RealPath(path));
  // By the name that was given: a link may lead to one that says nothing.
  const ArtifactFormat format = FormatFromExtension(path).value_or(ArtifactFormat::kTorchScript);
  MODELD_ASSIGN_OR_RETURN(const ArchiveContents archive, ReadArtifact(file_system, source, format));
  MODELD_ASSIGN_OR_RETURN(StampedConfig stamped, StampConfig(archive.config_json, stamp));
  MODELD_ASSIGN_OR_RETURN(const std::string target, ChooseTarget(file_system, source, output, stamp.force));
  if (const std::string sidecar = SidecarPath(target); file_system.Stat(sidecar).ok()) {
    stamped.warnings.push_back(absl::StrCat("the sidecar ", Quote(sidecar, sidecar.size()),
                                            " is ignored: the file carries its own config.json now"));
  }
  MODELD_ASSIGN_OR_RETURN(TemporaryFile out, TemporaryFile::Create(&file_system, TemporaryPath(target)));
  MODELD_RETURN_IF_ERROR(WriteStamped(file_system, source, archive, stamped.json, out));
  MODELD_ASSIGN_OR_RETURN(const ArchiveContents written, ReadArtifact(file_system, out.path(), format));
  if (written.config_json != stamped.json) {
    return absl::InternalError(absl::StrCat("what was written for ", Quote(target, target.size()),
                                            " does not read back; it was left as it was"));
  }
  MODELD_RETURN_IF_ERROR(out.RenameTo(target));
  return stamped;
}

}  // namespace modeld
