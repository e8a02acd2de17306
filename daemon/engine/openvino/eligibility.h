// Eligibility: whether OpenVINO computes a graph as LibTorch does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/engine/openvino/forward_graph.h"

namespace modeld {

// An input holds indices of a table's rows. LibTorch raises on what lies outside, OpenVINO takes what is
// there.
struct IndexLimit {
  size_t input = 0;  // of the graph
  int64_t rows = 0;  // each element is in [0, rows)
};

// What the inputs have to keep, beside their dtypes and ranks. INVALID_ARGUMENT names the first operator that
// is not known to be computed as LibTorch computes it, or not on such tensors, and the line of the model's
// source: `aten::cumprod is not among the operators that are proved to come out the same on OpenVINO (at
// model.py:7:8)`.
//
// Every tensor's dtype is told from those of the inputs; constants of no dimensions that only stand for a
// number become numbers of the dtype that they meet. Throws what LibTorch throws.
absl::StatusOr<std::vector<IndexLimit>> MakeEligible(ForwardGraph& forward);

}  // namespace modeld
