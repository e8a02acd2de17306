#include "daemon/http/tcp_listener.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

constexpr int kBacklog = 1024;

absl::Status NotListening(const std::string& host, const std::string& port, const char* why) {
  return absl::UnavailableError(
      absl::StrCat("cannot listen on ", host, ":", port, ": ", why, "; choose another --http-listen"));
}

absl::StatusOr<int> PortOf(int socket) {
  sockaddr_storage address = {};
  socklen_t size = sizeof(address);
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return absl::InternalError(std::strerror(errno));
  }
  return ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(address).sin6_port
                                             : reinterpret_cast<sockaddr_in&>(address).sin_port);
}

}  // namespace

absl::StatusOr<TcpListener> ListenOn(const std::string& host, const std::string& port) {
  addrinfo hints = {};
  hints.ai_flags = AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found); error != 0) {
    return NotListening(host, port, ::gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  TcpListener listener;
  std::string why = "no address";
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    UniqueFd fd(::socket(each->ai_family, each->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    // What lingers of a daemon before does not count; but two may not share it (SO_REUSEPORT).
    const int on = 1;
    if (!fd.valid() || ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0) {
      why = std::strerror(errno);
      continue;
    }
    if (each->ai_family == AF_INET6) (void)::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    sockaddr_storage address = {};
    std::memcpy(&address, each->ai_addr, each->ai_addrlen);
    if (listener.port != 0) {  // a free port was found: the same for every address
      (each->ai_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(address).sin6_port
                                   : reinterpret_cast<sockaddr_in&>(address).sin_port) =
          htons(static_cast<uint16_t>(listener.port));
    }
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), each->ai_addrlen) != 0 ||
        ::listen(fd.get(), kBacklog) != 0) {
      why = std::strerror(errno);
      // Of a host with addresses of both kinds, the machine may have one kind only.
      if (errno == EADDRNOTAVAIL || errno == EAFNOSUPPORT) continue;
      return NotListening(host, port, why.c_str());
    }
    MODELD_ASSIGN_OR_RETURN(listener.port, PortOf(fd.get()));
    listener.sockets.push_back(std::move(fd));
  }
  if (listener.sockets.empty()) return NotListening(host, port, why.c_str());
  return listener;
}

}  // namespace modeld
