// The executable of a TorchScript module whose forward runs on OpenVINO.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/engine/engine.h"
#include "daemon/engine/openvino/compiled_model.h"
#include "daemon/engine/openvino/eligibility.h"
#include "daemon/engine/openvino/forward_graph.h"

namespace modeld {

using LoadFallback = std::function<absl::StatusOr<std::unique_ptr<Executable>>()>;

// `methods` are the module's, forward first. `compiled` has the inputs and outputs that `forward` says. What
// it does not hold for, and what it fails on, runs on the executable that `fallback` loads, once.
std::unique_ptr<Executable> NewOpenvinoExecutable(std::vector<Method> methods, ForwardGraph forward,
                                                  std::vector<IndexLimit> limits,
                                                  std::unique_ptr<CompiledModel> compiled,
                                                  LoadFallback fallback);

}  // namespace modeld
