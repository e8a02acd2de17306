// The LibTorch engine: TorchScript in evaluation and inference mode, and packages of AOTInductor, on the CPU.
#pragma once

#include <memory>

#include "daemon/engine/engine.h"

namespace modeld {

// A module is shared by all callers. Calls run concurrently, but for a module of which any method may write
// its own attributes (a counter, a cache): its calls run one at a time, since LibTorch does not guard them.
// That is read from the graphs when the module is loaded, by whichever plan, and errs on the safe side: a
// method that works in place on its inputs counts as well. An argument whose default no Value can hold (a
// device) is not among a method's arguments and always has its default; a method with such an argument and no
// default is not callable. Methods whose names begin with `__` are left out. No LibTorch header is needed to
// call this.
std::unique_ptr<Engine> NewLibtorchEngine();

}  // namespace modeld
