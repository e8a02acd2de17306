// DescribeForeign: what else people drop under a model's file name, by its first bytes. Pure.
#pragma once

#include <string_view>

namespace modeld {

// Of these, what `head` (the first 512 bytes of a file, or all that it has) begins as, with the remedy: "it
// looks like a gzip file; unpack it first". Null: as none of them.
const char* DescribeForeign(std::string_view head);

}  // namespace modeld
