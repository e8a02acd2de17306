// KnownInputs: what is known of a version's inputs before it is loaded. Pure.
#pragma once

#include <vector>

#include "daemon/engine/engine.h"
#include "daemon/engine/signature.h"
#include "daemon/probe/golden_sample.h"

namespace modeld {

// The tensors that `forward` takes, of which dtype and rank are known: as they are declared, else as the
// golden samples of forward have them that bring such an input, where those agree on dtype and rank. Those
// that are declared come first, in their order, then the others by name.
std::vector<KnownInput> KnownInputs(const std::vector<DeclaredTensor>& declared,
                                    const std::vector<GoldenSample>& samples);

}  // namespace modeld
