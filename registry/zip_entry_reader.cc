#include "registry/zip_entry_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include <zip.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "registry/base/errno_status.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

constexpr size_t kPieceBytes = 64 << 10;

struct CloseZip {
  void operator()(zip_t* zip) const { zip_discard(zip); }
};
struct CloseZipFile {
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};
using ZipPtr = std::unique_ptr<zip_t, CloseZip>;
using ZipFilePtr = std::unique_ptr<zip_file_t, CloseZipFile>;

absl::Status CannotRead(zip_error_t* error) {
  const absl::Status status =
      absl::InvalidArgumentError(absl::StrCat("cannot read the ZIP file: ", zip_error_strerror(error)));
  zip_error_fini(error);
  return status;
}

absl::Status DamagedEntry(const std::string& name, zip_error_t* error) {
  return absl::InvalidArgumentError(
      absl::StrCat("entry ", Quote(name), " is damaged: ", zip_error_strerror(error)));
}

// The descriptor's duplicate belongs to a stream, that to a source, and that to the zip_t.
absl::StatusOr<ZipPtr> OpenLibzip(int fd) {
  const int duplicate = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  FILE* const stream = duplicate < 0 ? nullptr : ::fdopen(duplicate, "rb");
  if (stream == nullptr) {
    const int error = errno;
    if (duplicate >= 0) ::close(duplicate);
    return ErrnoStatus(error, "cannot open the archive a second time");
  }
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* const source = zip_source_filep_create(stream, 0, -1, &error);
  if (source == nullptr) {
    ::fclose(stream);
    return CannotRead(&error);
  }
  ZipPtr zip(zip_open_from_source(source, ZIP_RDONLY, &error));
  if (zip == nullptr) {
    zip_source_free(source);
    return CannotRead(&error);
  }
  return zip;
}

}  // namespace

absl::Status ReadZipEntryPieces(int fd, size_t index, const ZipEntry& entry,
                                const std::function<absl::Status(std::string_view)>& take) {
  MODELD_ASSIGN_OR_RETURN(const ZipPtr zip, OpenLibzip(fd));
  const char* const name = zip_get_name(zip.get(), index, ZIP_FL_ENC_RAW);
  if (name == nullptr || entry.name != name) {
    return absl::InvalidArgumentError(
        absl::StrCat("entry ", Quote(entry.name), " is not where the ZIP directory says"));
  }
  const ZipFilePtr file(zip_fopen_index(zip.get(), index, 0));
  if (file == nullptr) return DamagedEntry(entry.name, zip_get_error(zip.get()));
  std::vector<char> buffer(kPieceBytes);
  while (true) {
    const zip_int64_t size = zip_fread(file.get(), buffer.data(), buffer.size());
    if (size < 0) return DamagedEntry(entry.name, zip_file_get_error(file.get()));
    if (size == 0) return absl::OkStatus();
    MODELD_RETURN_IF_ERROR(take(std::string_view(buffer.data(), static_cast<size_t>(size))));
  }
}

absl::StatusOr<std::string> ReadZipEntry(int fd, size_t index, const ZipEntry& entry, size_t max_bytes) {
  const auto too_large = [&] {
    return absl::ResourceExhaustedError(
        absl::StrCat("entry ", Quote(entry.name), " is larger than the ", max_bytes, " bytes allowed"));
  };
  if (entry.uncompressed_size > max_bytes) return too_large();
  std::string content;
  MODELD_RETURN_IF_ERROR(ReadZipEntryPieces(fd, index, entry, [&](std::string_view piece) {
    if (piece.size() > max_bytes - content.size()) return too_large();
    content.append(piece);
    return absl::OkStatus();
  }));
  return content;
}

}  // namespace modeld
