// Elements as the Open Inference Protocol writes them one after another: little-endian numbers, and strings
// behind their length in four bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace modeld {

template <typename T>
void AppendRaw(T element, std::string* raw) {
  raw->append(reinterpret_cast<const char*>(&element), sizeof(element));
}

inline void AppendRawString(std::string_view text, std::string* raw) {
  AppendRaw(static_cast<uint32_t>(text.size()), raw);
  raw->append(text);
}

}  // namespace modeld
