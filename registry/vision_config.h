// The parts of a config that describe images and classes. Pure functions, internal to the config's parser.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "modeld/v1/model_config.pb.h"

namespace modeld {

// Checks config.preprocess, against config.inputs too, and completes these: what is not declared, or only in
// part, is declared as the preprocessing makes it. INVALID_ARGUMENT names the field, its value and what was
// expected. REQUIRES: the config's own tensors passed their checks.
absl::Status CompletePreprocess(v1::ModelConfig& config);

// Checks config.postprocess and the labels of config.outputs, each against the declared outputs.
absl::Status CheckPostprocess(const v1::ModelConfig& config);

// 1 for GRAY, else 3.
int ChannelsOf(const v1::ImagePreprocess& image);

}  // namespace modeld
