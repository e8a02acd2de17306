#include "registry/base/errno_status.h"

#include <errno.h>
#include <string.h>

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace modeld {
namespace {

absl::StatusCode CodeOf(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return absl::StatusCode::kNotFound;
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::StatusCode::kPermissionDenied;
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return absl::StatusCode::kResourceExhausted;
    case EEXIST:
      return absl::StatusCode::kAlreadyExists;
    // What a disk or a network file system answers when it is in trouble: another try may succeed.
    case EIO:
    case ESTALE:
    case EREMOTEIO:
    case ENOTCONN:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ETIMEDOUT:
      return absl::StatusCode::kUnavailable;
    default:
      return absl::StatusCode::kInternal;
  }
}

// Not strerror: it is neither thread-safe nor in one language everywhere.
std::string Describe(int error) {
  const char* description = ::strerrordesc_np(error);
  if (description == nullptr) return absl::StrCat("error ", error);
  std::string text = description;
  text[0] = absl::ascii_tolower(text[0]);
  return text;
}

}  // namespace

absl::Status ErrnoStatus(int error, std::string_view what) {
  return absl::Status(CodeOf(error), absl::StrCat(std::string(what), ": ", Describe(error)));
}

}  // namespace modeld
