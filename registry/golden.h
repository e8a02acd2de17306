// Golden samples: inputs with their expected outputs that a version carries, as entries `golden/N` below its
// archive's `extra/`, or as files of the directory `<file>.golden/` beside a file whose config lies beside it
// too, or that can carry none. See docs/golden_samples.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "modeld/v1/model_config.pb.h"
#include "registry/base/file_system.h"

namespace modeld {

inline constexpr int kMaxGoldenSamples = 64;
inline constexpr int64_t kMaxGoldenBytes = int64_t{16} << 20;       // of one sample
inline constexpr int64_t kMaxGoldenTotalBytes = int64_t{64} << 20;  // of a version's samples together

// A sample that lies in a file of its own.
struct GoldenFile {
  std::string name;  // "golden/0"
  std::string path;

  friend bool operator==(const GoldenFile&, const GoldenFile&) = default;
};

// `<file>.golden`.
std::string GoldenDirectory(std::string_view path);

// The samples in the directory beside `path`, in natural order; none where there is no such directory. What
// copying tools leave while they work is left out. INVALID_ARGUMENT for a name that is not printable or is no
// regular file, more than kMaxGoldenSamples; else the errors of FileSystem.
absl::StatusOr<std::vector<GoldenFile>> ListGoldenFiles(FileSystem& file_system, const std::string& path);

// Which of `available` (names below `extra/`, and of samples in files of their own) are the version's golden
// samples: those that config.golden names, in its order; where it names none, every one below `golden/`, in
// natural order (2 before 10). INVALID_ARGUMENT: one that is named is not there (says which are), or there
// are more than kMaxGoldenSamples.
absl::StatusOr<std::vector<std::string>> GoldenNames(const v1::ModelConfig& config,
                                                     const std::vector<std::string>& available);

// OK if `bytes` are a GoldenSample that can be read and says what to expect: it parses, has outputs, and
// every value in it is one: a kind is set, dtypes are known, the byte lengths of tensors fit their shapes.
// INVALID_ARGUMENT `golden sample "golden/0": …`, with the value's name.
absl::Status CheckGoldenSample(std::string_view name, std::string_view bytes);

// Whether `a` comes before `b` where numbers inside names count as numbers.
bool NaturalLess(std::string_view a, std::string_view b);

}  // namespace modeld
