// FindNan: where an answer holds what is not a number. Pure function.
#pragma once

#include <optional>
#include <string>

#include "daemon/engine/bind.h"

namespace modeld {

// The first NaN in floating-point and complex tensors and scalars, also inside lists, tuples and
// dictionaries: `logits[0, 3]`. None where there is none.
std::optional<std::string> FindNan(const NamedValues& outputs);

}  // namespace modeld
