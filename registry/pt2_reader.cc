#include "registry/pt2_reader.h"

#include <optional>
#include <set>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

// torch/csrc/export/pt2_archive_constants.h: AOTINDUCTOR_DIR.
constexpr std::string_view kModels = "data/aotinductor/";
constexpr char kHowToCompile[] =
    "compile it with torch._inductor.aoti_compile_and_package(torch.export.export(module, inputs), "
    "package_path=\"model.pt2\")";

absl::Status NoPackage(const std::string& why) {
  return absl::InvalidArgumentError(absl::StrCat("no AOTInductor package: ", why));
}

bool Has(const CheckedZip& zip, std::string_view name) {
  for (const ZipEntry& entry : zip.entries) {
    const std::string_view path = entry.name;
    if (path == name || absl::EndsWith(entry.name, absl::StrCat("/", std::string(name)))) return true;
  }
  return false;
}

// The folder above kModels that an entry lies in; none: it lies elsewhere.
std::optional<std::string> RootOf(const std::string& name) {
  const size_t models = name.find(kModels);
  if (models == 0) return "";
  // In one folder, of any name.
  if (models == std::string::npos || name.find('/') != models - 1) return std::nullopt;
  return name.substr(0, models);
}

}  // namespace

bool HoldsCompiledModels(const CheckedZip& zip) {
  for (const ZipEntry& entry : zip.entries) {
    if (RootOf(entry.name)) return true;
  }
  return false;
}

absl::StatusOr<std::string> Pt2Root(const CheckedZip& zip) {
  for (const ZipEntry& entry : zip.entries) {
    const std::optional<std::string> root = RootOf(entry.name);
    if (!root) continue;
    MODELD_RETURN_IF_ERROR(CheckAllBelow(zip, *root, "extra files belong below its folder \"extra/\""));
    return *root;
  }
  if (Has(zip, "constants.pkl")) return NoPackage("it looks like TorchScript, which is to be named .pt");
  if (Has(zip, "archive_format") || Has(zip, "serialized_exported_program.json")) {
    return NoPackage(absl::StrCat("a torch.export archive without compiled code; ", kHowToCompile));
  }
  return NoPackage(absl::StrCat("a ZIP without ", std::string(kModels), "; ", kHowToCompile));
}

absl::StatusOr<std::vector<Pt2File>> CompiledModel(const CheckedZip& zip) {
  MODELD_ASSIGN_OR_RETURN(const std::string root, Pt2Root(zip));
  const std::string folder = root + std::string(kModels);
  std::set<std::string> models, libraries;
  std::vector<Pt2File> files;
  for (size_t i = 0; i < zip.entries.size(); ++i) {
    const std::string& path = zip.entries[i].name;
    if (!absl::StartsWith(path, folder)) continue;
    const size_t slash = path.find('/', folder.size());
    if (slash == std::string::npos) continue;
    models.insert(path.substr(folder.size(), slash - folder.size()));
    std::string name = path.substr(slash + 1);
    // What lies deeper belongs to other devices.
    if (name.empty() || name.find('/') != std::string::npos) continue;
    if (absl::EndsWith(name, ".so")) libraries.insert(name);
    files.push_back({.index = i, .name = std::move(name)});
  }
  if (models.size() != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("the package holds ", models.size(), " compiled models",
                     models.empty() ? "" : absl::StrCat(" (", Quote(absl::StrJoin(models, ", ")), ")"),
                     "; expected one: package each on its own"));
  }
  if (libraries.size() != 1) {
    return absl::InvalidArgumentError(absl::StrCat("the compiled model of the package has ", libraries.size(),
                                                   " shared libraries (.so), expected one; ", kHowToCompile,
                                                   ", without aot_inductor.package_cpp_only"));
  }
  return files;
}

absl::StatusOr<CheckedZip> OpenPt2(FileSystem& file_system, const std::string& path,
                                   const ArchiveLimits& limits) {
  return OpenCheckedZip(file_system, path, "AOTInductor package", limits);
}

absl::StatusOr<ArchiveContents> ReadPt2(FileSystem& file_system, const std::string& path,
                                        const ArchiveLimits& limits) {
  MODELD_ASSIGN_OR_RETURN(const CheckedZip zip, OpenPt2(file_system, path, limits));
  MODELD_RETURN_IF_ERROR(CompiledModel(zip).status());
  MODELD_ASSIGN_OR_RETURN(const std::string root, Pt2Root(zip));
  MODELD_ASSIGN_OR_RETURN(ArchiveContents contents, ReadExtra(zip, root, limits));
  contents.format = ArtifactFormat::kPt2;
  return contents;
}

}  // namespace modeld
