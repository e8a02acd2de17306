// The floors of the engines: each called as its own documentation does it, on one thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "daemon/engine/tensor.h"

namespace modeld {

// One run. Throws what the library throws.
using BareRun = std::function<void()>;

// What the library loads from `path`, which is called with the same inputs again and again: of FP32, or for
// LibTorch BOOL. Loading throws what the library throws. `name` is the input's in the graph.
BareRun BareLibtorch(const std::string& path, const std::vector<Tensor>& inputs);
BareRun BareOnnxruntime(const std::string& path, const std::string& name, const Tensor& input);
BareRun BareOpenvino(const std::string& path, const Tensor& input);

}  // namespace modeld
