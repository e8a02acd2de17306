#include "daemon/engine/not_a_number.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

namespace modeld {
namespace {

// The magnitude beyond which something is looked for, as each format has it in the bits beside its sign.
struct Beyond {
  double value;
  uint16_t fp16;
  uint16_t bf16;
  uint32_t fp32;
  uint64_t fp64;
};
constexpr double kInfinity = std::numeric_limits<double>::infinity();
// A float is NaN where these bits are more than an infinity's.
constexpr Beyond kInfinities = {kInfinity, 0x7c00, 0x7f80, 0x7f800000, 0x7ff0000000000000};
// The last below 2^63; of FP16 the largest.
constexpr Beyond kLarge = {0x1.fffffffffffffp62, 0x7bff, 0x5eff, 0x5effffff, 0x43dfffffffffffff};

// Compared as integers, so that one loop serves every format; in blocks of a fixed size, so that the compiler
// makes vectors of it and the bytes need not be aligned.
template <typename Bits>
bool AnyBeyond(const Buffer& buffer, Bits limit) {
  constexpr size_t kBlock = 64;
  constexpr Bits kSign = static_cast<Bits>(Bits{1} << (8 * sizeof(Bits) - 1));
  const auto* const bytes = static_cast<const char*>(buffer.data);
  const size_t count = buffer.size / sizeof(Bits);
  for (size_t first = 0; first < count; first += kBlock) {
    Bits block[kBlock] = {};
    std::memcpy(block, bytes + first * sizeof(Bits), std::min(kBlock, count - first) * sizeof(Bits));
    unsigned any = 0;
    for (const Bits bits : block) any |= static_cast<Bits>(bits & ~kSign) > limit ? 1u : 0u;
    if (any != 0) return true;
  }
  return false;
}

struct Visitor {
  const Beyond& beyond;

  bool operator()(double value) const { return !(std::abs(value) <= beyond.value); }
  bool operator()(const std::complex<double>& value) const {
    return (*this)(value.real()) || (*this)(value.imag());
  }
  bool operator()(const Tensor& tensor) const {
    switch (tensor.dtype) {
      case DType::kFp16:
        return AnyBeyond(tensor.buffer, beyond.fp16);
      case DType::kBf16:
        return AnyBeyond(tensor.buffer, beyond.bf16);
      case DType::kFp32:
      case DType::kComplex64:
        return AnyBeyond(tensor.buffer, beyond.fp32);
      case DType::kFp64:
      case DType::kComplex128:
        return AnyBeyond(tensor.buffer, beyond.fp64);
      default:
        return false;
    }
  }
  bool operator()(const List& list) const { return AnyOf(list.items); }
  bool operator()(const Tuple& tuple) const { return AnyOf(tuple.items); }
  bool operator()(const Dict& dict) const {
    return std::any_of(dict.entries.begin(), dict.entries.end(),
                       [this](const auto& entry) { return std::visit(*this, entry.second.data); });
  }
  template <typename Other>
  bool operator()(const Other&) const {
    return false;
  }

  bool AnyOf(const std::vector<Value>& items) const {
    return std::any_of(items.begin(), items.end(),
                       [this](const Value& item) { return std::visit(*this, item.data); });
  }
};

}  // namespace

bool HoldsNan(const Value& value) { return std::visit(Visitor{kInfinities}, value.data); }
bool HoldsHuge(const Value& value) { return std::visit(Visitor{kLarge}, value.data); }

}  // namespace modeld
