// Elements of a tensor from JSON to the bytes that the wire has of them. Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "daemon/engine/dtype.h"
#include "daemon/http/json_reader.h"

namespace modeld {

// Reads a number, boolean or string and appends it to `raw` as an element of `dtype`: little-endian, of BYTES
// with its length before it. Numbers are exact: integers keep all their digits, floats are the nearest.
// False: it is none, or does not fit; the reader says what was expected, and the remedy for NaN, FP16 and
// BF16.
bool ReadElement(JsonReader& reader, DType dtype, std::string* raw);

// As one element of BYTES.
void AppendBytesElement(std::string_view element, std::string* raw);

}  // namespace modeld
