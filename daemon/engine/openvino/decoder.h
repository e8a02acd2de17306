// Decoder: how OpenVINO's PyTorch frontend reads a TorchScript graph.
#pragma once

#include <torch/script.h>

#include <memory>

#include <openvino/frontend/pytorch/decoder.hpp>

namespace modeld {

// Of the whole graph. The graph has no attributes (it is frozen) and mutates nothing. Constants share their
// bytes with LibTorch's tensors, and keep them.
std::shared_ptr<ov::frontend::pytorch::TorchDecoder> NewDecoder(std::shared_ptr<torch::jit::Graph> graph);

}  // namespace modeld
