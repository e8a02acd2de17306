// Joining requests into a batch along dimension 0, and taking its outputs apart again. Pure functions.
//
// The rows of a batch are independent of each other: that is what a config promises that declares inputs with
// a leading -1 and sets `batching`. CheckBatching (daemon/probe/check_batching.h) holds it to that.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "daemon/engine/signature.h"
#include "daemon/engine/value.h"

namespace modeld {

// Which arguments of a method hold rows. All others must be equal for requests to share a batch.
struct BatchRule {
  std::vector<bool> has_rows;  // by argument

  friend bool operator==(const BatchRule&, const BatchRule&) = default;
};

// An argument has rows if it is a tensor that `declared` gives a shape with a leading -1. INVALID_ARGUMENT:
// none has.
absl::StatusOr<BatchRule> MakeBatchRule(const Method& method, const std::vector<DeclaredTensor>& declared);

// What requests have in common that may share a batch: dtypes and trailing shapes of what has rows, and
// everything else.
class BatchKey {
 public:
  friend bool operator==(const BatchKey&, const BatchKey&) = default;
  friend bool operator<(const BatchKey& a, const BatchKey& b) { return a.words_ < b.words_; }
  void Add(int64_t word) { words_.push_back(word); }

 private:
  absl::InlinedVector<int64_t, 6> words_;
};

// A request as part of a batch.
struct BatchPart {
  BatchKey key;
  int64_t rows = 0;  // at least 1
};

// None: the request cannot share a batch, for it has no rows, or not the same number in each argument, or an
// argument without rows that is more than a scalar, a short string or None.
// REQUIRES: `arguments` come from BindArguments, of the method that the rule was made for.
std::optional<BatchPart> PartOf(const BatchRule& rule, const std::vector<Value>& arguments);

// As PartOf's rows; 1 where the request cannot share a batch. Looks at the first argument that has rows only.
int64_t RowsOf(const BatchRule& rule, const std::vector<Value>& arguments);

// The arguments of one batch: the rows of each request in turn, in memory of their own, and then
// `padding_rows` copies of the last row. What has no rows is the first request's.
// REQUIRES: at least one request; all have the same key.
std::vector<Value> JoinRows(const BatchRule& rule, const std::vector<const std::vector<Value>*>& requests,
                            int64_t padding_rows);

// Each request's share of what a batch returned; tensors share its bytes. `rows`: of each request in turn;
// what comes after them was padding. Tensors are taken apart, also within tuples and dictionaries.
// FAILED_PRECONDITION, saying why, for everything that is not one row for each row of input: a tensor with
// another first dimension, a list (whose items could be anything), a scalar, a string.
// REQUIRES: `total` is at least the sum of `rows`.
absl::StatusOr<std::vector<Value>> SplitRows(const Value& result, const std::vector<int64_t>& rows,
                                             int64_t total);

}  // namespace modeld
