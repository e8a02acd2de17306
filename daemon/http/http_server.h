// HttpServer: the HTTP listener: its connections and their threads.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/http/handlers.h"
#include "daemon/http/pace.h"

namespace modeld {

struct HttpServerOptions {
  std::string host;  // without brackets
  std::string port;
  int64_t max_message_bytes = 64ll << 20;  // of a request's body
  int max_connections = 1024;              // each has a thread; more wait until one closes
  absl::Duration idle_timeout = absl::Minutes(5);
  absl::Duration io_timeout = absl::Seconds(10);  // without a byte, in the middle of a request or an answer
  Pace pace = {};  // of a request that comes in, and of an answer that is taken
  // Of all bodies together, from when they are read until the answer is sent: what is beyond is refused.
  int64_t max_bodies_bytes = 1ll << 30;
  int max_waiting = 128;  // connections without a thread; others stay in the kernel's backlog
};

// Thread-safe, except destruction.
class HttpServer {
 public:
  // UNAVAILABLE, naming the address, where it cannot be listened on. `parts` outlive it.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const HttpServerOptions& options, HttpParts parts);
  // Stops at once, if Stop was not called.
  ~HttpServer();

  int port() const;

  // Takes no connections any more, and closes idle ones. Returns at once; Stop waits.
  void BeginStop();
  // BeginStop, if it was not called; lets requests in flight finish until `deadline`, then
  // cancels them. Returns when every request is answered.
  void Stop(absl::Time deadline);
  // Cancels the requests in flight, also while another thread is in Stop.
  void Cancel();

 private:
  class Connections;
  explicit HttpServer(std::unique_ptr<Connections> connections);

  const std::unique_ptr<Connections> connections_;
};

}  // namespace modeld
