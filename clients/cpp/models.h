// What the daemon tells of its models, as plain structs; see modeld.v1.ModelService.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "modeld/v1/model_config.pb.h"
#include "modeld/v1/model_service.pb.h"

namespace modeld {

// One immutable artifact under a version string.
struct VersionInfo {
  std::string version;
  v1::VersionState state = v1::VERSION_STATE_UNSPECIFIED;
  std::string reason;  // why it is in that state, where that needs saying
  std::string sha256;
  int64_t size_bytes = 0;
  absl::Time registered_at = absl::UnixEpoch();
  std::string description;
  std::string format;
  std::string engine;  // empty while it is not loaded, as is the plan
  std::string plan;    // how the engine runs it: "libtorch", "libtorch frozen"
  std::vector<std::string> warnings;
  int64_t resident_bytes = 0;  // 0: not measured
};

struct ModelInfo {
  std::string name;
  std::vector<VersionInfo> versions;          // highest first
  std::string live_version;                   // empty: none is served
  std::map<std::string, std::string> labels;  // to versions
  std::string pinned_version;                 // empty: live follows the highest good version
  std::string pin_reason;

  // Null: it has no such version. The pointer is into this.
  const VersionInfo* version(const std::string& name) const;
};

// An input or output of a method.
struct ArgumentInfo {
  std::string name;
  std::string type;       // in TorchScript's notation
  bool optional = false;  // has a default and may be left out
  std::string dtype;      // what the config declares; empty, as the shape: anything
  std::vector<int64_t> shape;
};

struct MethodInfo {
  std::string name;
  std::vector<ArgumentInfo> inputs;
  std::vector<ArgumentInfo> outputs;
};

// A file of the drop directory that is not (yet) a registered version.
struct DroppedFileInfo {
  std::string path;
  v1::DroppedFileState state = v1::DROPPED_FILE_STATE_UNSPECIFIED;
  std::string reason;
  std::string model;  // as far as known, as the version
  std::string version;
  absl::Time since = absl::UnixEpoch();
};

// One model with the methods, `forward` first, and the config of its live version.
struct ModelDetails {
  ModelInfo model;
  std::vector<MethodInfo> methods;
  v1::ModelConfig config;
  std::vector<DroppedFileInfo> dropped_files;

  // Null: it has no such method. The pointer is into this.
  const MethodInfo* method(const std::string& name) const;
};

struct ModelListing {
  std::vector<ModelInfo> models;  // by name
  std::vector<DroppedFileInfo> dropped_files;
  std::string source_error;  // trouble with the drop directory itself; empty: it can be read
};

// Pure.
ModelDetails ModelDetailsOf(v1::GetModelResponse response);
// Appends a page; the first page holds the dropped files.
void AppendPage(v1::ListModelsResponse page, ModelListing& listing);

}  // namespace modeld
