// Reads NumPy's .npy files, strictly: format versions 1.0 to 3.0, one array, little-endian, C order. The
// format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "modeld/v1/value.pb.h"

namespace modeld {

// The tensor in `content`, the whole file. INVALID_ARGUMENT, with the remedy, for anything else: other dtypes
// (objects, strings, structures), big-endian or Fortran order, a length that does not fit the shape. Pure.
absl::StatusOr<v1::Tensor> ParseNpy(std::string_view content);

}  // namespace modeld
