#include "daemon/engine/libtorch/package_files.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

// Empty where there is none. Most of a package is its library, so that the texts are small.
std::string ReadText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

absl::Status CheckMayRun(const std::string& directory) {
  struct statvfs status;
  if (::statvfs(directory.c_str(), &status) != 0 || (status.f_flag & ST_NOEXEC) == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("machine code cannot be run from ", Quote(directory),
                   ", whose file system is mounted with noexec; mount it without, or choose another state "
                   "directory (for modeld --probe: another TMPDIR)"));
}

std::string Text(const Json& metadata, const char* key) {
  const auto value = metadata.find(key);
  return value != metadata.end() && value->is_string() ? value->get<std::string>() : "";
}

// `text` is the package's metadata, of which older ones have less.
absl::Status CheckMachine(const std::string& text) {
  const Json metadata = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!metadata.is_object()) return absl::OkStatus();
  const std::string device = Text(metadata, "AOTI_DEVICE_KEY");
  if (!device.empty() && device != "cpu") {
    return absl::InvalidArgumentError(absl::StrCat("the package is compiled for the device ", Quote(device),
                                                   "; this build runs \"cpu\": export and compile the module "
                                                   "on the CPU"));
  }
  const std::string missing = MissingInstructions(Text(metadata, "AOTI_CPU_ISA"));
  if (missing.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the package is compiled for ", missing,
                   ", which this CPU does not have; compile it on a CPU like this one, or with "
                   "inductor_configs={\"cpp.simdlen\": 256} for one without AVX-512"));
}

}  // namespace

std::string MissingInstructions(const std::string& names) {
#if defined(__x86_64__)
  for (const std::string& name : std::vector<std::string>(absl::StrSplit(names, ' '))) {
    const bool missing = (name == "AVX2" && !__builtin_cpu_supports("avx2")) ||
                         (name == "AVX512" && !__builtin_cpu_supports("avx512f")) ||
                         (name == "AVX512_VNNI" && !__builtin_cpu_supports("avx512vnni"));
    if (missing) return name;
  }
#endif
  return "";
}

absl::StatusOr<PackageFiles> ReadPackageFiles(const std::string& directory) {
  std::error_code failed;
  PackageFiles files;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, failed)) {
    if (entry.path().extension() == ".so") files.library = entry.path().string();
    if (entry.path().extension() != ".cpp") continue;
    const std::optional<int> most = MostThreads(ReadText(entry.path().string()));
    if (most) files.most_threads = std::min(*most, files.most_threads.value_or(*most));
  }
  if (failed || files.library.empty()) {
    return absl::InternalError(absl::StrCat("the package is not unpacked in ", Quote(directory)));
  }
  MODELD_RETURN_IF_ERROR(CheckMayRun(directory));
  const std::string stem = files.library.substr(0, files.library.size() - 3);
  MODELD_RETURN_IF_ERROR(CheckMachine(ReadText(stem + "_metadata.json")));
  files.inputs = CompiledInputs(ReadText(stem + ".cpp"));
  return files;
}

}  // namespace modeld
