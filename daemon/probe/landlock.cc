#include "daemon/probe/landlock.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "registry/base/errno_status.h"
#include "registry/base/status_macros.h"
#include "registry/base/unique_fd.h"

namespace modeld {
namespace {

// linux/landlock.h as of Linux 6.12; older headers lack the later fields.
struct Ruleset {
  uint64_t handled_access_fs;
  uint64_t handled_access_net;  // since ABI 4
  uint64_t scoped;              // since ABI 6
};
// A rule: what may be done to a file, or below a directory.
struct [[gnu::packed]] PathRule {
  uint64_t allowed_access;
  int32_t parent_fd;
};
constexpr int kPathRule = 1;
constexpr uint64_t kWriteFile = 1 << 1;
constexpr uint64_t kRemoveAndMake = 0x1ff << 4;  // REMOVE_DIR to MAKE_SYM
constexpr uint64_t kRefer = 1 << 13;             // ABI 2: links and renames between directories
constexpr uint64_t kTruncate = 1 << 14;          // ABI 3
constexpr uint64_t kTcp = 3;                     // ABI 4: bind, connect
constexpr uint64_t kScopes = 3;                  // ABI 6: abstract Unix sockets, signals

absl::Status AllowWriting(int ruleset, const std::string& path, long abi) {
  const UniqueFd file(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!file.valid()) return ErrnoStatus(errno, path);
  const PathRule rule = {.allowed_access = kWriteFile | (abi >= 3 ? kTruncate : 0), .parent_fd = file.get()};
  if (::syscall(__NR_landlock_add_rule, ruleset, kPathRule, &rule, 0) == 0) return absl::OkStatus();
  return ErrnoStatus(errno, "landlock_add_rule");
}

}  // namespace

absl::Status RefuseWriting(const std::vector<std::string>& writable) {
  constexpr uint32_t kAskForVersion = 1;
  const long abi = ::syscall(__NR_landlock_create_ruleset, nullptr, 0, kAskForVersion);
  if (abi < 0) return ErrnoStatus(errno, "landlock");
  Ruleset ruleset = {.handled_access_fs = kWriteFile | kRemoveAndMake, .handled_access_net = 0, .scoped = 0};
  size_t size = sizeof(uint64_t);
  if (abi >= 2) ruleset.handled_access_fs |= kRefer;
  if (abi >= 3) ruleset.handled_access_fs |= kTruncate;
  if (abi >= 4) {
    ruleset.handled_access_net = kTcp;
    size = 2 * sizeof(uint64_t);
  }
  if (abi >= 6) {
    ruleset.scoped = kScopes;
    size = sizeof(Ruleset);
  }
  // What no rule allows is refused.
  const UniqueFd fd(static_cast<int>(::syscall(__NR_landlock_create_ruleset, &ruleset, size, 0)));
  if (!fd.valid()) return ErrnoStatus(errno, "landlock_create_ruleset");
  for (const std::string& path : writable) MODELD_RETURN_IF_ERROR(AllowWriting(fd.get(), path, abi));
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return ErrnoStatus(errno, "no_new_privs");
  if (::syscall(__NR_landlock_restrict_self, fd.get(), 0) != 0) {
    return ErrnoStatus(errno, "landlock_restrict_self");
  }
  return absl::OkStatus();
}

}  // namespace modeld
