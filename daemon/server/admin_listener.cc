#include "daemon/server/admin_listener.h"

#include <fcntl.h>
#include <grpcpp/server_posix.h>
#include <poll.h>
#include <pwd.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "registry/base/errno_status.h"
#include "registry/base/log.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

constexpr rlim_t kMostNumbers = 1024;
constexpr int kOutOfDescriptorsMs = 100;

// Places in AdminListener::events_.
constexpr size_t kStopping = 0;
constexpr size_t kListening = 1;
constexpr size_t kFirstSilent = 2;

absl::StatusOr<sockaddr_un> SocketAddress(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(absl::StrCat("--admin-socket ", path, " has ", path.size(),
                                                   " bytes; a socket's path may have at most ",
                                                   sizeof(address.sun_path) - 1));
  }
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  return address;
}

UniqueFd NewSocket() { return UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)); }

// Makes room for a socket at `path`: OK if nothing is there, or nothing but the socket of a process that is
// gone, which is removed.
absl::Status ClearPath(const std::string& path, const sockaddr_un& address) {
  struct stat found;
  if (::lstat(path.c_str(), &found) != 0) return absl::OkStatus();
  if (!S_ISSOCK(found.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " exists and is not a socket; remove it or choose another --admin-socket"));
  }
  const UniqueFd fd = NewSocket();
  const int connected = ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  // EAGAIN: somebody listens, and has a full queue.
  if (connected == 0 || errno == EAGAIN) {
    return absl::FailedPreconditionError(
        absl::StrCat("another process listens on ", path, "; stop it or choose another --admin-socket"));
  }
  if (::unlink(path.c_str()) != 0) return ErrnoStatus(errno, absl::StrCat("cannot remove ", path));
  return absl::OkStatus();
}

std::string UserName(uid_t user) {
  std::vector<char> buffer(4096);
  passwd entry = {};
  passwd* found = nullptr;
  while (::getpwuid_r(user, &entry, buffer.data(), buffer.size(), &found) == ERANGE) {
    buffer.resize(buffer.size() * 2);
  }
  return found == nullptr ? absl::StrCat("uid ", user) : std::string(entry.pw_name);
}

}  // namespace

AdminListener::AdminListener(std::string path, UniqueFd socket, UniqueFd stop)
    : path_(std::move(path)), stop_(std::move(stop)), socket_(std::move(socket)) {
  rlimit limit = {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  // Above what the rest of the process uses, where the limit allows it.
  const rlim_t first = std::min<rlim_t>(limit.rlim_cur / 2, kMostNumbers);
  first_number_ = next_number_ = static_cast<int>(first);
  end_number_ = static_cast<int>(first + std::min<rlim_t>(limit.rlim_cur - first, kMostNumbers));
}

absl::StatusOr<std::unique_ptr<AdminListener>> AdminListener::Bind(const std::string& path) {
  MODELD_ASSIGN_OR_RETURN(const sockaddr_un address, SocketAddress(path));
  MODELD_RETURN_IF_ERROR(ClearPath(path, address));
  const std::string attempt = absl::StrCat("cannot listen on ", path, " (--admin-socket)");
  UniqueFd socket = NewSocket();
  UniqueFd stop(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!socket.valid() || !stop.valid()) return ErrnoStatus(errno, attempt);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return ErrnoStatus(errno, attempt);
  }
  // From here on the socket is removed when anything fails.
  std::unique_ptr<AdminListener> listener(new AdminListener(path, std::move(socket), std::move(stop)));
  // Never open to others, by the umask; now as documented.
  if (::chmod(path.c_str(), 0600) != 0) {
    return ErrnoStatus(errno, absl::StrCat("cannot set the mode of ", path));
  }
  if (::listen(listener->socket_.get(), SOMAXCONN) != 0) return ErrnoStatus(errno, attempt);
  return listener;
}

AdminListener::~AdminListener() {
  Stop();
  ::unlink(path_.c_str());
}

void AdminListener::Serve(grpc::Server* server) {
  thread_ = std::thread([this, server] { Loop(server); });
}

void AdminListener::Stop() {
  if (thread_.joinable()) {
    ::eventfd_write(stop_.get(), 1);
    thread_.join();
  }
  socket_.Reset();  // who connects now is refused, not left waiting
}

void AdminListener::Loop(grpc::Server* server) {
  while (WaitForWork()) {
    std::vector<Silent> still_silent;
    for (size_t i = 0; i < silent_.size(); ++i) {
      if (events_[kFirstSilent + i].revents == 0) {
        still_silent.push_back(std::move(silent_[i]));
      } else {
        HandOver(std::move(silent_[i]), server);
      }
    }
    silent_ = std::move(still_silent);
    if (events_[kListening].revents != 0) Accept();
  }
  silent_.clear();
}

bool AdminListener::WaitForWork() {
  events_ = {{.fd = stop_.get(), .events = POLLIN, .revents = 0},
             {.fd = socket_.get(), .events = POLLIN, .revents = 0}};
  for (const Silent& silent : silent_) {
    events_.push_back({.fd = silent.connection.get(), .events = POLLIN, .revents = 0});
  }
  ::poll(events_.data(), events_.size(), /*timeout=*/-1);
  return events_[kStopping].revents == 0;
}

void AdminListener::Accept() {
  UniqueFd connection(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!connection.valid()) {
    // Others are over by themselves: the peer has gone, a signal came.
    const int error = errno;
    if (error != EMFILE && error != ENFILE && error != ENOBUFS && error != ENOMEM) return;
    LogWarning("cannot accept a connection", {{"error", ErrnoStatus(error, "administrative socket")}});
    pollfd stop = {.fd = stop_.get(), .events = POLLIN, .revents = 0};
    ::poll(&stop, 1, kOutOfDescriptorsMs);
    return;
  }
  ucred peer = {};
  socklen_t size = sizeof(peer);
  const bool known = ::getsockopt(connection.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
  silent_.push_back(
      {.connection = std::move(connection), .user = known ? std::optional<uid_t>(peer.uid) : std::nullopt});
}

void AdminListener::HandOver(Silent silent, grpc::Server* server) {
  char byte;
  if (::recv(silent.connection.get(), &byte, 1, MSG_PEEK) == 0) return;  // it has hung up
  UniqueFd connection = Renumber(std::move(silent.connection));
  {
    MutexLock lock(&mutex_);
    if (silent.user.has_value()) {
      users_[connection.get()] = *silent.user;
    } else {
      users_.erase(connection.get());
    }
  }
  grpc::AddInsecureChannelFromFd(server, connection.Release());
}

UniqueFd AdminListener::Renumber(UniqueFd connection) {
  for (const int from : {next_number_, first_number_}) {
    UniqueFd renumbered(::fcntl(connection.get(), F_DUPFD_CLOEXEC, from));
    if (!renumbered.valid() || renumbered.get() >= end_number_) continue;
    next_number_ = renumbered.get() + 1;
    return renumbered;
  }
  return connection;
}

std::optional<std::string> AdminListener::NameOf(const std::string& peer) const {
  absl::string_view number_text = peer;
  int number = -1;
  if (!absl::ConsumePrefix(&number_text, "fd:") || !absl::SimpleAtoi(number_text, &number)) {
    return std::nullopt;
  }
  uid_t user = 0;
  {
    MutexLock lock(&mutex_);
    const auto found = users_.find(number);
    if (found == users_.end()) return std::nullopt;
    user = found->second;
  }
  return UserName(user);
}

}  // namespace modeld
