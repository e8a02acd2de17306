// SocketStream: a connection's bytes for cpp-httplib, read and written in few system calls, and within
// limits.
#pragma once

#include <httplib.h>

#include <array>
#include <cstdint>
#include <string>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "daemon/http/pace.h"

namespace modeld {

// Not thread-safe. What is written is sent by Flush, or when it is much. The socket is the caller's, blocks,
// and has timeouts.
class SocketStream final : public httplib::Stream {
 public:
  SocketStream(int socket, const Pace& pace) : socket_(socket), pace_(pace) {}

  // A request begins: the pace counts from here. cpp-httplib itself has no limit for a line that does not
  // end, or for many short ones: no more than `most_bytes` are read until Allow.
  void BeginRequest(size_t most_bytes);
  // Of the bytes that come now, no more than these are read until it is said again.
  void Allow(size_t most_bytes) { allowed_ = most_bytes; }

  bool is_readable() const override { return true; }
  bool is_writable() const override { return !failed_; }
  // -1 also where it is too slow, or more than is allowed.
  ssize_t read(char* data, size_t size) override;
  ssize_t write(const char* data, size_t size) override;
  void get_remote_ip_and_port(std::string& /*ip*/, int& /*port*/) const override {}
  void get_local_ip_and_port(std::string& /*ip*/, int& /*port*/) const override {}
  socket_t socket() const override { return socket_; }

  // Something was read that nobody has taken.
  bool has_input() const { return begin_ < end_; }
  // False: the peer is gone, or does not take it.
  bool Flush();

 private:
  ssize_t Take(char* data, size_t size);
  bool Send(const char* data, size_t size);
  bool IsTooSlow(absl::Time since, int64_t bytes) const;

  const int socket_;
  const Pace pace_;
  std::array<char, 16 << 10> input_;
  size_t begin_ = 0, end_ = 0;
  absl::Time reading_since_ = absl::Now();
  int64_t taken_ = 0;  // of the request
  size_t allowed_ = 0;
  std::string output_;
  bool failed_ = false;
};

}  // namespace modeld
