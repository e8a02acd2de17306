// Who gave a command: what the kernel says of the caller, and what the caller says of itself.
#pragma once

#include <optional>
#include <string>

namespace modeld {

// Names the processes at the other end of connections.
class PeerNames {
 public:
  virtual ~PeerNames() = default;
  // The user whose process made the connection that gRPC calls `peer` (ServerContext::peer()): "ann", or
  // "uid 1005" for a user without a name. None: nothing trustworthy is known. Thread-safe.
  virtual std::optional<std::string> NameOf(const std::string& peer) const = 0;
};

// The actor for the history. `user` comes from PeerNames, `claim` from the request. Pure.
//
//   user "ann",  claim "ann" or none    ann
//   user "root", claim "ann (sudo)"     root, as ann (sudo)
//   no user,     claim "ann"            ann (unverified)
//   no user,     no claim               unknown (unverified)
std::string ActorText(const std::optional<std::string>& user, const std::string& claim);

}  // namespace modeld
