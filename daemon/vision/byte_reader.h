// ByteReader: numbers out of foreign bytes, never from beyond their end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace modeld {

// What is not there reads as 0, and from then on ok() is false. Not thread-safe.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  size_t position() const { return position_; }
  size_t left() const { return bytes_.size() - position_; }

  void Skip(size_t count) { (void)Take(count); }
  // Empty where there are not so many.
  std::string_view Take(size_t count) {
    if (count > left()) {
      ok_ = false;
      position_ = bytes_.size();
      return {};
    }
    const std::string_view taken = bytes_.substr(position_, count);
    position_ += count;
    return taken;
  }
  uint32_t Big(int count) {
    uint32_t value = 0;
    for (const char byte : Take(static_cast<size_t>(count))) value = value << 8 | static_cast<uint8_t>(byte);
    return value;
  }
  uint32_t Little(int count) {
    uint32_t value = 0;
    int shift = 0;
    for (const char byte : Take(static_cast<size_t>(count))) {
      value |= static_cast<uint32_t>(static_cast<uint8_t>(byte)) << shift;
      shift += 8;
    }
    return value;
  }

 private:
  const std::string_view bytes_;
  size_t position_ = 0;
  bool ok_ = true;
};

}  // namespace modeld
