#include "daemon/server/listen_address.h"

#include <netdb.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "registry/base/unique_fd.h"

namespace modeld {
namespace {

absl::Status Malformed(const std::string& address, const char* what) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", address, "\" ", what, "; expected HOST:PORT, such as 127.0.0.1:8500 or [::1]:8500"));
}

absl::Status NotListening(const std::string& address, const absl::AlphaNum& why) {
  return absl::UnavailableError(
      absl::StrCat("cannot listen on ", address, ": ", why, "; choose another --listen"));
}

}  // namespace

HostAndPort SplitAddress(const std::string& address) {
  const size_t colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  return {host, address.substr(colon + 1)};
}

absl::Status ValidateListenAddress(const std::string& address) {
  if (address.find(':') == std::string::npos) return Malformed(address, "has no port");
  const auto [host, port] = SplitAddress(address);
  const bool bracketed = address.front() == '[';
  if (host.empty()) return Malformed(address, "has no host");
  if (host.find_first_of("/[] \t") != std::string::npos) return Malformed(address, "has a malformed host");
  if (!bracketed && host.find(':') != std::string::npos) {
    return Malformed(address, "has an IPv6 address without brackets");
  }
  int number = 0;
  if (port.find_first_not_of("0123456789") != std::string::npos || !absl::SimpleAtoi(port, &number) ||
      number > 65535) {
    return Malformed(address, "has a port that is no number from 0 to 65535");
  }
  return absl::OkStatus();
}

std::string WithPort(const std::string& address, int port) {
  return absl::StrCat(address.substr(0, address.rfind(':')), ":", port);
}

absl::Status WhyNotListening(const std::string& address) {
  const auto [host, port] = SplitAddress(address);
  addrinfo hints = {};
  hints.ai_flags = AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found); error != 0) {
    return NotListening(address, ::gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  for (const addrinfo* candidate = found; candidate != nullptr; candidate = candidate->ai_next) {
    const UniqueFd fd(::socket(candidate->ai_family, candidate->ai_socktype | SOCK_CLOEXEC, 0));
    // As gRPC does: what lingers of a daemon before does not count.
    const int reuse = 1;
    if (!fd.valid() || ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof(reuse)) != 0 ||
        ::bind(fd.get(), candidate->ai_addr, candidate->ai_addrlen) != 0 || ::listen(fd.get(), 1) != 0) {
      return NotListening(address, std::strerror(errno));
    }
  }
  return NotListening(address, "gRPC refused it; the log lines before tell why");
}

}  // namespace modeld
