#include "daemon/engine/not_a_number.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace modeld {
namespace {

// A float is NaN where what is beside its sign is more than an infinity's. Compared as integers, so that one
// loop serves every format; in blocks of a fixed size, so that the compiler makes vectors of it and the bytes
// need not be aligned.
template <typename Bits>
bool AnyNan(const Buffer& buffer, Bits infinity) {
  constexpr size_t kBlock = 64;
  constexpr Bits kSign = static_cast<Bits>(Bits{1} << (8 * sizeof(Bits) - 1));
  const auto* const bytes = static_cast<const char*>(buffer.data);
  const size_t count = buffer.size / sizeof(Bits);
  for (size_t first = 0; first < count; first += kBlock) {
    Bits block[kBlock] = {};
    std::memcpy(block, bytes + first * sizeof(Bits), std::min(kBlock, count - first) * sizeof(Bits));
    unsigned any = 0;
    for (const Bits bits : block) any |= static_cast<Bits>(bits & ~kSign) > infinity ? 1u : 0u;
    if (any != 0) return true;
  }
  return false;
}

struct Visitor {
  bool operator()(double value) const { return std::isnan(value); }
  bool operator()(const std::complex<double>& value) const {
    return std::isnan(value.real()) || std::isnan(value.imag());
  }
  bool operator()(const Tensor& tensor) const {
    switch (tensor.dtype) {
      case DType::kFp16:
        return AnyNan<uint16_t>(tensor.buffer, 0x7c00);
      case DType::kBf16:
        return AnyNan<uint16_t>(tensor.buffer, 0x7f80);
      case DType::kFp32:
      case DType::kComplex64:
        return AnyNan<uint32_t>(tensor.buffer, 0x7f800000);
      case DType::kFp64:
      case DType::kComplex128:
        return AnyNan<uint64_t>(tensor.buffer, 0x7ff0000000000000);
      default:
        return false;
    }
  }
  bool operator()(const List& list) const { return AnyOf(list.items); }
  bool operator()(const Tuple& tuple) const { return AnyOf(tuple.items); }
  bool operator()(const Dict& dict) const {
    return std::any_of(dict.entries.begin(), dict.entries.end(),
                       [](const auto& entry) { return HoldsNan(entry.second); });
  }
  template <typename Other>
  bool operator()(const Other&) const {
    return false;
  }

  static bool AnyOf(const std::vector<Value>& items) {
    return std::any_of(items.begin(), items.end(), HoldsNan);
  }
};

}  // namespace

bool HoldsNan(const Value& value) { return std::visit(Visitor{}, value.data); }

}  // namespace modeld
