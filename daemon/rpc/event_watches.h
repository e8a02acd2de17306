// EventWatches: brings the registry's events to the calls of WatchEvents, as they are committed.
//
// Every event reaches a watch exactly once and in the order of the ids, whoever wrote it: what is sent is
// read from the registry, from the last id that was sent on. An idle watch holds no thread. A slow one holds
// up nobody: the next batch is read when it has taken the one before.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "modeld/v1/admin_service.pb.h"
#include "registry/base/mutex.h"
#include "registry/registry.h"

namespace modeld {

// Thread-safe.
class EventWatches {
 public:
  // `registry` outlives it; it is the registry's one event listener.
  explicit EventWatches(Registry* registry);
  // REQUIRES: no call is open; the server is shut down.
  ~EventWatches();
  EventWatches(const EventWatches&) = delete;
  EventWatches& operator=(const EventWatches&) = delete;

  // The reactor of a call that asks for `request`; it ends when the caller goes or the call is cancelled. The
  // initial metadata are sent at once: who has them misses no event that is committed from then on.
  // INVALID_ARGUMENT where `after_id` is negative or lies ahead of the last event.
  grpc::ServerWriteReactor<v1::WatchEventsResponse>* Watch(const v1::WatchEventsRequest& request);

 private:
  class Call;

  // What the thread reads for one watch.
  struct Errand {
    uint64_t watch = 0;
    EventQuery query;
    int64_t up_to_id = 0;  // the registry held nothing beyond when it was read
  };

  void Loop();
  // Waits for a watch that has something to get; none: stopping.
  std::optional<Errand> NextErrand();
  void Deliver(const Errand& errand, absl::StatusOr<std::vector<EventRecord>> events);

  Registry* const registry_;

  Mutex mutex_;
  CondVar changed_;
  std::map<uint64_t, Call*> watches_ ABSL_GUARDED_BY(mutex_);  // gRPC owns them
  uint64_t next_watch_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t last_event_id_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: it uses everything above
};

}  // namespace modeld
