// Addresses to listen on: "HOST:PORT", an IPv6 address in brackets.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace modeld {

// The two halves of an address.
struct HostAndPort {
  std::string host;  // without brackets
  std::string port;
};

// REQUIRES: `address` is valid.
HostAndPort SplitAddress(const std::string& address);

// OK, or INVALID_ARGUMENT with what is wrong. Pure.
absl::Status ValidateListenAddress(const std::string& address);

// `address` with the port that it was bound to. REQUIRES: `address` is valid.
std::string WithPort(const std::string& address, int port);

// Why gRPC, which does not tell, could not listen on `address`: tries by itself and lets go at once. Names
// the address, and never OK.
absl::Status WhyNotListening(const std::string& address);

}  // namespace modeld
