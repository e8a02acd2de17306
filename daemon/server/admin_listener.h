// AdminListener: accepts the administrative socket's connections itself, and so knows whose each one is.
//
// gRPC does not tell the credentials of a Unix socket's peer. But it serves a connection that is handed to it
// by its descriptor, and names the peer of its calls "fd:<number>" then. So each connection is asked for its
// SO_PEERCRED when it is accepted: the user that the kernel saw connect, whatever the requests claim.
//
// A number that was closed is free to be another connection's, while a last call of the old one may still
// wait for its handler. So numbers are given out in turn from a range of their own: one comes back only
// after hundreds of other connections.
#pragma once

#include <grpcpp/server.h>

#include <poll.h>
#include <sys/types.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "daemon/rpc/actor.h"
#include "registry/base/mutex.h"
#include "registry/base/unique_fd.h"

namespace modeld {

// Thread-safe, except Serve, Stop and destruction.
class AdminListener final : public PeerNames {
 public:
  // Binds the Unix socket `path`, which nobody but this user may use (mode 0600). The socket of a daemon that
  // was killed is replaced. FAILED_PRECONDITION: somebody listens there, or `path` is something else than a
  // socket; NOT_FOUND: its directory does not exist; INVALID_ARGUMENT: longer than a socket's path may be.
  // REQUIRES: umask 0077.
  static absl::StatusOr<std::unique_ptr<AdminListener>> Bind(const std::string& path);
  // Stops, and removes the socket.
  ~AdminListener() override;

  // From now on accepts connections and hands them to `server`, which outlives Stop. Call once.
  void Serve(grpc::Server* server);
  // Accepts nothing any more; connections that were accepted are the server's. Call before its Shutdown.
  void Stop();

  std::optional<std::string> NameOf(const std::string& peer) const override;

 private:
  AdminListener(std::string path, UniqueFd socket, UniqueFd stop);
  // A connection on which its client has not said anything yet. gRPC does not get it before: it would wait
  // for such a one at its shutdown.
  struct Silent {
    UniqueFd connection;
    std::optional<uid_t> user;
  };

  void Loop(grpc::Server* server);
  // Waits until something can be done; false: it is to stop.
  bool WaitForWork();
  void Accept();
  void HandOver(Silent silent, grpc::Server* server);
  // The same connection under the next number of the range; as it is where there is none.
  UniqueFd Renumber(UniqueFd connection);

  const std::string path_;
  const UniqueFd stop_;  // readable: stop
  UniqueFd socket_;
  std::thread thread_;

  // Of the thread.
  std::vector<Silent> silent_;
  std::vector<pollfd> events_;  // of stop_, socket_, and then of each of silent_
  int first_number_ = 0;        // of the range
  int end_number_ = 0;
  int next_number_ = 0;

  mutable Mutex mutex_;
  std::map<int, uid_t> users_ ABSL_GUARDED_BY(mutex_);  // by number; an entry stays until it is replaced
};

}  // namespace modeld
