// Inputs to try a version with where nobody gave any: ordinary ones, always the same. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/engine/bind.h"
#include "daemon/engine/signature.h"

namespace modeld {

// Whether every argument of `forward` without default is declared with dtype and shape, so that inputs can be
// made.
bool CanGenerate(const Method& forward, const std::vector<DeclaredTensor>& declared);

// A value for each fully declared input. Floating-point and complex numbers lie evenly in [0, 1) (zeros hide
// divisions by zero, and denormal numbers take many times as long as ordinary ones), integers are 0, which is
// an index into everything, booleans false, strings empty. A -1 that leads a shape is the batch size, any
// other is 1. RESOURCE_EXHAUSTED for a tensor of more than 256 MiB, which is no shape to try without being
// asked; INVALID_ARGUMENT for a shape that overflows.
absl::StatusOr<NamedValues> GenerateInputs(const std::vector<DeclaredTensor>& declared, int64_t batch_size);

// Sizes beside the batch's that a caller may choose: what is generated then is as small as it gets, and no
// measure of how long a run takes.
bool HasFreeDimensions(const std::vector<DeclaredTensor>& declared);

// "x FP32[1,3], mask BOOL[1]": what GenerateInputs makes.
std::string DescribeInputs(const std::vector<DeclaredTensor>& declared, int64_t batch_size);

}  // namespace modeld
