// The ONNX Runtime engine: ONNX files, on the CPU or on what else the library has execution providers for.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/engine/engine.h"

namespace modeld {

struct OnnxruntimeOptions {
  // By the library's names for them, the preferred one first: "CUDAExecutionProvider". What none of them can
  // run, the CPU does.
  std::vector<std::string> execution_providers = {"CPUExecutionProvider"};
};

// A session is shared by all callers, whose calls run concurrently; each computes on its own thread and on
// the threads_per_run - 1 threads that the session has beside. A graph is one method, `forward`; what it
// returns is a NamedTuple of its outputs, of a single one too. Inputs that have an initializer keep it. No
// header of ONNX Runtime is needed to call this.
//
// INVALID_ARGUMENT: the library lacks an execution provider; the message names those that it has.
// FAILED_PRECONDITION: one cannot be used here, or the library is older than the headers it was built with.
// REQUIRES: no other thread uses the environment (it is changed, so that the library reports nothing to its
// vendor).
absl::StatusOr<std::unique_ptr<Engine>> NewOnnxruntimeEngine(OnnxruntimeOptions options = {});

}  // namespace modeld
