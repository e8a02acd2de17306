// Value types: dtypes and sizes of a graph's tensors that LibTorch's own propagation does not know.
#pragma once

#include <torch/script.h>

#include <cstddef>
#include <optional>

namespace modeld {

// Gives them to those tensors whose dtype or rank is not known, as far as they follow from others.
void GiveTypes(torch::jit::Graph& graph);

// None: it is not known, or no tensor.
std::optional<size_t> RankOf(const torch::jit::Value& value);

}  // namespace modeld
