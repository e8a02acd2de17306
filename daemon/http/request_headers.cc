#include "daemon/http/request_headers.h"

#include <algorithm>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "registry/base/quote.h"

namespace modeld {
namespace {

constexpr char kContentLength[] = "Content-Length", kTransferEncoding[] = "Transfer-Encoding";
constexpr size_t kMostDigits = 18;  // of a length that 64 bits hold

HttpRefusal Refuse(int http_status, const std::string& message) {
  return {.http_status = http_status, .why = absl::InvalidArgumentError(message)};
}

std::string Of(const char* header, const std::string& value) {
  return absl::StrCat("the header ", header, " is ", Quote(value, 40));
}

// RFC 9110, section 5.6.2.
bool IsToken(const std::string& name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return c > ' ' && c < 0x7f &&
           std::string_view("\"(),/:;<=>?@[\\]{}").find(static_cast<char>(c)) == std::string_view::npos;
  });
}

bool IsLength(const std::string& value) {
  return !value.empty() && value.size() <= kMostDigits &&
         std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool IsCoding(const std::string& value) {
  for (const char* known : {"", "identity", "gzip", "deflate", "br"}) {
    if (value == known) return true;  // as cpp-httplib compares
  }
  return false;
}

}  // namespace

std::optional<HttpRefusal> RefusalOfHeaders(const httplib::Headers& headers) {
  for (const auto& [name, value] : headers) {
    if (!IsToken(name)) return Refuse(400, absl::StrCat("a header is named ", Quote(name, 40)));
  }
  const auto [length, lengths_end] = headers.equal_range(kContentLength);
  const auto [coding, codings_end] = headers.equal_range(kTransferEncoding);
  if (length != lengths_end) {
    if (!IsLength(length->second)) {
      return Refuse(400, Of(kContentLength, length->second) + "; expected how many bytes the body has");
    }
    if (std::next(length) != lengths_end)
      return Refuse(400, "the header Content-Length comes more than once");
    if (coding != codings_end) {
      return Refuse(400, "the headers Content-Length and Transfer-Encoding exclude each other");
    }
  }
  if (coding != codings_end &&
      (std::next(coding) != codings_end || !absl::EqualsIgnoreCase(coding->second, "chunked"))) {
    return HttpRefusal{.http_status = 501,
                       .why = absl::UnimplementedError(Of(kTransferEncoding, coding->second) +
                                                       "; expected chunked, or a Content-Length instead")};
  }
  const auto [packed, packed_end] = headers.equal_range("Content-Encoding");
  if (packed != packed_end && (std::next(packed) != packed_end || !IsCoding(packed->second))) {
    return Refuse(415, Of("Content-Encoding", packed->second) + "; expected gzip, deflate, br, or none");
  }
  const auto type = headers.find("Content-Type");
  if (type != headers.end() && absl::StartsWithIgnoreCase(type->second, "multipart/")) {
    return Refuse(415, Of("Content-Type", type->second) +
                           "; expected application/json or an image as the whole body (curl --data-binary)");
  }
  return std::nullopt;
}

}  // namespace modeld
