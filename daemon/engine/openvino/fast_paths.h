// Fast paths: operators that PyTorch's modules call in place of several where nothing is trained.
#pragma once

#include <torch/script.h>

namespace modeld {

// Puts what nn.TransformerEncoderLayer and nn.MultiheadAttention spell out, and what their operators compute,
// in place of these; and lookups in place of nn.EmbeddingBag's, where the bags are the rows of a matrix.
void SpellOutFastPaths(torch::jit::Graph& graph);

}  // namespace modeld
