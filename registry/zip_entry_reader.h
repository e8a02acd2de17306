// ReadZipEntry: one small entry of a ZIP archive, by libzip. Internal to the archive reader.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "registry/zip_directory.h"

namespace modeld {

// Entry number `index` of the archive open as `fd`, which must be `entry`: unpacked and with its checksum
// verified. What the headers say of its size is not believed. RESOURCE_EXHAUSTED: it is larger than
// `max_bytes`. INVALID_ARGUMENT: damaged.
absl::StatusOr<std::string> ReadZipEntry(int fd, size_t index, const ZipEntry& entry, size_t max_bytes);

// The same of any size, piece by piece. What `take` returns ends it.
absl::Status ReadZipEntryPieces(int fd, size_t index, const ZipEntry& entry,
                                const std::function<absl::Status(std::string_view)>& take);

}  // namespace modeld
