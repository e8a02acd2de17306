// ReadZipDirectory: what a ZIP archive says that it holds. Internal to the archive reader.
//
// Not libzip's: that replaces NUL bytes in names, cannot be told a limit before it reads, and does not tell
// an archive that is still being copied from a broken one. The format is APPNOTE.TXT 6.3.10 of PKWARE.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace modeld {

struct ZipEntry {
  std::string name;  // as it lies there: any bytes
  uint64_t compressed_size = 0;
  uint64_t uncompressed_size = 0;  // a claim
  uint32_t crc32 = 0;              // another
  uint16_t method = 0;             // 0: stored, 8: deflated
  bool encrypted = false;
  bool special = false;  // a symbolic link, device, socket or pipe

  uint64_t local_offset = 0;   // where its own header begins, which its bytes follow
  uint64_t record_offset = 0;  // where its record begins, from the beginning of the directory
  uint64_t record_bytes = 0;
};

struct ZipDirectory {
  uint64_t offset = 0;            // where it begins; all entries' bytes lie before
  std::string bytes;              // as it lies there
  std::vector<ZipEntry> entries;  // in its order
};

struct ZipDirectoryLimits {
  uint64_t max_entries;
  uint64_t max_bytes;
};

// Entries in the order of the directory. Reads the end of the file only.
//
// UNAVAILABLE: no complete directory (yet). INVALID_ARGUMENT: it is damaged, in several parts, or beyond the
// limits. Else: the file cannot be read.
absl::StatusOr<std::vector<ZipEntry>> ReadZipDirectory(int fd, uint64_t file_bytes,
                                                       const ZipDirectoryLimits& limits);
// The same, with what is needed to write the directory anew.
absl::StatusOr<ZipDirectory> ReadWholeZipDirectory(int fd, uint64_t file_bytes,
                                                   const ZipDirectoryLimits& limits);

// `size` bytes at `offset`. UNAVAILABLE if the file ends before: it was cut short after its size was taken.
absl::StatusOr<std::string> ReadAt(int fd, uint64_t offset, uint64_t size);

}  // namespace modeld
