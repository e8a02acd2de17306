#include "registry/archive_reader.h"

#include <algorithm>
#include <unordered_set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/foreign_magic.h"
#include "registry/incomplete.h"
#include "registry/sha256.h"
#include "registry/zip_directory.h"
#include "registry/zip_entry_reader.h"

namespace modeld {
namespace {

constexpr char kHowToSave[] = "save it with torch.jit.save(torch.jit.script(module), path)";

absl::Status Refused(const std::string& why) { return absl::InvalidArgumentError(why); }

// Errors as ReadArchive's.
absl::Status CheckBeginning(int fd, uint64_t file_bytes) {
  constexpr std::string_view kLocalHeader("PK\3\4", 4), kEndOfEmptyZip("PK\5\6", 4), kReserved("\0\0\0\0", 4);
  if (file_bytes == 0) return IncompleteError("incomplete: the file is empty");
  MODELD_ASSIGN_OR_RETURN(const std::string head, ReadAt(fd, 0, std::min<uint64_t>(file_bytes, 512)));
  const std::string_view magic = std::string_view(head).substr(0, 4);
  if (magic == kReserved.substr(0, magic.size())) {
    return IncompleteError(
        "incomplete: the file begins with zeros; its space is reserved, but not yet written");
  }
  if (magic == kLocalHeader.substr(0, magic.size()) || magic == kEndOfEmptyZip.substr(0, magic.size())) {
    return absl::OkStatus();
  }
  if (const char* const what = DescribeForeign(head); what != nullptr) {
    return Refused(absl::StrCat("no TorchScript archive: ", what));
  }
  return Refused(
      absl::StrCat("no TorchScript archive: it begins with ", Quote(magic), " and is no ZIP file"));
}

// Why a name must not be trusted as a path; null: it may.
const char* TroubleWithName(std::string_view name) {
  if (name.empty()) return "has no name";
  if (!IsPrintable(name)) return "has a name with control characters or bytes that are not UTF-8";
  if (name.find('\\') != std::string_view::npos) return "has a name with a backslash";
  if (name[0] == '/' || (name.size() > 1 && name[1] == ':' && absl::ascii_isalpha(name[0]))) {
    return "has an absolute path";
  }
  for (size_t begin = 0; begin <= name.size();) {
    const size_t end = std::min(name.find('/', begin), name.size());
    if (name.substr(begin, end - begin) == "..") return "has a path with \"..\"";
    begin = end + 1;
  }
  return nullptr;
}

absl::Status CheckEntry(const ZipEntry& entry) {
  constexpr uint16_t kStored = 0, kDeflated = 8;
  if (const char* trouble = TroubleWithName(entry.name); trouble != nullptr) {
    return Refused(absl::StrCat("entry ", Quote(entry.name), " ", trouble));
  }
  if (entry.encrypted) return Refused(absl::StrCat("entry ", Quote(entry.name), " is encrypted"));
  if (entry.special) {
    return Refused(absl::StrCat("entry ", Quote(entry.name), " is a symbolic link or another special file"));
  }
  if (entry.method != kStored && entry.method != kDeflated) {
    return Refused(absl::StrCat("entry ", Quote(entry.name), " is compressed by method ", entry.method,
                                ", which LibTorch cannot read; store or deflate it"));
  }
  return absl::OkStatus();
}

absl::Status CheckEntries(const std::vector<ZipEntry>& entries, uint64_t file_bytes,
                          const ArchiveLimits& limits) {
  std::unordered_set<std::string_view> names;
  names.reserve(entries.size());
  const uint64_t allowed = file_bytes * limits.max_expansion_ratio + limits.expansion_allowance_bytes;
  uint64_t expanded = 0;
  for (const ZipEntry& entry : entries) {
    MODELD_RETURN_IF_ERROR(CheckEntry(entry));
    if (!names.insert(entry.name).second) {
      return Refused(absl::StrCat("entry ", Quote(entry.name), " is there twice"));
    }
    // Not the sum first: it may overflow.
    if (entry.uncompressed_size > allowed - expanded) {
      return Refused(absl::StrCat("the archive of ", file_bytes, " bytes would unpack to more than ", allowed,
                                  " bytes, which is ", limits.max_expansion_ratio, " times its size plus ",
                                  limits.expansion_allowance_bytes, " bytes"));
    }
    expanded += entry.uncompressed_size;
  }
  return absl::OkStatus();
}

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

// The folder, with its `/`, that holds a TorchScript archive's entries.
absl::StatusOr<std::string> TorchScriptRoot(const std::vector<ZipEntry>& entries) {
  const Layout layout(entries);
  const bool has_version = layout.Has("version") || layout.Has(".data/version");
  if (layout.Has("data.pkl") && layout.Has("constants.pkl") && has_version) {
    for (const ZipEntry& entry : entries) {
      if (absl::StartsWith(entry.name, layout.root())) continue;
      return Refused(absl::StrCat("entry ", Quote(entry.name), " lies outside the archive's folder ",
                                  Quote(layout.root()),
                                  ": add files through torch.jit.save(..., _extra_files=...)"));
    }
    return layout.root();
  }
  if (layout.Has("archive_format") || layout.Has("serialized_exported_program.json")) {
    return Refused(
        absl::StrCat("a ZIP, but no TorchScript: it looks like a torch.export archive; ", kHowToSave));
  }
  if (layout.Has(".data/extern_modules")) {
    return Refused(
        absl::StrCat("a ZIP, but no TorchScript: it looks like a torch.package archive; ", kHowToSave));
  }
  if (layout.Has("data.pkl") && !layout.Has("constants.pkl")) {
    return Refused(absl::StrCat("a ZIP, but no TorchScript: it looks like torch.save, which writes no code; ",
                                kHowToSave));
  }
  return Refused(
      absl::StrCat("a ZIP, but no TorchScript: data.pkl, constants.pkl and version do not lie in one "
                   "folder of it; ",
                   kHowToSave));
}

// An archive that was looked at and found to be TorchScript.
struct CheckedArchive {
  UniqueFd fd;
  uint64_t file_bytes = 0;
  std::string root;  // with its `/`
  std::vector<ZipEntry> entries;
};

absl::StatusOr<CheckedArchive> OpenArchive(FileSystem& file_system, const std::string& path,
                                           const ArchiveLimits& limits) {
  CheckedArchive archive;
  MODELD_ASSIGN_OR_RETURN(archive.fd, file_system.OpenForRead(path));
  MODELD_ASSIGN_OR_RETURN(const FileStat stat, file_system.StatDescriptor(archive.fd.get()));
  if (stat.type != FileType::kRegular) return Refused(absl::StrCat(Quote(path), " is not a regular file"));
  archive.file_bytes = static_cast<uint64_t>(stat.identity.size);
  MODELD_RETURN_IF_ERROR(CheckBeginning(archive.fd.get(), archive.file_bytes));
  MODELD_ASSIGN_OR_RETURN(archive.entries, ReadZipDirectory(archive.fd.get(), archive.file_bytes,
                                                            {.max_entries = limits.max_entries,
                                                             .max_bytes = limits.max_directory_bytes}));
  MODELD_RETURN_IF_ERROR(CheckEntries(archive.entries, archive.file_bytes, limits));
  MODELD_ASSIGN_OR_RETURN(archive.root, TorchScriptRoot(archive.entries));
  return archive;
}

absl::StatusOr<std::string> ReadEntry(const CheckedArchive& archive, size_t index, size_t max_bytes) {
  return ReadZipEntry(archive.fd.get(), index, archive.entries[index], max_bytes);
}

std::optional<size_t> FindEntry(const CheckedArchive& archive, const std::string& name) {
  for (size_t i = 0; i < archive.entries.size(); ++i) {
    if (archive.entries[i].name == name) return i;
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<ArchiveContents> ReadArchive(FileSystem& file_system, const std::string& path,
                                            const ArchiveLimits& limits) {
  MODELD_ASSIGN_OR_RETURN(const CheckedArchive archive, OpenArchive(file_system, path, limits));
  ArchiveContents contents;
  contents.file_bytes = archive.file_bytes;
  const std::string extra = archive.root + "extra/";
  for (const ZipEntry& entry : archive.entries) {
    if (!absl::StartsWith(entry.name, extra) || absl::EndsWith(entry.name, "/")) continue;
    contents.extra_files.push_back(entry.name.substr(extra.size()));
  }
  std::sort(contents.extra_files.begin(), contents.extra_files.end());
  if (const std::optional<size_t> index = FindEntry(archive, extra + "config.json")) {
    absl::StatusOr<std::string> config = ReadEntry(archive, *index, limits.max_config_bytes);
    // To the archive's reader, a limit passed is a refusal like others, not a lack of something.
    if (absl::IsResourceExhausted(config.status())) return Refused(std::string(config.status().message()));
    if (!config.ok()) return config.status();
    contents.config_json = *std::move(config);
  }
  return contents;
}

absl::StatusOr<std::string> ReadExtraFile(FileSystem& file_system, const std::string& path,
                                          std::string_view name, size_t max_bytes) {
  MODELD_ASSIGN_OR_RETURN(const CheckedArchive archive, OpenArchive(file_system, path, ArchiveLimits()));
  const std::optional<size_t> index = FindEntry(archive, archive.root + "extra/" + std::string(name));
  if (!index) return absl::NotFoundError(absl::StrCat("the archive has no extra file ", Quote(name)));
  return ReadEntry(archive, *index, max_bytes);
}

absl::StatusOr<std::string> ReadGraphIdentity(FileSystem& file_system, const std::string& path) {
  MODELD_ASSIGN_OR_RETURN(const CheckedArchive archive, OpenArchive(file_system, path, ArchiveLimits()));
  std::vector<std::string> lines;
  for (const ZipEntry& entry : archive.entries) {
    const std::string name = entry.name.substr(std::min(archive.root.size(), entry.name.size()));
    const bool is_tensor = absl::StartsWith(name, "data/") || absl::StartsWith(name, "constants/");
    const bool is_code = absl::StartsWith(name, "code/") && !absl::EndsWith(name, ".debug_pkl");
    if (!is_tensor && !is_code && name != "data.pkl" && name != "constants.pkl") continue;
    lines.push_back(absl::StrCat(name, " ", entry.uncompressed_size, " ", is_tensor ? 0 : entry.crc32, "\n"));
  }
  std::sort(lines.begin(), lines.end());
  Sha256 hash;
  for (const std::string& line : lines) hash.Update(line);
  return hash.Finish();
}

}  // namespace modeld
