#include "daemon/source/combined_identity.h"

#include <cstdint>

namespace modeld {
namespace {

// 31 times a remainder by it, and a remainder more, fit 64 bits.
constexpr int64_t kLargePrime = (int64_t{1} << 57) - 13;

template <typename Integer>
Integer Step(Integer before, Integer next) {
  return (before % kLargePrime) * 31 % kLargePrime + next % kLargePrime;
}

// FNV-1a; std::hash may differ from build to build.
uint64_t HashOf(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

}  // namespace

void CombineIdentity(const FileIdentity& added, FileIdentity& all) {
  all.size += added.size;
  all.mtime_ns = Step(all.mtime_ns, added.mtime_ns);
  all.ctime_ns = Step(all.ctime_ns, added.ctime_ns);
  all.inode = Step(all.inode, added.inode);
  all.device = added.device;
}

void CombineIdentity(std::string_view name, const FileIdentity& added, FileIdentity& all) {
  CombineIdentity(added, all);
  all.inode = Step(all.inode, HashOf(name));
}

}  // namespace modeld
