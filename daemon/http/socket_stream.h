// SocketStream: a connection's bytes for cpp-httplib, read and written in few system calls.
#pragma once

#include <httplib.h>

#include <array>
#include <string>

namespace modeld {

// Not thread-safe. What is written is sent by Flush, or when it is much. The socket is the caller's, blocks,
// and has timeouts.
class SocketStream final : public httplib::Stream {
 public:
  explicit SocketStream(int socket) : socket_(socket) {}

  bool is_readable() const override { return true; }
  bool is_writable() const override { return !failed_; }
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
  bool Send(const char* data, size_t size);

  const int socket_;
  std::array<char, 16 << 10> input_;
  size_t begin_ = 0, end_ = 0;
  std::string output_;
  bool failed_ = false;
};

}  // namespace modeld
