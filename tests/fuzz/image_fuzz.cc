// Images: headers that lie, files that end early.
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/image_target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  modeld::TryImageBytes(std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}
