// The classes with the highest scores: what the classification extension of the Open Inference Protocol asks
// of the daemon, done by the client. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "modeld/v1/value.pb.h"

namespace modeld {

struct ScoredClass {
  std::string label;  // empty: there are fewer labels than classes
  int64_t index = 0;
  double value = 0;  // of an integer beyond 2^53 the nearest double; the order is that of the integers

  bool operator==(const ScoredClass&) const = default;
};

// Of each row the `k` classes with the highest scores, or all if they are fewer; the highest first. Among
// equals the earlier index comes first; NaN comes last. `scores` is a tensor of FP16, BF16, FP32, FP64 or
// integers, whose last dimension is that of the classes, those before it are of the rows; a single dimension
// is one row. `labels` are by index.
//
// INVALID_ARGUMENT: no such tensor, no dimension, raw bytes that do not fit the shape, or `k` below 1.
absl::StatusOr<std::vector<std::vector<ScoredClass>>> TopK(const v1::Value& scores, int64_t k,
                                                           absl::Span<const std::string> labels = {});

}  // namespace modeld
