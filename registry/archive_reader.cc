#include "registry/archive_reader.h"

#include <algorithm>
#include <optional>
#include <unordered_set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/checked_zip.h"
#include "registry/pt2_reader.h"
#include "registry/sha256.h"
#include "registry/zip_entry_reader.h"

namespace modeld {
namespace {

constexpr char kWhat[] = "TorchScript archive";
constexpr size_t kMostCodeBytes = 64 << 20;
constexpr char kHowToSave[] = "save it with torch.jit.save(torch.jit.script(module), path)";

// The archive's entries by what they are to TorchScript.
class Layout {
 public:
  explicit Layout(const std::vector<ZipEntry>& entries) {
    if (!entries.empty()) root_ = entries[0].name.substr(0, entries[0].name.find('/') + 1);
    for (const ZipEntry& entry : entries) names_.insert(entry.name);
  }

  // The folder that holds all, with its `/`, as LibTorch finds it: the first entry's.
  const std::string& root() const { return root_; }
  bool Has(std::string_view name) const { return names_.count(root_ + std::string(name)) > 0; }

 private:
  std::string root_;
  std::unordered_set<std::string_view> names_;
};

absl::Status NoTorchScript(const std::string& why) {
  return absl::InvalidArgumentError(absl::StrCat("a ZIP, but no TorchScript: ", why));
}

// The folder, with its `/`, that holds a TorchScript archive's entries.
absl::StatusOr<std::string> TorchScriptRoot(const CheckedZip& zip) {
  const Layout layout(zip.entries);
  const bool has_version = layout.Has("version") || layout.Has(".data/version");
  if (layout.Has("data.pkl") && layout.Has("constants.pkl") && has_version) {
    MODELD_RETURN_IF_ERROR(
        CheckAllBelow(zip, layout.root(), "add files through torch.jit.save(..., _extra_files=...)"));
    return layout.root();
  }
  if (HoldsCompiledModels(zip)) {
    return NoTorchScript("it looks like an AOTInductor package, which is to be named .pt2");
  }
  if (layout.Has("archive_format") || layout.Has("serialized_exported_program.json")) {
    return NoTorchScript(absl::StrCat("it looks like a torch.export archive; ", kHowToSave));
  }
  if (layout.Has(".data/extern_modules")) {
    return NoTorchScript(absl::StrCat("it looks like a torch.package archive; ", kHowToSave));
  }
  if (layout.Has("data.pkl") && !layout.Has("constants.pkl")) {
    return NoTorchScript(absl::StrCat("it looks like torch.save, which writes no code; ", kHowToSave));
  }
  return NoTorchScript(
      absl::StrCat("data.pkl, constants.pkl and version do not lie in one folder of it; ", kHowToSave));
}

// The constants of a class, one below the other, are in another order each time that Python scripts it.
std::string WithConstantsSorted(const std::string& code) {
  std::vector<std::string> lines = absl::StrSplit(code, '\n');
  const auto is_constant = [](const std::string& line) { return absl::StrContains(line, " : Final["); };
  for (auto begin = lines.begin(); begin != lines.end();) {
    begin = std::find_if(begin, lines.end(), is_constant);
    const auto end = std::find_if_not(begin, lines.end(), is_constant);
    std::sort(begin, end);
    begin = end;
  }
  return absl::StrJoin(lines, "\n");
}

}  // namespace

absl::StatusOr<ArchiveContents> ReadArchive(FileSystem& file_system, const std::string& path,
                                            const ArchiveLimits& limits) {
  MODELD_ASSIGN_OR_RETURN(const CheckedZip zip, OpenCheckedZip(file_system, path, kWhat, limits));
  MODELD_ASSIGN_OR_RETURN(const std::string root, TorchScriptRoot(zip));
  return ReadExtra(zip, root, limits);
}

absl::StatusOr<std::string> ReadExtraFile(FileSystem& file_system, const std::string& path,
                                          std::string_view name, size_t max_bytes) {
  MODELD_ASSIGN_OR_RETURN(const CheckedZip zip, OpenCheckedZip(file_system, path, kWhat, ArchiveLimits()));
  MODELD_ASSIGN_OR_RETURN(const std::string root,
                          HoldsCompiledModels(zip) ? Pt2Root(zip) : TorchScriptRoot(zip));
  const std::optional<size_t> index = zip.Find(root + "extra/" + std::string(name));
  if (!index) return absl::NotFoundError(absl::StrCat("the archive has no extra file ", Quote(name)));
  return ReadZipEntry(zip.fd.get(), *index, zip.entries[*index], max_bytes);
}

absl::StatusOr<std::string> ReadGraphIdentity(FileSystem& file_system, const std::string& path) {
  MODELD_ASSIGN_OR_RETURN(const CheckedZip zip, OpenCheckedZip(file_system, path, kWhat, ArchiveLimits()));
  MODELD_ASSIGN_OR_RETURN(const std::string root, TorchScriptRoot(zip));
  std::vector<std::string> lines;
  for (size_t i = 0; i < zip.entries.size(); ++i) {
    const ZipEntry& entry = zip.entries[i];
    const std::string name = entry.name.substr(root.size());
    const bool is_tensor = absl::StartsWith(name, "data/") || absl::StartsWith(name, "constants/");
    const bool is_code = absl::StartsWith(name, "code/") && !absl::EndsWith(name, ".debug_pkl");
    if (!is_tensor && !is_code && name != "data.pkl" && name != "constants.pkl") continue;
    if (is_code) {
      MODELD_ASSIGN_OR_RETURN(const std::string code, ReadZipEntry(zip.fd.get(), i, entry, kMostCodeBytes));
      lines.push_back(absl::StrCat(name, "\n", WithConstantsSorted(code), "\n"));
      continue;
    }
    lines.push_back(absl::StrCat(name, " ", entry.uncompressed_size, " ", is_tensor ? 0 : entry.crc32, "\n"));
  }
  std::sort(lines.begin(), lines.end());
  Sha256 hash;
  for (const std::string& line : lines) hash.Update(line);
  return hash.Finish();
}

}  // namespace modeld
