// StableHash: decides which requests go to a canary or a shadow. It has one value for one key in every
// process, build and release, for what it decides must hold across restarts: std::hash and absl::Hash promise
// no such thing.
//
// FNV-1a with 64 bits (http://www.isthe.com/chongo/tech/comp/fnv/) leaves its high bits poor for short keys;
// the finalizer of MurmurHash3 (fmix64, Austin Appleby, public domain,
// https://github.com/aappleby/smhasher) spreads every input bit over all of them.
#pragma once

#include <cstdint>
#include <string_view>

namespace modeld {

class StableHash {
 public:
  StableHash& Add(std::string_view bytes) {
    for (const char byte : bytes) AddByte(static_cast<uint8_t>(byte));
    return *this;
  }
  // Eight bytes, the lowest first.
  StableHash& Add(uint64_t number) {
    for (int shift = 0; shift < 64; shift += 8) AddByte(static_cast<uint8_t>(number >> shift));
    return *this;
  }

  uint64_t Finish() const { return Mix(state_); }

  // fmix64: a bijection.
  static constexpr uint64_t Mix(uint64_t bits) {
    bits ^= bits >> 33;
    bits *= 0xff51afd7ed558ccdULL;
    bits ^= bits >> 33;
    bits *= 0xc4ceb9fe1a85ec53ULL;
    bits ^= bits >> 33;
    return bits;
  }

 private:
  void AddByte(uint8_t byte) {
    state_ ^= byte;
    state_ *= 0x100000001b3ULL;
  }

  uint64_t state_ = 0xcbf29ce484222325ULL;
};

// Whether a hash is within a share of all hashes. Whoever is within a share is within every larger one;
// nobody is within 0, everybody within 1.
inline bool InShare(uint64_t hash, double share) {
  return static_cast<double>(hash >> 11) * 0x1p-53 < share;  // 53 bits: what a double holds exactly
}

}  // namespace modeld
