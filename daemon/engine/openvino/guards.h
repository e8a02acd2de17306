// Guards: conditions that are computed along with a graph, and looked at after each run. Where one does not
// hold, LibTorch answers: it makes NaN or infinity there, or raises, and OpenVINO loses that on the way.
#pragma once

#include <torch/script.h>

#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "daemon/engine/openvino/forward_graph.h"

namespace modeld {

class Guards {
 public:
  // Conditions become outputs of the graph, and `raises_when` says so. Outlives this.
  explicit Guards(ForwardGraph& forward) : forward_(forward) {}

  // All of these give INVALID_ARGUMENT, with the reason, where the values are those of a branch that need
  // not be taken.

  // That the arguments of a node are such as a finite number comes of: of a square root, that none is
  // negative. Nothing, for operators that take any number.
  absl::Status NodeIsDefined(const torch::jit::Node& node);

  // That in each row along `dim` there is a number that is no mask's.
  absl::Status RowsAreNotMasked(torch::jit::Value* scores, int64_t dim);
  // The same of a mask of booleans, true where something is to be seen.
  absl::Status RowsHoldTrue(torch::jit::Value* mask);

  // That indices are in [0, rows).
  absl::Status IndicesAreWithin(torch::jit::Value* indices, int64_t rows);

 private:
  // That all of the booleans are true that `condition` makes of the value.
  absl::Status Require(torch::jit::Value* value,
                       const std::function<torch::jit::Value*(torch::jit::Graph&)>& condition);

  ForwardGraph& forward_;
};

}  // namespace modeld
