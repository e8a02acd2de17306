// The LibTorch engine: TorchScript as saved, in evaluation and inference mode, on the CPU.
#pragma once

#include <memory>

#include "daemon/engine/engine.h"

namespace modeld {

// The module is shared by all callers: LibTorch allows concurrent forward calls of a module that does not
// write its own attributes. No LibTorch header is needed to call this.
std::unique_ptr<Engine> NewLibtorchEngine();

}  // namespace modeld
