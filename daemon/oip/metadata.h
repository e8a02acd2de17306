// What a model is, in the Open Inference Protocol's words. Pure functions.
#pragma once

#include <string>
#include <vector>

#include "daemon/lifecycle/model_view.h"
#include "daemon/lifecycle/served_version.h"
#include "inference/grpc_service.pb.h"
#include "modeld/v1/model_config.pb.h"
#include "registry/base/artifact_format.h"

namespace modeld {

// The extensions of the protocol that this daemon speaks.
std::vector<std::string> OipExtensions();

// "pytorch_libtorch", "onnxruntime_onnx": the names that Triton has for these.
std::string PlatformOf(ArtifactFormat format);

// Of a version in memory: `forward`'s inputs and outputs with what the config declares, or what their types
// tell; where neither does, datatype and shape are empty. Whatever the protocol has no tensors for is left
// out. `versions` and `platform` are left to the caller.
void FillMetadata(const ServedVersion& version, inference::ModelMetadataResponse* metadata);

// `config` is the version's. A declared input with a leading -1 whose requests are joined loses that
// dimension, as Triton's configurations have it.
inference::ModelConfig OipConfigOf(const ServedVersion& version, const v1::ModelConfig& config,
                                   ArtifactFormat format);

// "READY" and the like, of one version.
inference::RepositoryIndexResponse::ModelIndex IndexOf(const std::string& model, const VersionView& version);

}  // namespace modeld
