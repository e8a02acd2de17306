// Copies of values that share no bytes with the original. Pure functions.
#pragma once

#include <cstddef>

#include "daemon/engine/value.h"

namespace modeld {

// Copying a Value shares its tensors' bytes, and TorchScript may work in place on what it is given: what must
// stay as it is needs bytes of its own.
Value DeepCopy(const Value& value);

// Memory that a deep copy takes, roughly: bytes of tensors and strings, and the nodes that hold them.
size_t CopySize(const Value& value);

}  // namespace modeld
