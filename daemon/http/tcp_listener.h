// TcpListener: a socket that takes connections in.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "registry/base/unique_fd.h"

namespace modeld {

struct TcpListener {
  std::vector<UniqueFd> sockets;  // one for each address of the host's; they do not block
  int port = 0;                   // as bound
};

// UNAVAILABLE, naming the address, where it cannot be had. `host` without brackets.
absl::StatusOr<TcpListener> ListenOn(const std::string& host, const std::string& port);

}  // namespace modeld
