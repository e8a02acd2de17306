#include "daemon/engine/libtorch/custom_ops.h"

#include <dlfcn.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "daemon/engine/libtorch/errors.h"
#include "registry/base/quote.h"

namespace modeld {

absl::Status LoadCustomOps(const std::vector<std::string>& libraries) {
  for (const std::string& library : libraries) {
    const auto refused = [&](const std::string& why) {
      return absl::InvalidArgumentError(
          absl::StrCat("the library of custom operators ", Quote(library), " cannot be loaded: ", why,
                       "; build it against the LibTorch of the daemon, or take it out of "
                       "--custom-ops-library"));
    };
    // A name without a slash would be looked for in the system's directories.
    const std::string path = std::filesystem::absolute(library).string();
    try {
      // Global, as PyTorch's own torch.ops.load_library does: a library may need another's symbols.
      if (::dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) return refused(::dlerror());
    } catch (...) {
      // What registers an operator twice throws from its initializers.
      return refused(std::string(StatusFromException(absl::StatusCode::kInvalidArgument).message()));
    }
  }
  return absl::OkStatus();
}

}  // namespace modeld
