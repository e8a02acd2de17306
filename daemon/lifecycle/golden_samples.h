// The golden samples of a registered version: from its artifact, or from the files that it has beside it.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "daemon/lifecycle/served_version.h"
#include "daemon/probe/golden_sample.h"
#include "daemon/probe/tolerance.h"
#include "modeld/v1/model_config.pb.h"
#include "registry/artifact_store.h"
#include "registry/golden.h"
#include "registry/records.h"
#include "registry/registry.h"

namespace modeld {

// Where the version's golden samples lie, in their order; a path that is empty stands for the artifact
// itself. INVALID_ARGUMENT: the version is at fault (its config names one that is not there). Else the
// machine: NOT_FOUND where the artifact or a sample is missing from the store.
absl::StatusOr<std::vector<GoldenFile>> FindGoldenSamples(const ArtifactStore& store, Registry& registry,
                                                          const VersionRecord& record,
                                                          const v1::ModelConfig& config);

// The samples themselves; up to kMaxGoldenTotalBytes of memory. Errors as FindGoldenSamples and
// DecodeGoldenSample.
absl::StatusOr<std::vector<GoldenSample>> ReadGoldenSamples(const ArtifactStore& store, Registry& registry,
                                                            const VersionRecord& record,
                                                            const v1::ModelConfig& config);

// Runs the samples in place, on a version that may be serving meanwhile; see CheckGolden in golden_sample.h.
absl::Status CheckGolden(const ServedVersion& version, const std::vector<GoldenSample>& samples,
                         const Tolerance& tolerance);

}  // namespace modeld
