// What an ONNX file says of itself, read without ONNX's library and without running any code.
//
// The file is one protobuf message, onnx.ModelProto. It carries its config as an entry of `metadata_props`:
// under the key `modeld.config`, or `config.json`, the text of config.json. It holds no other extra files.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "registry/archive_reader.h"
#include "registry/base/file_system.h"

namespace modeld {

// Keys of metadata_props; the first is the one that is written.
inline constexpr char kOnnxConfigKey[] = "modeld.config";
inline constexpr char kOnnxOtherConfigKey[] = "config.json";

// Thread-safe (no state). Reads the structure and skips the tensors' elements: milliseconds for gigabytes.
//
// Errors:
//   IncompleteError   empty, ends within a field or before the operator sets, or has zeros where a field
//                     should be: it is being copied. Worth waiting for.
//   INVALID_ARGUMENT  refused: no ModelProto (with a hint for other files), no or two graphs, two configs, a
//                     config beyond its limit, tensors that lie in other files (with the remedy), messages
//                     nested deeper than protobuf's parsers go, more than 2 GiB.
//   those of FileSystem where the file cannot be opened or read.
// A file that was cut exactly between two entries of metadata_props, after all that a model needs, looks
// whole: that is for the settle time to catch.
absl::StatusOr<ArchiveContents> ReadOnnx(FileSystem& file_system, const std::string& path,
                                         const ArchiveLimits& limits = {});

// Where a file's config lies: from the beginning of its field to the end.
struct OnnxConfigPlace {
  uint64_t offset = 0;
  uint64_t bytes = 0;
};

// As ReadOnnx, of an open file, which stands at its beginning; `place` is that of the config, if it carries
// one.
absl::StatusOr<ArchiveContents> ReadOnnxStructure(FileSystem& file_system, int fd,
                                                  const ArchiveLimits& limits,
                                                  std::optional<OnnxConfigPlace>* place);

// The bytes of a field of ModelProto that carries a config: appended to a file without one, it becomes its.
std::string OnnxConfigField(const std::string& config_json);

}  // namespace modeld
