// Whether a value holds a NaN: the quick question of the request path, which does not ask where. Pure
// function.
#pragma once

#include "daemon/engine/value.h"

namespace modeld {

// Looks at floating-point and complex scalars and tensors, also inside lists, tuples and dictionaries (keys
// excepted). Infinities are numbers.
bool HoldsNan(const Value& value);

}  // namespace modeld
