#include "daemon/rpc/event_watches.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/rpc/status_convert.h"
#include "daemon/rpc/view_codec.h"
#include "registry/base/log.h"

namespace modeld {
namespace {

constexpr size_t kBatch = 100;  // events

}  // namespace

// One call. gRPC allows one operation of each kind at a time, and may call back while one is begun: so
// whoever makes it busy, under the lock, begins the next operation, after the lock.
class EventWatches::Call final : public grpc::ServerWriteReactor<v1::WatchEventsResponse> {
 public:
  Call(EventWatches* all, std::string model, int64_t after_id)
      : all_(all), model_(std::move(model)), after_id_(after_id) {}

  void Begin() { StartSendInitialMetadata(); }

  EventQuery NextQuery() const {
    return {.model = model_,
            .before_id = 0,
            .after_id = after_id_,
            .oldest_first = true,
            .limit = static_cast<int>(kBatch)};
  }
  bool Wants(int64_t last_event_id) const { return !busy_ && after_id_ < last_event_id; }

  // Takes events that the registry holds; true: Send is to be called, under no lock.
  bool Take(std::vector<EventRecord> events, int64_t up_to_id) {
    const bool all = events.size() < kBatch;
    if (!events.empty()) after_id_ = events.back().id;
    // What else lies up to there is of other models.
    if (all) after_id_ = std::max(after_id_, up_to_id);
    std::move(events.begin(), events.end(), std::back_inserter(batch_));
    busy_ = !batch_.empty();
    return busy_;
  }
  // The call ends with `error`; Send is to be called, under no lock.
  void TakeError(const absl::Status& error) {
    error_ = ToGrpcStatus(error);
    ended_ = busy_ = true;
  }

  // Begins the next operation. REQUIRES: made busy by the caller.
  void Send() {
    bool ended = false;
    {
      MutexLock lock(&all_->mutex_);
      ended = ended_;
      if (ended) {
        all_->watches_.erase(id);  // from here on nobody else touches it
      } else if (batch_.empty()) {
        busy_ = false;
        all_->changed_.Signal();
        return;
      } else {
        message_.Clear();
        ToWire(batch_.front(), message_.mutable_event());
        batch_.pop_front();
      }
    }
    if (ended) {
      Finish(error_);
    } else {
      StartWrite(&message_);
    }
  }

  void OnSendInitialMetadataDone(bool ok) override { Continue(ok); }
  void OnWriteDone(bool ok) override { Continue(ok); }
  void OnCancel() override {
    {
      MutexLock lock(&all_->mutex_);
      ended_ = true;
      if (busy_) return;  // whoever made it that ends it
      busy_ = true;
    }
    Send();
  }
  void OnDone() override { delete this; }

  uint64_t id = 0;  // in watches_

 private:
  void Continue(bool ok) {
    if (!ok) {
      MutexLock lock(&all_->mutex_);
      ended_ = true;
    }
    Send();
  }

  EventWatches* const all_;
  const std::string model_;

  // Under all_->mutex_.
  int64_t after_id_;
  bool busy_ = true;  // an operation runs: at first, that of the initial metadata
  bool ended_ = false;
  std::deque<EventRecord> batch_;
  grpc::Status error_ = grpc::Status::CANCELLED;

  v1::WatchEventsResponse message_;  // of the write that runs
};

EventWatches::EventWatches(Registry* registry) : registry_(registry) {
  const absl::StatusOr<int64_t> last = registry_->ListenToEvents([this](int64_t last_id) {
    MutexLock lock(&mutex_);
    last_event_id_ = std::max(last_event_id_, last_id);
    changed_.Signal();
  });
  if (last.ok()) {
    MutexLock lock(&mutex_);
    last_event_id_ = std::max(last_event_id_, *last);
  } else {
    LogError("events cannot be watched before the next one", {{"error", last.status()}});
  }
  thread_ = std::thread([this] { Loop(); });
}

EventWatches::~EventWatches() {
  registry_->ListenToEvents(nullptr).status().IgnoreError();
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.Signal();
  }
  thread_.join();
}

grpc::ServerWriteReactor<v1::WatchEventsResponse>* EventWatches::Watch(
    const v1::WatchEventsRequest& request) {
  // Refuses the call.
  class Refusal final : public grpc::ServerWriteReactor<v1::WatchEventsResponse> {
   public:
    explicit Refusal(const std::string& message) {
      Finish(ToGrpcStatus(absl::InvalidArgumentError(message)));
    }
    void OnDone() override { delete this; }
  };

  Call* watch = nullptr;
  int64_t last = 0;
  {
    MutexLock lock(&mutex_);
    last = last_event_id_;
    if (request.after_id() >= 0 && request.after_id() <= last) {
      watch = new Call(this, request.model(), request.after_id() > 0 ? request.after_id() : last);
      watch->id = next_watch_++;
      watches_[watch->id] = watch;
    }
  }
  if (watch == nullptr) {
    return new Refusal(absl::StrCat("after_id is ", request.after_id(),
                                    "; expected the id of an event, at most ", last,
                                    ", or 0 for the coming ones"));
  }
  watch->Begin();
  return watch;
}

void EventWatches::Loop() {
  while (const std::optional<Errand> errand = NextErrand()) {
    Deliver(*errand, registry_->ListEvents(errand->query));
  }
}

std::optional<EventWatches::Errand> EventWatches::NextErrand() {
  MutexLock lock(&mutex_);
  while (!stopping_) {
    for (const auto& [id, watch] : watches_) {
      if (!watch->Wants(last_event_id_)) continue;
      return Errand{.watch = id, .query = watch->NextQuery(), .up_to_id = last_event_id_};
    }
    changed_.Wait(&mutex_);
  }
  return std::nullopt;
}

void EventWatches::Deliver(const Errand& errand, absl::StatusOr<std::vector<EventRecord>> events) {
  Call* watch = nullptr;
  {
    MutexLock lock(&mutex_);
    const auto found = watches_.find(errand.watch);
    // It is gone, or on its way.
    if (found == watches_.end() || !found->second->Wants(errand.up_to_id)) return;
    watch = found->second;
    if (!events.ok()) {
      watch->TakeError(events.status());
    } else if (!watch->Take(*std::move(events), errand.up_to_id)) {
      return;
    }
  }
  watch->Send();
}

}  // namespace modeld
