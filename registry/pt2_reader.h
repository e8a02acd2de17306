// What an AOTInductor package (.pt2) says of itself, read without LibTorch and without running any code.
//
// The file is a ZIP archive: `data/aotinductor/NAME/` holds a compiled model as a shared library and what
// belongs to it, in a folder of the archive's name or, as PyTorch 2.6 wrote it, at the top. config.json and
// golden samples are entries below `extra/`, as in a TorchScript archive.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "registry/archive_reader.h"
#include "registry/base/file_system.h"
#include "registry/checked_zip.h"

namespace modeld {

// Thread-safe (no state). Errors as ReadArchive's; INVALID_ARGUMENT also for an archive of torch.export that
// holds no compiled model, for several compiled models, and for one that is no shared library (yet).
absl::StatusOr<ArchiveContents> ReadPt2(FileSystem& file_system, const std::string& path,
                                        const ArchiveLimits& limits = {});

// A file of the compiled model.
struct Pt2File {
  size_t index = 0;  // of the entry
  std::string name;  // without its folder
};

// The files of the one compiled model of a package that ReadPt2 accepts; errors as there.
absl::StatusOr<std::vector<Pt2File>> CompiledModel(const CheckedZip& zip);
absl::StatusOr<CheckedZip> OpenPt2(FileSystem& file_system, const std::string& path,
                                   const ArchiveLimits& limits = {});

// Whether the archive has anything of AOTInductor's.
bool HoldsCompiledModels(const CheckedZip& zip);
// The folder, with its `/`, that holds the package's entries; empty where they lie at the top.
absl::StatusOr<std::string> Pt2Root(const CheckedZip& zip);

}  // namespace modeld
