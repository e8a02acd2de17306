// How two versions of a model differ: what `modelctl diff` tells. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "modeld/v1/admin_service.pb.h"
#include "registry/cli/render.h"

namespace modeld {

enum class Change { kSame, kChanged, kAdded, kRemoved };

// "same", "changed", "added", "removed".
std::string_view ChangeName(Change change);

// One fact about both. A side that does not have it is null.
struct Difference {
  std::string key;  // "batching.max_batch_size", "forward(x)", "golden/0"
  nlohmann::json from;
  nlohmann::json to;

  Change change() const;
};

// What is measured on a probe is listed also where both are the same; of the config and the schema only what
// differs is.
struct VersionDiff {
  std::string model;
  std::string from_version;
  std::string to_version;
  std::vector<Difference> artifact;  // size_bytes, sha256, format, …
  std::vector<Difference> config;    // by path: "inputs[0].shape"
  std::vector<Difference> schema;    // by method and argument
  std::vector<Difference> measured;  // resident_bytes, load_seconds, …
  std::vector<Difference> golden;    // by sample: "passed", or what is wrong
  std::vector<Difference> latency;   // by batch size, in seconds
  bool from_probed = false;          // schema and measurements are those of a probe
  bool to_probed = false;
};

VersionDiff DiffVersions(const v1::GetVersionResponse& from, const v1::GetVersionResponse& to);

// The values of `config`, objects and lists of them taken apart, by their paths; keys sorted. A text that is
// no JSON is one value with an empty path.
std::vector<std::pair<std::string, nlohmann::json>> FlattenConfig(const std::string& config_json);

std::string RenderDiff(const VersionDiff& diff, const Look& look);
// {"model", "from_version", "to_version", "config": {"<path>": {"change", "from", "to"}, …}, …}
nlohmann::ordered_json DiffToJson(const VersionDiff& diff);

}  // namespace modeld
