// Whether a value holds a NaN, or what one comes from: the quick questions of the request path, which does
// not ask where. Pure functions.
#pragma once

#include "daemon/engine/value.h"

namespace modeld {

// Looks at floating-point and complex scalars and tensors, also inside lists, tuples and dictionaries (keys
// excepted). Infinities are numbers.
bool HoldsNan(const Value& value);

// The same for what makes a NaN of ordinary arithmetic: NaN, infinity, and what is so large that products and
// sums of it overflow (2^63; of FP16, infinity).
bool HoldsHuge(const Value& value);

}  // namespace modeld
