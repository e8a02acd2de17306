// ViewThread: answers calls that look something up, or change something, one after another on a thread of its
// own: none of gRPC's threads, which are few, waits for locks or for disks.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <functional>

#include "absl/status/status.h"
#include "registry/base/serial_thread.h"

namespace modeld {

// Thread-safe. Destruction answers what waits.
class ViewThread {
 public:
  // Calls that wait, or are being answered, at the same time.
  static constexpr int kMostCalls = 1000;

  // Has `fill` run, which fills the call's response, and finishes the reactor that is returned. A call whose
  // client has gone is not answered. RESOURCE_EXHAUSTED where too many wait already, or memory ran out.
  grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context, std::function<absl::Status()> fill);

 private:
  std::atomic<int> calls_ = 0;
  SerialThread thread_;  // last: it uses the above
};

}  // namespace modeld
