// SHA-256, the identity of an artifact.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "registry/base/file_system.h"

// OpenSSL's, so that its headers stay out of ours.
struct evp_md_ctx_st;

namespace modeld {

// Hashes a stream. Not thread-safe.
class Sha256 {
 public:
  Sha256();
  ~Sha256();

  void Update(std::string_view data);
  // 64 lower-case hexadecimal digits. Call once, last. INTERNAL if OpenSSL fails, which is told only here.
  absl::StatusOr<std::string> Finish();

 private:
  std::unique_ptr<evp_md_ctx_st, void (*)(evp_md_ctx_st*)> context_;
  bool ok_;
};

// 64 lower-case hexadecimal digits.
bool IsSha256(std::string_view text);

// Of a file's bytes. Errors: those of FileSystem.
absl::StatusOr<std::string> Sha256OfFile(FileSystem& file_system, const std::string& path);

}  // namespace modeld
