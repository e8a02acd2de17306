// manifest.json of a release directory: which of its model files become live together. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace modeld {

// What makes a directory a release.
inline constexpr char kManifestName[] = "manifest.json";
inline constexpr int64_t kMaxManifestBytes = int64_t{1} << 20;
inline constexpr int kMaxReleaseModels = 100;

struct ReleaseManifest {
  // Paths of the model files, relative to the release's directory; at least one.
  std::vector<std::string> models;
  std::string description;  // for people
};

// Parses and validates `{"models": ["digits.pt", "faces/faces-2.0.pt"], "description": "…"}`. Everything that
// is off is INVALID_ARGUMENT naming the field, its value and what was expected: malformed JSON (with line and
// column), unknown keys (with "did you mean"), wrong types, no model or more than kMaxReleaseModels; a path
// that is absolute, leads out of the directory, names no model file or one in progress, lies deeper than
// NAME/VERSION/anything.pt, or is there twice.
absl::StatusOr<ReleaseManifest> ParseReleaseManifest(std::string_view json);

}  // namespace modeld
