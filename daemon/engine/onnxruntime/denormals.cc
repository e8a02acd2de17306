#include "daemon/engine/onnxruntime/denormals.h"

#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace modeld {

void FlushDenormals() {
#if defined(__x86_64__)
  constexpr unsigned kFlushResults = 0x8000, kInputsAreZero = 0x0040;
  _mm_setcsr(_mm_getcsr() | kFlushResults | kInputsAreZero);
#elif defined(__aarch64__)
  constexpr uint64_t kFlush = uint64_t{1} << 24;
  uint64_t mode;
  asm volatile("mrs %0, fpcr" : "=r"(mode));
  asm volatile("msr fpcr, %0" : : "r"(mode | kFlush));
#endif
}

}  // namespace modeld
