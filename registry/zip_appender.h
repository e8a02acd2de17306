// ZipTail: the end of a ZIP archive in which one entry is new or replaced, all others staying where they are.
// Pure. Not libzip's, which writes the whole archive anew and moves entries: TorchScript's tensors must begin
// at multiples of 64 bytes, so that they can be mapped into memory.
#pragma once

#include <cstdint>
#include <string>

#include "registry/zip_directory.h"

namespace modeld {

struct ZipTail {
  uint64_t kept_bytes = 0;  // of the archive, from its beginning; then come `bytes`
  std::string bytes;  // the entry, the directory and its end records, with 64-bit ones as LibTorch writes
};

// `content` is stored uncompressed, its bytes beginning at a multiple of 64. An entry of that name keeps its
// place in the directory; its old bytes go where nothing follows them, and else stay as a hole.
ZipTail AppendZipEntry(const ZipDirectory& directory, const std::string& name, const std::string& content);

}  // namespace modeld
