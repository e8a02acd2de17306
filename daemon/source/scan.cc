#include "daemon/source/scan.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/source/combined_identity.h"
#include "registry/archive_reader.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/identify.h"
#include "registry/release_manifest.h"

namespace modeld {
namespace {

// NAME/3/model.pt has three parts.
constexpr size_t kMaxParts = 3;

std::string Join(const std::string& directory, const std::string& name) {
  if (directory.empty()) return name;
  return directory.ends_with('/') ? directory + name : directory + "/" + name;
}

bool IsInside(const std::string& real_path, const std::string& real_root) {
  return real_path == real_root || real_path.starts_with(Join(real_root, ""));
}

// Whether `name` may stand as it is in messages, in the registry and in the API's strings. A backslash is
// what escapes begin with: without it no plain name can be mistaken for the escaped form of another.
bool IsPlainName(const std::string& name) {
  return IsPrintable(name) && name.find('\\') == std::string::npos;
}

// `name`, escaped where it is not plain.
std::string PrintableName(const std::string& name) {
  if (IsPlainName(name)) return name;
  const std::string quoted = Quote(name, std::string::npos);
  return quoted.substr(1, quoted.size() - 2);
}

bool IsModelFileName(std::string_view name) { return FormatFromExtension(name).has_value(); }

// A directory entry, with its links followed as far as that is allowed.
struct Entry {
  std::string relative;  // printable
  std::string real_path;
  FileStat stat;
  absl::Status status;
};

class Walk {
 public:
  Walk(FileSystem& file_system, std::string real_root)
      : file_system_(file_system), real_root_(std::move(real_root)) {}

  absl::Status Root() { return Directory("", real_root_); }

  ScanResult TakeResult() {
    const auto by_path = [](const ScannedFile& a, const ScannedFile& b) { return a.path < b.path; };
    std::sort(result_.files.begin(), result_.files.end(), by_path);
    for (ScannedRelease& release : result_.releases) {
      std::sort(release.files.begin(), release.files.end(), by_path);
      Combine(release);
    }
    return std::move(result_);
  }

 private:
  // Walks a directory. Errors: it could not be listed.
  absl::Status Directory(const std::string& relative, const std::string& real_path) {
    MODELD_ASSIGN_OR_RETURN(const std::vector<std::string> names, file_system_.List(real_path));
    result_.directories.push_back(relative);
    above_.push_back(real_path);
    const bool is_release = IsRelease(relative, real_path, names);
    for (const std::string& name : names) {
      if (!IsWorkInProgress(name)) Name(relative, real_path, name, names);
    }
    if (is_release) in_release_ = false;
    above_.pop_back();
    return absl::OkStatus();
  }

  // Begins a release, which lasts as long as its directory is walked, if the directory is one.
  bool IsRelease(const std::string& relative, const std::string& real_path,
                 const std::vector<std::string>& names) {
    if (relative.empty() || in_release_ || relative.find('/') != std::string::npos) return false;
    if (!std::binary_search(names.begin(), names.end(), kManifestName)) return false;
    const std::optional<Entry> manifest = Resolve(relative, real_path, kManifestName);
    if (!manifest) return false;  // vanished
    ScannedRelease release;
    release.name = relative;
    release.manifest = {.path = manifest->relative,
                        .full_path = manifest->real_path,
                        .sidecar_path = "",
                        .identity = manifest->stat.identity,
                        .sidecar = {},
                        .golden = {},
                        .status = manifest->status};
    if (manifest->status.ok() && manifest->stat.type != FileType::kRegular) {
      release.manifest.status = NotRegular(*manifest);
    }
    result_.releases.push_back(std::move(release));
    in_release_ = true;
    return true;
  }

  // Makes the manifest stand for the whole release.
  void Combine(ScannedRelease& release) const {
    for (const ScannedFile& file : release.files) {
      CombineIdentity(file.path, file.identity, release.manifest.sidecar);
      CombineIdentity(file.sidecar, release.manifest.sidecar);
    }
    for (const UnreadablePath& hidden : result_.unreadable) {
      if (release.manifest.status.ok() && hidden.path.starts_with(Join(release.name, ""))) {
        release.manifest.status = hidden.why;
      }
    }
  }

  void Name(const std::string& relative_directory, const std::string& real_directory, const std::string& name,
            const std::vector<std::string>& siblings) {
    const std::optional<Entry> entry = Resolve(relative_directory, real_directory, name);
    if (!entry) return;  // vanished
    const bool is_directory = entry->stat.type == FileType::kDirectory;
    if (is_directory && entry->status.ok()) {
      Subdirectory(*entry);
    } else if (IsModelFileName(name) && !is_directory) {
      File(*entry, real_directory, name, siblings);
    } else if (is_directory) {
      result_.warnings.push_back(absl::StrCat(entry->status.message(), "; the directory is left out"));
    } else if (!entry->status.ok() && !absl::IsInvalidArgument(entry->status)) {
      // It may be a directory that held model files.
      CannotRead(entry->relative, entry->status);
    }
  }

  // What `name` is; none if it vanished. Its status is OK, or why neither file nor directory can be taken.
  std::optional<Entry> Resolve(const std::string& relative_directory, const std::string& real_directory,
                               const std::string& name) {
    Entry entry;
    entry.relative = Join(relative_directory, PrintableName(name));
    entry.real_path = Join(real_directory, name);
    absl::StatusOr<FileStat> stat = file_system_.LinkStat(entry.real_path);
    if (absl::IsNotFound(stat.status())) return std::nullopt;
    if (!stat.ok()) {
      entry.status = stat.status();
      return entry;
    }
    entry.stat = *stat;
    if (entry.stat.type == FileType::kSymlink) FollowLink(entry);
    if (entry.status.ok() && !IsPlainName(name)) {
      entry.status = absl::InvalidArgumentError(
          absl::StrCat("name \"", entry.relative,
                       "\" (shown escaped) is not UTF-8 or holds control characters or "
                       "backslashes; rename it"));
    }
    return entry;
  }

  void FollowLink(Entry& entry) {
    absl::StatusOr<std::string> target = file_system_.RealPath(entry.real_path);
    const bool inside = target.ok() && IsInside(*target, real_root_);
    absl::StatusOr<FileStat> stat = target.ok() ? file_system_.Stat(*target) : target.status();
    if (target.ok() && !inside) {
      // The link's own identity stays: what lies outside is none of our business.
      if (stat.ok()) entry.stat.type = stat->type;
      entry.status = absl::InvalidArgumentError(absl::StrCat(
          "symbolic link \"", entry.relative, "\" leads out of the drop directory; put a copy of \"",
          PrintableName(*target), "\" in its place"));
    } else if (absl::IsNotFound(stat.status())) {
      entry.status = absl::InvalidArgumentError(absl::StrCat(
          "symbolic link \"", entry.relative, "\" leads nowhere; restore its target or remove the link"));
    } else if (absl::IsInternal(stat.status())) {  // above all ELOOP
      entry.status = absl::InvalidArgumentError(absl::StrCat(
          "symbolic link \"", entry.relative, "\" cannot be followed: ", stat.status().message()));
    } else if (!stat.ok()) {
      entry.status = stat.status();
    } else {
      entry.real_path = *std::move(target);
      entry.stat = *stat;
    }
  }

  void Subdirectory(const Entry& entry) {
    const size_t parts = std::count(entry.relative.begin(), entry.relative.end(), '/') + 1;
    if (std::find(above_.begin(), above_.end(), entry.real_path) != above_.end()) {
      result_.warnings.push_back(
          absl::StrCat("symbolic link \"", entry.relative,
                       "\" leads back to a directory above it; the directory is left out"));
    } else if (parts == kMaxParts + (in_release_ ? 1 : 0)) {
      TooDeep(entry);
    } else if (const absl::Status listed = Directory(entry.relative, entry.real_path); !listed.ok()) {
      CannotRead(entry.relative, listed);
    }
  }

  // Warns, once a scan, of model files below the deepest directory that is walked.
  void TooDeep(const Entry& entry) {
    if (warned_too_deep_) return;
    const absl::StatusOr<std::vector<std::string>> names = file_system_.List(entry.real_path);
    if (!names.ok()) return;
    for (const std::string& name : *names) {
      if (IsWorkInProgress(name) || !IsModelFileName(name)) continue;
      warned_too_deep_ = true;
      result_.warnings.push_back(
          absl::StrCat("\"", Join(entry.relative, PrintableName(name)),
                       "\" and whatever else lies as deep is left out; model files lie at "
                       "NAME.pt, NAME/anything.pt or NAME/VERSION/anything.pt, of the drop directory or of a "
                       "release directory in it"));
      return;
    }
  }

  void CannotRead(const std::string& relative, const absl::Status& why) {
    if (absl::IsNotFound(why)) return;  // vanished
    result_.unreadable.push_back({relative, why});
  }

  void File(const Entry& entry, const std::string& real_directory, const std::string& name,
            const std::vector<std::string>& siblings) {
    ScannedFile file{.path = entry.relative,
                     .full_path = entry.real_path,
                     .sidecar_path = SidecarPath(Join(real_directory, name)),
                     .identity = entry.stat.identity,
                     .sidecar = {},
                     .golden = {},
                     .status = entry.status};
    if (file.status.ok() && entry.stat.type != FileType::kRegular) file.status = NotRegular(entry);
    const std::string sidecar_name = SidecarPath(name);
    if (file.status.ok() && std::binary_search(siblings.begin(), siblings.end(), sidecar_name)) {
      Sidecar(file, Resolve(ParentOf(entry.relative), real_directory, sidecar_name));
    }
    const std::string golden_name = GoldenDirectory(name);
    if (file.status.ok() && std::binary_search(siblings.begin(), siblings.end(), golden_name)) {
      GoldenSamples(file, Resolve(ParentOf(entry.relative), real_directory, golden_name));
    }
    if (!in_release_) {
      result_.files.push_back(std::move(file));
      return;
    }
    ScannedRelease& release = result_.releases.back();
    file.path = file.path.substr(Join(release.name, "").size());
    release.files.push_back(std::move(file));
  }

  // Adds the golden samples beside `file`, and makes their identities part of its sidecar's: a file whose
  // samples are still being copied settles when they have, and one refused for a sample is looked at again
  // when that changes.
  void GoldenSamples(ScannedFile& file, const std::optional<Entry>& directory) {
    if (!directory || (directory->status.ok() && directory->stat.type != FileType::kDirectory)) return;
    file.status = directory->status;
    if (!file.status.ok()) return;
    const absl::StatusOr<std::vector<std::string>> names = file_system_.List(directory->real_path);
    if (absl::IsNotFound(names.status())) return;  // vanished
    file.status = names.status();
    if (!file.status.ok()) return;
    for (const std::string& name : *names) {
      if (IsWorkInProgress(name)) continue;
      const std::optional<Entry> sample = Resolve(directory->relative, directory->real_path, name);
      if (!sample) continue;
      file.status = sample->status;
      if (file.status.ok() && sample->stat.type != FileType::kRegular) file.status = NotRegular(*sample);
      if (!file.status.ok()) return;
      file.golden.push_back({.name = "golden/" + name, .path = sample->real_path});
      CombineIdentity(sample->stat.identity, file.sidecar);
      if (file.golden.size() <= kMaxGoldenSamples) continue;
      file.status =
          absl::InvalidArgumentError(absl::StrCat("more than ", kMaxGoldenSamples, " golden samples in \"",
                                                  directory->relative, "\", which are allowed; remove some"));
      return;
    }
    std::sort(file.golden.begin(), file.golden.end(),
              [](const GoldenFile& a, const GoldenFile& b) { return NaturalLess(a.name, b.name); });
  }

  // Adds what is known of `file`'s sidecar. It is opened like the file, so it must keep the same rules.
  static void Sidecar(ScannedFile& file, const std::optional<Entry>& sidecar) {
    if (!sidecar) return;  // vanished
    file.sidecar_path = sidecar->real_path;
    file.sidecar = sidecar->stat.identity;
    file.status = sidecar->status;
    if (file.status.ok() && sidecar->stat.type != FileType::kRegular) file.status = NotRegular(*sidecar);
  }

  static std::string ParentOf(const std::string& relative) {
    const size_t slash = relative.rfind('/');
    return slash == std::string::npos ? "" : relative.substr(0, slash);
  }

  static absl::Status NotRegular(const Entry& entry) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", entry.relative,
        "\" is not a regular file (a directory, pipe, socket or device) and is not opened; remove it"));
  }

  FileSystem& file_system_;
  const std::string real_root_;
  ScanResult result_;
  std::vector<std::string> above_;  // real paths of the directories that are being walked
  bool in_release_ = false;         // the newest of the releases is being walked
  bool warned_too_deep_ = false;
};

}  // namespace

absl::StatusOr<ScanResult> Scan(FileSystem& file_system, const std::string& root) {
  MODELD_ASSIGN_OR_RETURN(std::string real_root, file_system.RealPath(root));
  Walk walk(file_system, std::move(real_root));
  MODELD_RETURN_IF_ERROR(walk.Root());
  return walk.TakeResult();
}

}  // namespace modeld
