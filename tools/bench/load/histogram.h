// Histogram of durations: buckets whose width grows with the value, so that every one is known to within
// 1/64.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace modeld::load {

// Not thread-safe.
class Histogram {
 public:
  void Add(uint64_t microseconds) {
    const size_t index = IndexOf(microseconds);
    if (index >= counts_.size()) counts_.resize(index + 1);
    ++counts_[index];
  }

  // The buckets that hold something, shortest first: the longest duration of each in microseconds, and how
  // many it holds.
  std::vector<std::pair<uint64_t, uint64_t>> Buckets() const {
    std::vector<std::pair<uint64_t, uint64_t>> buckets;
    for (size_t index = 0; index < counts_.size(); ++index) {
      if (counts_[index] > 0) buckets.emplace_back(UpperOf(index), counts_[index]);
    }
    return buckets;
  }

 private:
  static constexpr int kPrecisionBits = 6;

  // Below 128 each value has its own bucket; from there on, 64 buckets for each power of two.
  static size_t IndexOf(uint64_t value) {
    const int shift = std::bit_width(value >> (kPrecisionBits + 1));
    return (static_cast<size_t>(shift) << kPrecisionBits) + (value >> shift);
  }
  static uint64_t UpperOf(size_t index) {
    const size_t group = index >> kPrecisionBits;
    const int shift = group < 2 ? 0 : static_cast<int>(group) - 1;
    const uint64_t mantissa = index - (static_cast<size_t>(shift) << kPrecisionBits);
    return ((mantissa + 1) << shift) - 1;
  }

  std::vector<uint64_t> counts_;
};

}  // namespace modeld::load
