// Whether a call is one that the compiled forward holds for. Pure.
#pragma once

#include <vector>

#include "daemon/engine/openvino/eligibility.h"
#include "daemon/engine/openvino/forward_graph.h"
#include "daemon/engine/value.h"

namespace modeld {

// The call's tensors in the order of the graph's inputs, where each has the dtype, rank and sizes that the
// graph was made for, at least one element, no NaN and no infinity, integers that fit into 32 bits and into
// their limits; and where every other argument is what the graph has for it. Empty: it is not such a call.
// The graph has at least one input.
std::vector<const Tensor*> TensorsThatFit(const std::vector<GraphArgument>& expected,
                                          const std::vector<IndexLimit>& limits,
                                          const std::vector<Value>& arguments);

// Whether a FP32 tensor has neither NaN nor infinity; others have none.
bool IsFinite(const Tensor& tensor);

}  // namespace modeld
