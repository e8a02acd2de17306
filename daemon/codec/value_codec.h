// Between the wire's Value and the engine's. Pure functions.
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/engine/value.h"
#include "modeld/v1/value.pb.h"

namespace modeld {

// Takes a value over from the wire. Raw tensor bytes are moved out of `wire`, not copied (the machine is
// little-endian, as the wire is). `kind` and `name` are how messages call the value: `input "x"`.
//
// INVALID_ARGUMENT, with the path inside the value (`input "x"[2]["boxes"]: …`), for: no kind set, an unknown
// dtype, both raw and typed elements or the wrong typed field, a byte length or element count that does not
// fit the shape (says both), dimensions that are negative, overflow or are more than 64, values out of the
// dtype's range, a BOOL byte other than 0 and 1, damaged BYTES lengths, a tuple whose names are not one an
// item, unhashable dictionary keys, nesting beyond 32.
absl::StatusOr<Value> FromWire(v1::Value& wire, std::string_view kind, std::string_view name);

// Writes a value to the wire; tensors as raw bytes, copied once. Strings that are not UTF-8 become BYTES
// tensors of no dimensions.
void ToWire(const Value& value, v1::Value* wire);

}  // namespace modeld
