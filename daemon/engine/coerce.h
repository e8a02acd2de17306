// Coerce: makes a value fit a type. Pure; the conversions that bind.h promises live here.
#pragma once

#include <optional>
#include <string>

#include "daemon/engine/signature.h"
#include "daemon/engine/value.h"

namespace modeld {

// Why a value does not fit.
struct Mismatch {
  std::string path;     // inside the value: `[2]["boxes"]`; empty: the value itself
  std::string message;  // "expected int, got FP32[2,3]"
};

// Turns `value` into exactly what `type` asks for, or says why that is impossible; `value` may then be left
// half converted. Every tensor inside it is checked: its bytes fit its shape. But for tensors of strings, no
// BYTES tensor remains, where the type leaves it open either (Any): one without dimensions has become a
// string, one of one dimension a list of strings.
std::optional<Mismatch> Coerce(const Type& type, Value& value);

}  // namespace modeld
