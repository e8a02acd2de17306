#include "daemon/rpc/status_convert.h"

#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "daemon/codec/utf8.h"

namespace modeld {
namespace {

// On the wire a byte of the message takes up to three, percent-encoded. What a model raised stands at the end
// of its stack trace, so more of the end is kept.
constexpr size_t kMaxMessageBytes = 2400;
constexpr size_t kKeptAtBegin = 800;
constexpr size_t kKeptAtEnd = 1500;

std::string Shortened(absl::string_view message) {
  if (message.size() <= kMaxMessageBytes) return std::string(message);
  return absl::StrCat(message.substr(0, kKeptAtBegin), "\n[", message.size() - kKeptAtBegin - kKeptAtEnd,
                      " bytes left out]\n", message.substr(message.size() - kKeptAtEnd));
}

}  // namespace

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), ToUtf8(Shortened(status.message())));
}

}  // namespace modeld
