#include "registry/checked_zip.h"

#include <algorithm>
#include <unordered_set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/foreign_magic.h"
#include "registry/incomplete.h"
#include "registry/zip_entry_reader.h"

namespace modeld {
namespace {

absl::Status Refused(const std::string& why) { return absl::InvalidArgumentError(why); }

// Errors as ReadArchive's.
absl::Status CheckBeginning(int fd, uint64_t file_bytes, const char* format) {
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
    return Refused(absl::StrCat("no ", format, ": ", what));
  }
  return Refused(absl::StrCat("no ", format, ": it begins with ", Quote(magic), " and is no ZIP file"));
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

}  // namespace

std::optional<size_t> CheckedZip::Find(std::string_view name) const {
  for (size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].name == name) return i;
  }
  return std::nullopt;
}

absl::StatusOr<CheckedZip> OpenCheckedZip(FileSystem& file_system, const std::string& path, const char* what,
                                          const ArchiveLimits& limits) {
  CheckedZip zip;
  MODELD_ASSIGN_OR_RETURN(zip.fd, file_system.OpenForRead(path));
  MODELD_ASSIGN_OR_RETURN(const FileStat stat, file_system.StatDescriptor(zip.fd.get()));
  if (stat.type != FileType::kRegular) return Refused(absl::StrCat(Quote(path), " is not a regular file"));
  zip.file_bytes = static_cast<uint64_t>(stat.identity.size);
  MODELD_RETURN_IF_ERROR(CheckBeginning(zip.fd.get(), zip.file_bytes, what));
  MODELD_ASSIGN_OR_RETURN(zip.entries, ReadZipDirectory(zip.fd.get(), zip.file_bytes,
                                                        {.max_entries = limits.max_entries,
                                                         .max_bytes = limits.max_directory_bytes}));
  MODELD_RETURN_IF_ERROR(CheckEntries(zip.entries, zip.file_bytes, limits));
  return zip;
}

absl::Status CheckAllBelow(const CheckedZip& zip, const std::string& root, const char* remedy) {
  for (const ZipEntry& entry : zip.entries) {
    if (absl::StartsWith(entry.name, root)) continue;
    return Refused(absl::StrCat("entry ", Quote(entry.name), " lies outside the archive's folder ",
                                Quote(root), ": ", remedy));
  }
  return absl::OkStatus();
}

absl::StatusOr<ArchiveContents> ReadExtra(const CheckedZip& zip, const std::string& root,
                                          const ArchiveLimits& limits) {
  ArchiveContents contents;
  contents.file_bytes = zip.file_bytes;
  contents.root = root;
  const std::string extra = root + "extra/";
  for (const ZipEntry& entry : zip.entries) {
    if (!absl::StartsWith(entry.name, extra) || absl::EndsWith(entry.name, "/")) continue;
    contents.extra_files.push_back(entry.name.substr(extra.size()));
  }
  std::sort(contents.extra_files.begin(), contents.extra_files.end());
  if (const std::optional<size_t> index = zip.Find(extra + "config.json")) {
    absl::StatusOr<std::string> config =
        ReadZipEntry(zip.fd.get(), *index, zip.entries[*index], limits.max_config_bytes);
    // To an archive's reader, a limit passed is a refusal like others, not a lack of something.
    if (absl::IsResourceExhausted(config.status())) return Refused(std::string(config.status().message()));
    if (!config.ok()) return config.status();
    contents.config_json = *std::move(config);
  }
  return contents;
}

}  // namespace modeld
