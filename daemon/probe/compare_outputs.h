// CompareOutputs: whether a model's answer is the one that was expected. Pure functions.
#pragma once

#include "daemon/engine/bind.h"
#include "daemon/probe/tolerance.h"
#include "modeld/v1/probe.pb.h"

namespace modeld {

// Compares every output of `expected`; outputs that only `actual` has are its own affair. Below that, lists,
// tuples and dictionaries must have the same items and keys, tensors the same dtype and shape, scalars the
// same type.
//
// Floating-point and complex numbers are compared within `tolerance` (complex ones by their distance); NaN
// agrees with NaN, an infinity with the same infinity, and neither with anything else. Integers, booleans,
// strings and BYTES are compared exactly.
//
// `sample` is left to the caller. `detail` says what is wrong in one line: what is missing or of another kind
// goes before what differs in value; of those the one that is furthest beyond the tolerance is named, with
// its place. `expected` and `actual` are of that element (NaN for strings), `max_absolute` and `max_relative`
// over all numbers (relative to |expected| where that is not 0).
v1::GoldenResult CompareOutputs(const NamedValues& expected, const NamedValues& actual,
                                const Tolerance& tolerance);

}  // namespace modeld
