// Classes: the highest elements of a tensor, as the classification extension of the Open Inference Protocol
// gives them. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "modeld/v1/value.pb.h"

namespace modeld {

// Of each row (the last dimension) the `count` highest, the highest first and the earlier one where they are
// equal, as BYTES "value:index" or "value:index:label"; shape is that of the rows and `count`, or as many as
// there are. `labels` may be fewer than elements; then the others have none. NaN counts as lowest.
//
// INVALID_ARGUMENT: BOOL and BYTES have no classes, nor has a tensor without dimensions.
// REQUIRES: the elements stand in `raw`; count >= 1.
absl::StatusOr<v1::Tensor> ClassesOf(const v1::Tensor& tensor, int64_t count,
                                     const std::vector<std::string>& labels);

}  // namespace modeld
