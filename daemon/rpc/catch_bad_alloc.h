// Tensors come from clients and models in any size; that memory ran out ends one request, not the daemon.
#pragma once

#include <new>

#include "absl/status/status.h"

namespace modeld {

// What `function` returns; RESOURCE_EXHAUSTED where it throws std::bad_alloc.
template <typename Function>
absl::Status CatchBadAlloc(Function function) {
  try {
    return function();
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("out of memory for this request; send smaller tensors or try again");
  }
}

}  // namespace modeld
