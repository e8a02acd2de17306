// The orientation in a block of EXIF. Pure function.
#pragma once

#include <string_view>

namespace modeld {

// `tiff`: the block from its byte order mark on ("II" or "MM"). 1 where it says nothing that can be
// understood.
int ExifOrientation(std::string_view tiff);

}  // namespace modeld
