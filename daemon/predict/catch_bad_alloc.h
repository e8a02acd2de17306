// Tensors come from clients and models in any size; that memory ran out ends one request, not the daemon.
#pragma once

#include <exception>

#include "absl/status/status.h"

namespace modeld {

// What `function` returns; RESOURCE_EXHAUSTED where memory ran out.
template <typename Function>
absl::Status CatchBadAlloc(Function function) {
  try {
    return function();
  } catch (const std::exception&) {  // std::bad_alloc, or std::length_error for more than can ever be had
    return absl::ResourceExhaustedError("out of memory for this request; send smaller tensors or try again");
  }
}

}  // namespace modeld
