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

void SocketStream::BeginRequest(size_t most_bytes) {
  reading_since_ = absl::Now();
  taken_ = 0;
  allowed_ = most_bytes;
}

bool SocketStream::IsTooSlow(absl::Time since, int64_t bytes) const {
  const absl::Duration most =
      pace_.grace + absl::Seconds(static_cast<double>(bytes) / static_cast<double>(pace_.bytes_per_s));
  return absl::Now() - since > most;
}

ssize_t SocketStream::read(char* data, size_t size) {
  if (allowed_ == 0 || IsTooSlow(reading_since_, taken_)) return -1;
  const ssize_t taken = Take(data, std::min(size, allowed_));
  if (taken > 0) {
    allowed_ -= static_cast<size_t>(taken);
    taken_ += taken;
  }
  return taken;
}

ssize_t SocketStream::Take(char* data, size_t size) {
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
  const absl::Time since = absl::Now();
  int64_t taken = 0;
  while (size > 0) {
    const ssize_t sent = ::send(socket_, data, size, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent > 0) taken += sent;
    if (sent <= 0 || IsTooSlow(since, taken)) {
      failed_ = true;
      return false;
    }
    data += sent;
    size -= static_cast<size_t>(sent);
  }
  return true;
}

}  // namespace modeld
