// CheckBatching: whether rows come out of a batch as they do alone.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "daemon/engine/engine.h"
#include "daemon/probe/golden_sample.h"
#include "daemon/probe/tolerance.h"

namespace modeld {

// Runs `forward` on three generated rows, once as requests of two rows and of one, once as the batch that the
// daemon would make of these, and compares. INVALID_ARGUMENT: the version cannot be batched, with the output
// that is not one row for each row of input, or that differs beyond `tolerance`, and how. Other errors: those
// of generating and of Executable::Run.
//
// `may_fail`: a run that fails does no harm, so that integers of 1 are tried, too, which may be no index into
// what the model has. REQUIRES: CanGenerate.
absl::Status CheckBatching(Executable& executable, const Declarations& declared, const Tolerance& tolerance,
                           bool may_fail);

// The same, on the inputs of golden samples of `forward`: those that may share a batch are joined to one of
// at most `max_rows`; one that shares it with no other, with itself. NOT_FOUND: there is none that could be
// joined. REQUIRES: the inputs declare what is joined (MakeBatchRule).
absl::Status CheckBatching(Executable& executable, const Declarations& declared,
                           const std::vector<GoldenSample>& samples, int64_t max_rows,
                           const Tolerance& tolerance);

}  // namespace modeld
