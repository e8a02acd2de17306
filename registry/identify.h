// From a path below the drop directory and a config to a model's name and version. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "modeld/v1/model_config.pb.h"

namespace modeld {

// Where a model file lies. Layouts: NAME.pt, NAME/anything.pt, NAME/3/model.pt.
struct PathIdentity {
  std::string name;                    // first directory, else the file's stem; not validated
  std::optional<std::string> version;  // the numbered directory, if there is one
};

// `relative_path` uses `/` and has one to three parts.
PathIdentity IdentityFromPath(std::string_view relative_path);

struct ModelIdentity {
  std::string name;
  std::string version;
};

// The config's name and version go before the path's. INVALID_ARGUMENT where the version is given nowhere,
// the numbered directory contradicts the config, or a name or version breaks its rule; with the remedy.
absl::StatusOr<ModelIdentity> IdentifyModel(std::string_view relative_path, const v1::ModelConfig& config);

// True for what copying tools and editors write while they work: dotfiles, names ending in `~`, `.tmp`,
// `.part`, `.partial`, `.crdownload`, `.filepart`, `.swp`.
bool IsWorkInProgress(std::string_view file_name);

// `<file>.config.json`.
std::string SidecarPath(std::string_view path);

}  // namespace modeld
