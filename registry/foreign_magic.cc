#include "registry/foreign_magic.h"

#include <cstddef>

namespace modeld {
namespace {

struct ForeignMagic {
  std::string_view bytes;
  size_t offset;
  const char* what;
};
constexpr ForeignMagic kForeignMagics[] = {
    // torch.save before PyTorch 1.6, or with _use_new_zipfile_serialization=False: a pickled magic number.
    {{"\x80\x02\x8a\x0al\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 14},
     0,
     "it looks like a torch.save file of the legacy format, which holds no code; save the model with "
     "torch.jit.save(torch.jit.script(module), path)"},
    {"\x80", 0,
     "it looks like a Python pickle; save the model with torch.jit.save(torch.jit.script(module), path)"},
    {"version https://git-lfs", 0, "it is a Git LFS pointer, not the file itself; run git lfs pull"},
    {"\x89HDF\r\n", 0, "it looks like an HDF5 file (Keras)"},
    // Where a ZIP file is what is expected, nobody asks.
    {"PK\3\4", 0, "it looks like a ZIP file: torch.jit.save writes those, which are to be named .pt"},
    {"\x1f\x8b", 0, "it looks like a gzip file; unpack it first"},
    {"<", 0, "it looks like HTML or XML: perhaps a server's error page, saved in place of the model"},
    {"ustar", 257,
     "it looks like a tar file; if a PyTorch before 1.1 wrote it, load and save it with a newer one"},
};

}  // namespace

const char* DescribeForeign(std::string_view head) {
  for (const ForeignMagic& foreign : kForeignMagics) {
    if (head.size() > foreign.offset && head.substr(foreign.offset, foreign.bytes.size()) == foreign.bytes) {
      return foreign.what;
    }
  }
  return nullptr;
}

}  // namespace modeld
