#include "daemon/vision/exif.h"

#include "daemon/vision/byte_reader.h"

namespace modeld {

int ExifOrientation(std::string_view tiff) {
  constexpr uint32_t kOrientation = 0x0112, kShort = 3;
  const bool little = tiff.substr(0, 2) == "II";
  if (!little && tiff.substr(0, 2) != "MM") return 1;
  ByteReader head(tiff.substr(2));
  const auto number = [&](ByteReader& reader, int count) {
    return little ? reader.Little(count) : reader.Big(count);
  };
  if (number(head, 2) != 42) return 1;
  const uint32_t directory = number(head, 4);
  if (!head.ok() || directory > tiff.size()) return 1;
  ByteReader entries(tiff.substr(directory));
  for (uint32_t left = number(entries, 2); left > 0 && entries.ok(); --left) {
    const uint32_t tag = number(entries, 2), type = number(entries, 2), count = number(entries, 4);
    const uint32_t value = number(entries, 2);
    entries.Skip(2);
    if (tag != kOrientation) continue;
    const bool is_one = entries.ok() && type == kShort && count == 1 && value >= 1 && value <= 8;
    return is_one ? static_cast<int>(value) : 1;
  }
  return 1;
}

}  // namespace modeld
