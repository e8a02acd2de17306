#include "daemon/probe/process_memory.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>

#include "registry/base/free_memory.h"
#include "registry/base/unique_fd.h"

namespace modeld {
namespace {

// `<key>:   123 kB` of a file in /proc/self, in bytes; 0 where it is not there.
int64_t ReadBytes(const char* path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.compare(0, key.size(), key) != 0 || line.size() <= key.size() || line[key.size()] != ':')
      continue;
    return std::stoll(line.substr(key.size() + 1)) * 1024;
  }
  return 0;
}

int64_t Status(const std::string& key) { return ReadBytes("/proc/self/status", key); }

}  // namespace

int64_t AnonymousBytes() {
  ReturnFreeMemory();
  return Status("RssAnon");
}

int64_t PeakAnonymousBytes() {
  const int64_t others = Status("RssFile") + Status("RssShmem");
  return std::max<int64_t>(Status("VmHWM") - others, 0);
}

void ForgetPeak() {
  const UniqueFd fd(::open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC));
  if (fd.valid() && ::write(fd.get(), "5", 1) != 1) return;  // see the header
}

int64_t AddressSpaceBytes() { return Status("VmSize"); }

}  // namespace modeld
