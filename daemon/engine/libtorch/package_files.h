// PackageFiles: the files of an AOTInductor package's compiled model, as they lie unpacked.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/engine/libtorch/compiled_for.h"

namespace modeld {

struct PackageFiles {
  std::string library;                // path of the .so
  std::vector<CompiledInput> inputs;  // as far as the source says
  std::optional<int> most_threads;    // see MostThreads
};

// Finds and reads them, and checks that this machine can run the code: its device is the CPU, and has the
// instructions that it was compiled for. INVALID_ARGUMENT otherwise; FAILED_PRECONDITION where the file
// system that they lie on allows no code to be run.
absl::StatusOr<PackageFiles> ReadPackageFiles(const std::string& directory);

// The first of the instruction sets, as PyTorch names them separated by spaces ("AVX512 AVX512_VNNI"), that
// this CPU lacks; empty: none. Unknown ones are not looked at.
std::string MissingInstructions(const std::string& names);

}  // namespace modeld
