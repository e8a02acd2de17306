// What /proc/self/status says of the test's own process.
#pragma once

#include <cstdint>
#include <fstream>
#include <string>

#include "registry/base/free_memory.h"

namespace modeld {

// Of a line as "RssAnon:  1234 kB"; -1: there is none.
inline int64_t StatusNumber(const std::string& key) {
  std::ifstream status("/proc/self/status");
  std::string word;
  int64_t number = -1;
  while (status >> word && word != key) {
  }
  status >> number;
  return number;
}

// What the process wrote itself, without what the allocator keeps of it though it was freed.
inline int64_t ResidentKib() {
  ReturnFreeMemory();
  return StatusNumber("RssAnon:");
}

}  // namespace modeld
