#include "daemon/http/socket_stream.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace modeld {
namespace {

constexpr size_t kFlushBytes = 64 << 10;

ssize_t Receive(int socket, char* data, size_t size) {
  while (true) {
    const ssize_t received = ::recv(socket, data, size, 0);
    if (received >= 0 || errno != EINTR) return received;
  }
}

}  // namespace

ssize_t SocketStream::read(char* data, size_t size) {
  if (begin_ == end_) {
    // An answer to `Expect: 100-continue` has to go out before what it asks for can come.
    if (!output_.empty() && !Flush()) return -1;
    if (size >= input_.size()) return Receive(socket_, data, size);
    const ssize_t received = Receive(socket_, input_.data(), input_.size());
    if (received <= 0) return received;
    begin_ = 0;
    end_ = static_cast<size_t>(received);
  }
  const size_t taken = std::min(size, end_ - begin_);
  std::memcpy(data, input_.data() + begin_, taken);
  begin_ += taken;
  return static_cast<ssize_t>(taken);
}

ssize_t SocketStream::write(const char* data, size_t size) {
  if (failed_) return -1;
  if (output_.size() + size > kFlushBytes) {
    if (!Flush() || !Send(data, size)) return -1;
  } else {
    output_.append(data, size);
  }
  return static_cast<ssize_t>(size);
}

bool SocketStream::Flush() {
  const bool sent = !failed_ && Send(output_.data(), output_.size());
  output_.clear();
  return sent;
}

bool SocketStream::Send(const char* data, size_t size) {
  while (size > 0) {
    const ssize_t sent = ::send(socket_, data, size, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) {
      failed_ = true;
      return false;
    }
    data += sent;
    size -= static_cast<size_t>(sent);
  }
  return true;
}

}  // namespace modeld
