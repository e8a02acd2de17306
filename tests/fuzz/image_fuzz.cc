// For libFuzzer (clang with its runtime): `cmake -DMODELD_FUZZ=ON` with clang++, then
// `image_fuzz tests/fuzz/image_header`. Without it tests/daemon/vision/mutation_test.cc does the same by
// itself, seeded.
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/image_target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  modeld::TryImageBytes(std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}
