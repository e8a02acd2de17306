#include "daemon/rpc/status_convert.h"

#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "daemon/codec/utf8.h"
#include "registry/base/shortened.h"

namespace modeld {

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()),
                      ToUtf8(Shortened({status.message().data(), status.message().size()})));
}

}  // namespace modeld
