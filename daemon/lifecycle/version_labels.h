// The class labels of a registered version: from its config, or from its artifact.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "modeld/v1/model_config.pb.h"
#include "registry/artifact_store.h"
#include "registry/records.h"

namespace modeld {

// By the outputs' names; outputs without labels are left out. INVALID_ARGUMENT: the version is at fault; else
// the machine.
absl::StatusOr<std::map<std::string, std::vector<std::string>>> ReadVersionLabels(
    const ArtifactStore& store, const VersionRecord& record, const v1::ModelConfig& config);

}  // namespace modeld
