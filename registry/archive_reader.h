// What an artifact says of itself, read without LibTorch and without running any code.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "registry/base/artifact_format.h"
#include "registry/base/file_system.h"

namespace modeld {

struct ArchiveLimits {
  size_t max_config_bytes = 1 << 20;
  size_t max_entries = 1'000'000;
  uint64_t max_directory_bytes = 128ull << 20;  // of the ZIP's list of entries
  // Uncompressed bytes of all entries together: at most `max_expansion_ratio` times the file's size plus
  // `expansion_allowance_bytes`. TorchScript stores tensors uncompressed, so honest archives stay near 1.
  uint64_t max_expansion_ratio = 8;
  uint64_t expansion_allowance_bytes = 256ull << 20;
};

// The readable parts of an artifact.
struct ArchiveContents {
  ArtifactFormat format = ArtifactFormat::kTorchScript;
  uint64_t file_bytes = 0;
  std::string root = {};  // of an archive: the folder that holds all of it, with its `/`
  // Text of `extra/config.json`, in ONNX of a metadata property; none where the file carries none.
  std::optional<std::string> config_json;
  // Names below `extra/`, sorted: "config.json", "labels.txt", "golden/0". ONNX holds none.
  std::vector<std::string> extra_files;
};

// Thread-safe (no state). Reads the central directory and one small entry: milliseconds for any size of file.
//
// Errors:
//   IncompleteError   (UNAVAILABLE) empty, or no complete ZIP central directory (yet). Worth waiting for.
//   INVALID_ARGUMENT  complete but refused: a ZIP that is no TorchScript (with a hint for what torch.save and
//                     torch.export write), entries with absolute or `..` paths, duplicate entries, an
//                     expansion beyond the limits, a config beyond its limit, a damaged entry.
//   those of FileSystem where the file cannot be opened or read.
// A file that begins as no ZIP does is refused at once; one that begins with zeros is incomplete, because
// some copying tools reserve the space first.
absl::StatusOr<ArchiveContents> ReadArchive(FileSystem& file_system, const std::string& path,
                                            const ArchiveLimits& limits = {});

// Bytes of one entry below `extra/` of an archive that ReadArchive or ReadPt2 accepts; errors as there.
// NOT_FOUND if there is no such entry, RESOURCE_EXHAUSTED if it is larger than `max_bytes`.
absl::StatusOr<std::string> ReadExtraFile(FileSystem& file_system, const std::string& path,
                                          std::string_view name, size_t max_bytes);

// What two archives have in common that differ in their weights only: a SHA-256 over the code, the structure
// of the attributes, and the sizes of the tensors. Errors as ReadArchive; RESOURCE_EXHAUSTED for a file of
// code of more than 64 MiB.
absl::StatusOr<std::string> ReadGraphIdentity(FileSystem& file_system, const std::string& path);

}  // namespace modeld
