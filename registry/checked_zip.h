// CheckedZip: a ZIP archive whose entries may be trusted as paths and in their size. Internal to the readers
// of the formats that are ZIP archives.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "registry/archive_reader.h"
#include "registry/base/file_system.h"
#include "registry/base/unique_fd.h"
#include "registry/zip_directory.h"

namespace modeld {

struct CheckedZip {
  UniqueFd fd;
  uint64_t file_bytes = 0;
  std::vector<ZipEntry> entries;

  // The index of the entry of that name.
  std::optional<size_t> Find(std::string_view name) const;
};

// Errors as ReadArchive's, but for those that are about what the entries are to a format. `what` the file is
// not, where it is no ZIP: "TorchScript archive".
absl::StatusOr<CheckedZip> OpenCheckedZip(FileSystem& file_system, const std::string& path, const char* what,
                                          const ArchiveLimits& limits);

// INVALID_ARGUMENT for an entry that does not lie below `root`, the archive's folder with its `/`. `remedy`
// says how files are added.
absl::Status CheckAllBelow(const CheckedZip& zip, const std::string& root, const char* remedy);

// What an archive holds below `root`, as far as it is alike in all formats: config.json and the names of the
// extra files.
absl::StatusOr<ArchiveContents> ReadExtra(const CheckedZip& zip, const std::string& root,
                                          const ArchiveLimits& limits);

}  // namespace modeld
