// Shortened: a message fit to be sent.
#pragma once

#include <string>
#include <string_view>

namespace modeld {

// `message`, or where it has more than 2,400 bytes its first 800 and its last 1,500, and how many are left
// out. What a model raised stands at the end of its stack trace, so more of the end is kept. A character at
// a cut may be halved.
std::string Shortened(std::string_view message);

}  // namespace modeld
