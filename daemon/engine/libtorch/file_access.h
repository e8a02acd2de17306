// File access: operators that reach files of the process that runs the model.
//
// Loading a module from an untrusted hand is running its code; but a module that by mistake carries a
// debugging line such as torch.save must not write over the daemon's own files, with no request made.
#pragma once

#include <torch/script.h>

#include <string>

namespace modeld {

// The first operator of the method, or of what it calls, that reads or writes files by name, and where it
// stands: "aten::save (at model.py:7:8)"; empty: there is none. Of what an interface calls nothing is known.
std::string FileAccessOf(const torch::jit::Method& method);

}  // namespace modeld
