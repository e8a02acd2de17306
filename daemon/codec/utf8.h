// UTF-8: proto3 `string` fields must hold it, or the receiver refuses the whole message. File names and
// models' messages need not.
#pragma once

#include <string>
#include <string_view>

namespace modeld {

// True for well-formed UTF-8 as Unicode defines it (table 3-7): no surrogates, no overlong forms.
bool IsUtf8(std::string_view text);

// The text with each byte that does not belong to well-formed UTF-8 replaced by U+FFFD.
std::string ToUtf8(std::string text);

}  // namespace modeld
