// What a version's config says of images and classes, applied to a request: encoded images to tensors before
// its inputs are bound, outputs to probabilities and classes after it was run. `forward` only. Errors are
// about the version.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/engine/bind.h"
#include "daemon/lifecycle/served_version.h"
#include "daemon/vision/image_limits.h"
#include "modeld/v1/model_config.pb.h"

namespace modeld {

// Fills in `version.images` and `version.classes`. INVALID_ARGUMENT: the config speaks of an output that
// forward is known not to have. REQUIRES: the version's declarations and its executable are there.
absl::Status SetVision(const v1::ModelConfig& config, const ImageLimits& limits, ServedVersion& version);

// Whether an input is given as encoded bytes.
bool HoldsImages(const ServedVersion& version, size_t method, const NamedValues& inputs);

// Bytes of these images.
int64_t EncodedBytes(const ServedVersion& version, const NamedValues& inputs);

// Replaces encoded images by tensors; takes milliseconds. True: every one of these inputs was one image,
// without dimensions. Errors: ImageInput::ToTensor's, with the input's name.
absl::StatusOr<bool> DecodeImages(const ServedVersion& version, size_t method, NamedValues& inputs);

// Replaces outputs by what softmax and sigmoid make of them. INTERNAL: see Activate.
absl::Status ActivateOutputs(const ServedVersion& version, size_t method, NamedValues& outputs);

// Adds `<output>_classes`, from outputs after ActivateOutputs. Errors: TopClasses's.
absl::Status AddClasses(const ServedVersion& version, size_t method, bool one_image, NamedValues& outputs);

}  // namespace modeld
