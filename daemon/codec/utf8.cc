#include "daemon/codec/utf8.h"

#include <cstddef>
#include <utility>

namespace modeld {
namespace {

bool InRange(unsigned char byte, unsigned char low, unsigned char high) {
  return low <= byte && byte <= high;
}

// Bytes of the well-formed sequence at the beginning of `text`; 0: there is none. REQUIRES: not empty.
size_t SequenceLength(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  size_t length = 0;
  // What the second byte may be: narrower than usual where overlong forms, surrogates or code points beyond
  // U+10FFFF would begin.
  unsigned char low = 0x80;
  unsigned char high = 0xbf;
  if (InRange(first, 0xc2, 0xdf)) {
    length = 2;
  } else if (InRange(first, 0xe0, 0xef)) {
    length = 3;
    if (first == 0xe0) low = 0xa0;
    if (first == 0xed) high = 0x9f;
  } else if (InRange(first, 0xf0, 0xf4)) {
    length = 4;
    if (first == 0xf0) low = 0x90;
    if (first == 0xf4) high = 0x8f;
  } else {
    return 0;
  }
  if (text.size() < length || !InRange(byte(1), low, high)) return 0;
  for (size_t i = 2; i < length; ++i) {
    if (!InRange(byte(i), 0x80, 0xbf)) return 0;
  }
  return length;
}

}  // namespace

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = SequenceLength(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string ToUtf8(std::string text) {
  if (IsUtf8(text)) return text;
  std::string valid;
  std::string_view rest = text;
  while (!rest.empty()) {
    const size_t length = SequenceLength(rest);
    if (length == 0) {
      valid += "\xef\xbf\xbd";
      rest.remove_prefix(1);
    } else {
      valid += rest.substr(0, length);
      rest.remove_prefix(length);
    }
  }
  return valid;
}

}  // namespace modeld
