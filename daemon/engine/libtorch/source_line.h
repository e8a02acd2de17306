// Where an operation stands in the model's source.
#pragma once

#include <torch/script.h>

#include <string>

namespace modeld {

// " (at model.py:7:8)"; empty where it is not known.
std::string SourceLine(const torch::jit::Node& node);

}  // namespace modeld
