#include "daemon/rpc/paging.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "registry/version_order.h"

namespace modeld {
namespace {

constexpr int kDefaultPageSize = 100;
constexpr int kMaxPageSize = 1000;

absl::Status BadToken(const std::string& token) {
  return absl::InvalidArgumentError(
      absl::StrCat("page_token \"", absl::Utf8SafeCEscape(token),
                   "\" is not one of this list; pass next_page_token of the page "
                   "before, or nothing for the first page"));
}

}  // namespace

absl::StatusOr<int> PageSize(int32_t requested) {
  if (requested < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("page_size is ", requested, "; expected 1 to ", kMaxPageSize, ", or 0 for the default"));
  }
  return requested == 0 ? kDefaultPageSize : std::min<int>(requested, kMaxPageSize);
}

std::string TokenAfterName(const std::string& name) { return absl::WebSafeBase64Escape(name); }

absl::StatusOr<std::string> NameOfToken(const std::string& token) {
  std::string name;
  if (token.empty()) return name;
  if (!absl::WebSafeBase64Unescape(token, &name) || !ValidateModelName(name).ok()) return BadToken(token);
  return name;
}

std::string TokenBeforeId(int64_t id) { return absl::WebSafeBase64Escape(absl::StrCat(id)); }

absl::StatusOr<int64_t> IdOfToken(const std::string& token) {
  if (token.empty()) return 0;
  std::string text;
  int64_t id = 0;
  if (!absl::WebSafeBase64Unescape(token, &text) || !absl::SimpleAtoi(text, &id) || id <= 0) {
    return BadToken(token);
  }
  return id;
}

}  // namespace modeld
