// Quote: foreign bytes made fit for a message.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace modeld {

// `text` in double quotes. `"` and `\` are escaped, control characters and bytes that are not UTF-8 are
// written as `\n`, `\t`, `\r` or `\xNN`; so the result is one line of valid UTF-8 that cannot steer a
// terminal, whatever the bytes. Beyond `max_bytes` bytes of `text`, the rest is left out and said with `…`.
std::string Quote(std::string_view text, size_t max_bytes = 200);

// True if `text` is well-formed UTF-8 without control characters.
bool IsPrintable(std::string_view text);

}  // namespace modeld
