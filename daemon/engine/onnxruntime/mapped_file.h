// MappedFile: a file's bytes, in memory that is the file's own.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"

namespace modeld {

// Move-only. The file must not be cut while it lives: the artifact store's never are.
class MappedFile {
 public:
  // NOT_FOUND: there is none; INVALID_ARGUMENT: it is no regular file.
  static absl::StatusOr<MappedFile> Open(const std::string& path);

  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&&) = delete;
  ~MappedFile();

  const void* data() const { return data_; }  // null: it is empty
  size_t size() const { return size_; }

 private:
  MappedFile(void* data, size_t size) : data_(data), size_(size) {}

  void* data_;
  size_t size_;
};

}  // namespace modeld
