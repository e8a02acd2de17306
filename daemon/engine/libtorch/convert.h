// Between LibTorch's values and ours. Both directions share tensor bytes where they can.
//
// These functions may throw what LibTorch throws; call them in a try block and in inference mode.
#pragma once

#include <torch/script.h>

#include "absl/status/statusor.h"
#include "daemon/engine/value.h"

namespace modeld {

// Builds a value of exactly this type: containers carry their declared element types, also when empty. A
// tensor uses the buffer's bytes and keeps their owner alive; bytes that are not aligned for the dtype are
// copied. INVALID_ARGUMENT if the value is not of the type (Coerce makes it so); UNIMPLEMENTED for a dtype
// that this LibTorch does not have.
absl::StatusOr<c10::IValue> ToIValue(const Value& value, const c10::TypePtr& type);

// Takes the value over. A tensor that nothing else refers to is wrapped if it is contiguous and in host
// memory, else copied: what the module keeps (a parameter, a buffer, an input it stored) may be written by
// the next call. UNIMPLEMENTED, with the place inside the value ("output[2]["boxes"]") and the remedy, for
// what no Value can hold.
absl::StatusOr<Value> FromIValue(c10::IValue value);

}  // namespace modeld
