// Packages of AOTInductor (.pt2): a module compiled ahead of time, run by LibTorch from version 2.6 on.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "daemon/engine/engine.h"

namespace modeld {

// Loads the package that lies unpacked in `request.unpacked`. It has one method, forward, whose arguments are
// tensors: keyword arguments by their names; positional ones, whose names no package keeps, by those of the
// declared inputs, in order, else `input` or `input_N`.
//
// Of every tensor dtype and rank must be known: machine code that gets another reads where it should not. Run
// refuses, with INVALID_ARGUMENT, what differs from what is known and from what it was compiled for.
//
// INVALID_ARGUMENT where that is not known or contradicts the package, or the package cannot be loaded;
// UNIMPLEMENTED where this build cannot. May throw what LibTorch throws.
absl::StatusOr<std::unique_ptr<Executable>> LoadPackage(const LoadRequest& request);

}  // namespace modeld
