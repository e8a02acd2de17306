#include "registry/zip_directory.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "registry/base/errno_status.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/incomplete.h"

namespace modeld {
namespace {

constexpr std::string_view kEntrySignature("PK\1\2", 4);
constexpr std::string_view kEndSignature("PK\5\6", 4);
constexpr std::string_view kEnd64Signature("PK\6\6", 4);
constexpr std::string_view kEnd64LocatorSignature("PK\6\7", 4);
constexpr uint64_t kLocalHeaderBytes = 30;
constexpr uint64_t kEntryBytes = 46;
constexpr uint64_t kEndBytes = 22;
constexpr uint64_t kEnd64Bytes = 56;
constexpr uint64_t kEnd64LocatorBytes = 20;
constexpr uint64_t kMaxCommentBytes = 0xFFFF;

// In a 16 or 32-bit field: the value stands in the 64-bit record.
constexpr uint64_t kSee64Bit16 = 0xFFFF;
constexpr uint64_t kSee64Bit32 = 0xFFFFFFFF;

// Little-endian. REQUIRES: offset + bytes <= data.size().
uint64_t Number(std::string_view data, size_t offset, size_t bytes) {
  uint64_t value = 0;
  for (size_t i = bytes; i-- > 0;) value = value << 8 | static_cast<unsigned char>(data[offset + i]);
  return value;
}

absl::Status Incomplete() {
  return IncompleteError(
      "incomplete: no whole ZIP directory at the end of the file; it is truncated or still being copied");
}

absl::Status Damaged(const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("damaged ZIP directory: ", what));
}

// Where the directory lies, as the end record says.
struct DirectoryPlace {
  uint64_t offset = 0;
  uint64_t bytes = 0;
  uint64_t entries = 0;
  uint64_t end = 0;  // where the end record begins; the directory must lie before it
};

// `tail` ends at the end of the file.
absl::StatusOr<DirectoryPlace> ParseEndRecord(std::string_view tail, uint64_t file_bytes) {
  for (size_t from_end = kEndBytes; from_end <= tail.size(); ++from_end) {
    const std::string_view record = tail.substr(tail.size() - from_end);
    if (record.substr(0, 4) != kEndSignature || Number(record, 20, 2) != from_end - kEndBytes) continue;
    const uint64_t disk = Number(record, 4, 2), directory_disk = Number(record, 6, 2);
    const uint64_t entries_here = Number(record, 8, 2);
    DirectoryPlace place{.offset = Number(record, 16, 4),
                         .bytes = Number(record, 12, 4),
                         .entries = Number(record, 10, 2),
                         .end = file_bytes - from_end};
    const bool one_part = (disk == 0 || disk == kSee64Bit16) &&
                          (directory_disk == 0 || directory_disk == kSee64Bit16) &&
                          entries_here == place.entries;
    if (!one_part) return Damaged("the archive is one of several parts; join them");
    // Readers differ in which one they take: what is checked here would not be what LibTorch loads.
    if (record.find(kEndSignature, kEndBytes) != std::string_view::npos) {
      return Damaged("its comment holds a second end of an archive");
    }
    return place;
  }
  return Incomplete();
}

// Replaces what the end record could not hold by what the 64-bit one says.
absl::Status Apply64BitRecord(int fd, DirectoryPlace* place) {
  if (place->end < kEnd64LocatorBytes + kEnd64Bytes) return Incomplete();
  MODELD_ASSIGN_OR_RETURN(const std::string locator,
                          ReadAt(fd, place->end - kEnd64LocatorBytes, kEnd64LocatorBytes));
  if (locator.substr(0, 4) != kEnd64LocatorSignature) {
    return Damaged("its end refers to a 64-bit record that is not there");
  }
  const uint64_t offset = Number(locator, 8, 8);
  if (offset > place->end - kEnd64LocatorBytes - kEnd64Bytes) return Incomplete();
  MODELD_ASSIGN_OR_RETURN(const std::string record, ReadAt(fd, offset, kEnd64Bytes));
  if (record.substr(0, 4) != kEnd64Signature) {
    return Damaged("its end refers to a 64-bit record that is not there");
  }
  if (place->entries == kSee64Bit16) place->entries = Number(record, 32, 8);
  if (place->bytes == kSee64Bit32) place->bytes = Number(record, 40, 8);
  if (place->offset == kSee64Bit32) place->offset = Number(record, 48, 8);
  place->end = offset;
  return absl::OkStatus();
}

absl::StatusOr<DirectoryPlace> FindDirectory(int fd, uint64_t file_bytes) {
  const uint64_t tail_bytes = std::min(file_bytes, kEndBytes + kMaxCommentBytes);
  MODELD_ASSIGN_OR_RETURN(const std::string tail, ReadAt(fd, file_bytes - tail_bytes, tail_bytes));
  MODELD_ASSIGN_OR_RETURN(DirectoryPlace place, ParseEndRecord(tail, file_bytes));
  if (place.entries == kSee64Bit16 || place.bytes == kSee64Bit32 || place.offset == kSee64Bit32) {
    MODELD_RETURN_IF_ERROR(Apply64BitRecord(fd, &place));
  }
  if (place.offset > place.end || place.bytes > place.end - place.offset) return Incomplete();
  return place;
}

// Replaces the sizes and the offset that a directory entry could not hold by those in its 64-bit extra field.
absl::Status Apply64BitField(std::string_view extra, ZipEntry* entry, uint64_t* offset) {
  std::vector<uint64_t*> wanted;
  if (entry->uncompressed_size == kSee64Bit32) wanted.push_back(&entry->uncompressed_size);
  if (entry->compressed_size == kSee64Bit32) wanted.push_back(&entry->compressed_size);
  if (*offset == kSee64Bit32) wanted.push_back(offset);
  if (wanted.empty()) return absl::OkStatus();
  while (extra.size() >= 4) {
    const uint64_t id = Number(extra, 0, 2), size = Number(extra, 2, 2);
    if (size > extra.size() - 4) break;
    if (id == 1 && size >= 8 * wanted.size()) {
      for (size_t i = 0; i < wanted.size(); ++i) *wanted[i] = Number(extra, 4 + 8 * i, 8);
      return absl::OkStatus();
    }
    extra.remove_prefix(4 + size);
  }
  return Damaged(absl::StrCat("entry ", Quote(entry->name), " lacks its 64-bit sizes"));
}

bool IsSpecialFile(uint64_t made_by, uint64_t external_attributes) {
  constexpr uint64_t kUnix = 3;
  const uint64_t type = (external_attributes >> 16) & S_IFMT;
  return made_by >> 8 == kUnix && type != 0 && type != S_IFREG && type != S_IFDIR;
}

// Parses the entry at the beginning of `directory` and removes it from there.
absl::StatusOr<ZipEntry> ParseEntry(std::string_view* directory, uint64_t directory_offset) {
  const std::string_view fixed = directory->substr(0, kEntryBytes);
  if (fixed.size() < kEntryBytes || fixed.substr(0, 4) != kEntrySignature) {
    return Damaged("an entry does not begin where it should");
  }
  const uint64_t name_bytes = Number(fixed, 28, 2), extra_bytes = Number(fixed, 30, 2);
  const uint64_t total = kEntryBytes + name_bytes + extra_bytes + Number(fixed, 32, 2);
  if (total > directory->size()) return Damaged("its last entry is cut off");

  constexpr uint64_t kEncrypted = 1 << 0, kStronglyEncrypted = 1 << 6, kMaskedHeaders = 1 << 13;
  ZipEntry entry{.name = std::string(directory->substr(kEntryBytes, name_bytes)),
                 .compressed_size = Number(fixed, 20, 4),
                 .uncompressed_size = Number(fixed, 24, 4),
                 .crc32 = static_cast<uint32_t>(Number(fixed, 16, 4)),
                 .method = static_cast<uint16_t>(Number(fixed, 10, 2)),
                 .encrypted = (Number(fixed, 8, 2) & (kEncrypted | kStronglyEncrypted | kMaskedHeaders)) != 0,
                 .special = IsSpecialFile(Number(fixed, 4, 2), Number(fixed, 38, 4)),
                 .local_offset = 0,
                 .record_offset = 0,
                 .record_bytes = total};
  uint64_t offset = Number(fixed, 42, 4);
  MODELD_RETURN_IF_ERROR(
      Apply64BitField(directory->substr(kEntryBytes + name_bytes, extra_bytes), &entry, &offset));
  if (offset > directory_offset || directory_offset - offset < kLocalHeaderBytes ||
      entry.compressed_size > directory_offset - offset - kLocalHeaderBytes) {
    return Damaged(absl::StrCat("entry ", Quote(entry.name), " lies outside the archive"));
  }
  entry.local_offset = offset;
  directory->remove_prefix(total);
  return entry;
}

}  // namespace

absl::StatusOr<std::string> ReadAt(int fd, uint64_t offset, uint64_t size) {
  std::string data(size, '\0');
  size_t done = 0;
  while (done < size) {
    const ssize_t result = ::pread(fd, data.data() + done, size - done, static_cast<off_t>(offset + done));
    if (result < 0 && errno == EINTR) continue;
    if (result < 0) return ErrnoStatus(errno, "cannot read the archive");
    if (result == 0) return Incomplete();
    done += static_cast<size_t>(result);
  }
  return data;
}

absl::StatusOr<std::vector<ZipEntry>> ReadZipDirectory(int fd, uint64_t file_bytes,
                                                       const ZipDirectoryLimits& limits) {
  MODELD_ASSIGN_OR_RETURN(ZipDirectory directory, ReadWholeZipDirectory(fd, file_bytes, limits));
  return std::move(directory.entries);
}

absl::StatusOr<ZipDirectory> ReadWholeZipDirectory(int fd, uint64_t file_bytes,
                                                   const ZipDirectoryLimits& limits) {
  MODELD_ASSIGN_OR_RETURN(const DirectoryPlace place, FindDirectory(fd, file_bytes));
  if (place.entries > limits.max_entries) {
    return absl::InvalidArgumentError(absl::StrCat("the archive claims ", place.entries, " entries; at most ",
                                                   limits.max_entries, " are allowed"));
  }
  if (place.bytes > limits.max_bytes) {
    return absl::InvalidArgumentError(absl::StrCat("the archive's directory has ", place.bytes,
                                                   " bytes; at most ", limits.max_bytes, " are allowed"));
  }
  ZipDirectory whole;
  whole.offset = place.offset;
  MODELD_ASSIGN_OR_RETURN(whole.bytes, ReadAt(fd, place.offset, place.bytes));
  std::string_view directory = whole.bytes;
  whole.entries.reserve(std::min(place.entries, place.bytes / kEntryBytes));
  for (uint64_t i = 0; i < place.entries; ++i) {
    const uint64_t record_offset = whole.bytes.size() - directory.size();
    MODELD_ASSIGN_OR_RETURN(ZipEntry entry, ParseEntry(&directory, place.offset));
    entry.record_offset = record_offset;
    whole.entries.push_back(std::move(entry));
  }
  if (!directory.empty())
    return Damaged(absl::StrCat("it holds more than the ", place.entries, " entries claimed"));
  return whole;
}

}  // namespace modeld
