// RequestHash: what decides whether a request goes to a canary, and whether a shadow gets a copy. Pure
// function.
#pragma once

#include <cstddef>
#include <cstdint>

#include "modeld/v1/model_service.pb.h"

namespace modeld {

inline constexpr size_t kMaxStickyKeyBytes = 1024;

// A StableHash of the sticky key; without one of the inputs: names, types, shapes and elements. Long tensors
// and lists are sampled evenly, so that it costs some microseconds at most. The order of the inputs, the
// model and the method do not count; how elements are written (raw or typed) does.
uint64_t RequestHash(const v1::PredictRequest& request);

}  // namespace modeld
