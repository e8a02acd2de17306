// What a config's `postprocess` says of one output: from the model's numbers to probabilities and named
// classes. Pure functions; see PostprocessConfig in modeld/v1/model_config.proto.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/engine/tensor.h"
#include "daemon/engine/value.h"
#include "modeld/v1/model_config.pb.h"

namespace modeld {

// The tensor after softmax or sigmoid, as the rule says; the same where it says neither. Of the same shape
// and dtype, but FP32 for FP16 and BF16. INTERNAL: it is no floating-point tensor, or has no dimensions.
absl::StatusOr<Tensor> Activate(const v1::PostprocessConfig& rule, const Tensor& tensor);

// The `rule.top_k` highest elements of each row, the highest first and the earlier one where they are equal;
// NaN counts as lowest. `tensor` is what Activate returned. `labels` may be fewer than elements. `one_row`:
// where there is one row only, its list is the value. RESOURCE_EXHAUSTED: more than 200 000 classes in all;
// INTERNAL as above.
absl::StatusOr<Value> TopClasses(const v1::PostprocessConfig& rule, const Tensor& tensor,
                                 const std::vector<std::string>& labels, bool one_row);

}  // namespace modeld
