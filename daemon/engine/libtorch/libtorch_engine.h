// The LibTorch engine: TorchScript in evaluation and inference mode, and packages of AOTInductor, on the CPU.
#pragma once

#include <memory>

#include "daemon/engine/engine.h"

namespace modeld {

// A module is shared by all callers, whose calls run concurrently. One of which any method may write its own
// attributes (a counter, a cache) is run on copies of them, as many as run at the same time, so that each
// call begins with what was loaded; constants of its graphs are kept in the same way. What may be written is
// read from the graphs when the module is loaded, by whichever plan, and errs on the safe side: a method that
// works in place on its inputs counts as well. Forward hooks of the module itself are called. An argument
// whose default no Value can hold (a device) is not among a method's arguments and always has its default; a
// method with such an argument and no default is not callable. Methods whose names begin with `__` are left
// out. No LibTorch header is needed to call this.
std::unique_ptr<Engine> NewLibtorchEngine();

}  // namespace modeld
