#include "registry/base/quote.h"

#include <cstdint>

#include "absl/strings/str_cat.h"

namespace modeld {
namespace {

bool IsContinuation(unsigned char byte) { return (byte & 0xC0) == 0x80; }

// Length of the printable character at the beginning of `text`; 0 where there is a control character or no
// well-formed UTF-8 (Unicode 15, table 3-7).
size_t PrintableLength(std::string_view text) {
  const auto byte = [text](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return first >= 0x20 && first != 0x7F ? 1 : 0;
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if (!IsContinuation(byte(i))) return 0;
  }
  const unsigned char second = byte(1);
  const bool c1_control = first == 0xC2 && second < 0xA0;
  const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  const bool surrogate = first == 0xED && second >= 0xA0;
  const bool beyond_unicode = first == 0xF4 && second >= 0x90;
  return c1_control || overlong || surrogate || beyond_unicode ? 0 : length;
}

void AppendEscaped(unsigned char byte, std::string* out) {
  switch (byte) {
    case '\n':
      out->append("\\n");
      return;
    case '\r':
      out->append("\\r");
      return;
    case '\t':
      out->append("\\t");
      return;
    default:
      absl::StrAppend(out, "\\x", absl::Hex(byte, absl::kZeroPad2));
  }
}

}  // namespace

std::string Quote(std::string_view text, size_t max_bytes) {
  std::string out = "\"";
  size_t at = 0;
  while (at < text.size()) {
    const size_t length = PrintableLength(text.substr(at));
    if (at + (length == 0 ? 1 : length) > max_bytes) return out + "…\"";
    if (length == 0) {
      AppendEscaped(static_cast<unsigned char>(text[at]), &out);
      ++at;
      continue;
    }
    if (text[at] == '"' || text[at] == '\\') out.push_back('\\');
    out.append(text.substr(at, length));
    at += length;
  }
  out.push_back('"');
  return out;
}

bool IsPrintable(std::string_view text) {
  while (!text.empty()) {
    const size_t length = PrintableLength(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace modeld
