#include "registry/sha256.h"

#include <openssl/evp.h>

#include <vector>

#include "absl/strings/escaping.h"
#include "registry/base/status_macros.h"
#include "registry/base/unique_fd.h"

namespace modeld {
namespace {

constexpr size_t kReadBytes = 1 << 20;
constexpr size_t kDigestBytes = 32;

}  // namespace

Sha256::Sha256() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
  ok_ = context_ != nullptr && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1;
}

Sha256::~Sha256() = default;

void Sha256::Update(std::string_view data) {
  ok_ = ok_ && EVP_DigestUpdate(context_.get(), data.data(), data.size()) == 1;
}

absl::StatusOr<std::string> Sha256::Finish() {
  std::string digest(kDigestBytes, '\0');
  ok_ = ok_ &&
        EVP_DigestFinal_ex(context_.get(), reinterpret_cast<unsigned char*>(digest.data()), nullptr) == 1;
  // OpenSSL fails here only without memory or with SHA-256 disabled by the system's policy.
  if (!ok_) return absl::InternalError("OpenSSL cannot compute SHA-256");
  return absl::BytesToHexString(digest);
}

bool IsSha256(std::string_view text) {
  return text.size() == 2 * kDigestBytes && text.find_first_not_of("0123456789abcdef") == text.npos;
}

absl::StatusOr<std::string> Sha256OfFile(FileSystem& file_system, const std::string& path) {
  MODELD_ASSIGN_OR_RETURN(const UniqueFd file, file_system.OpenForRead(path));
  Sha256 sha256;
  std::vector<char> buffer(kReadBytes);
  while (true) {
    MODELD_ASSIGN_OR_RETURN(const size_t size, file_system.Read(file.get(), buffer.data(), buffer.size()));
    if (size == 0) return sha256.Finish();
    sha256.Update(std::string_view(buffer.data(), size));
  }
}

}  // namespace modeld
