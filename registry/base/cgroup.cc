#include "registry/base/cgroup.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace modeld {
namespace {

constexpr char kOwnCgroup[] = "/proc/self/cgroup";
constexpr char kRoot[] = "/sys/fs/cgroup";
constexpr size_t kMaxBytes = 64 << 10;

}  // namespace

std::vector<std::string> ParseCgroups(const std::string& text, const std::string& controller) {
  std::vector<std::string> directories;
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    // hierarchy:controllers:path; v2 names no controllers
    const std::vector<std::string> parts = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() != 3) continue;
    const std::vector<std::string> controllers = absl::StrSplit(parts[1], ',');
    const bool is_v2 = parts[1].empty();
    if (!is_v2 && std::find(controllers.begin(), controllers.end(), controller) == controllers.end())
      continue;
    const std::string root = is_v2 ? kRoot : absl::StrCat(kRoot, "/", parts[1]);
    if (parts[2].empty() || parts[2][0] != '/') continue;
    for (std::string path = parts[2] == "/" ? "" : parts[2]; !path.empty(); path.resize(path.rfind('/'))) {
      directories.push_back(root + path);
    }
    directories.push_back(root);
  }
  return directories;
}

std::vector<std::string> CgroupDirectories(FileSystem& file_system, const std::string& controller) {
  const absl::StatusOr<std::string> own = ReadFile(file_system, kOwnCgroup, kMaxBytes);
  return own.ok() ? ParseCgroups(*own, controller) : std::vector<std::string>();
}

}  // namespace modeld
