// RequestStream: one call that takes a stream of requests. They run as they come, as many at the same time as
// the version has instances for; answers go back in the order of the requests.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "daemon/predict/predict_job.h"
#include "daemon/rpc/request_streams.h"
#include "daemon/rpc/request_trace.h"
#include "registry/base/mutex.h"

namespace modeld {

// Requests of one stream that are read and not answered yet. Beyond them, or where they and their answers
// take more memory than one message may, the client is held back by HTTP/2's flow control.
inline constexpr size_t kMaxStreamJobs = 64;

// Holds itself until the call is over. A failed request is an answer as any other; the stream goes on.
//
// Job is one request with its answer:
//   using Request, Response                        the stream's messages
//   Job(context, answered)                         calls `answered` once after Start, when the answer is
//   there Request* request(), const Response* response() size_t SpaceUsed() memory that both take void
//   Start(const PredictJob::Shared& shared)
template <typename Job>
class RequestStream final : public grpc::ServerBidiReactor<typename Job::Request, typename Job::Response>,
                            public StoppableStream {
 public:
  // Begins to read. All outlive the call.
  static RequestStream* Begin(const PredictJob::Shared& shared, RequestStreams& all,
                              grpc::CallbackServerContext* context) {
    const std::shared_ptr<RequestStream> stream(new RequestStream(shared, all, context));
    stream->self_ = stream;
    const bool stopped = all.Add(stream);
    stream->GoOn([&] {
      stream->mutex_.AssertHeld();
      stream->stopped_ |= stopped;
    });
    return stream.get();
  }
  ~RequestStream() override { all_.Remove(this); }

  void Stop() override {
    GoOn([this] {
      mutex_.AssertHeld();
      stopped_ = true;
    });
  }

  void OnReadDone(bool ok) override {
    Job* read = nullptr;
    {
      MutexLock lock(&mutex_);
      if (ok && !finished_) {
        read = &reading_->job;
        reading_->bytes = read->SpaceUsed();
        entries_.push_back(std::move(reading_));
        starting_ = true;
      } else {
        read_all_ = true;
      }
      reading_.reset();
    }
    // Before the next one is read, so that they are queued in their order.
    if (read != nullptr) read->Start(shared_);
    GoOn([this] {
      mutex_.AssertHeld();
      starting_ = false;
    });
  }
  void OnWriteDone(bool ok) override {
    GoOn([&] {
      mutex_.AssertHeld();
      writing_ = false;
      if (!ok) broken_ = true;
      entries_.pop_front();
    });
  }
  void OnDone() override {
    const std::shared_ptr<RequestStream> last = std::move(self_);  // but for who stops it just now
  }

 private:
  struct Entry {
    Entry(RequestStream* stream, grpc::CallbackServerContext* context)
        : job(context, [stream, this] { stream->OnAnswered(*this); }) {}
    Job job;
    // Guarded by the stream's mutex:
    bool answered = false;
    size_t bytes = 0;  // memory that it holds
  };
  // What is to be done outside of the lock: gRPC may answer at once, on the same thread.
  struct Steps {
    Entry* read = nullptr;
    Entry* write = nullptr;
    bool finish = false;
    grpc::Status status;  // to finish with
  };

  RequestStream(const PredictJob::Shared& shared, RequestStreams& all, grpc::CallbackServerContext* context)
      : shared_(shared), all_(all), context_(context) {}

  void OnAnswered(Entry& entry) {
    GoOn([&] {
      entry.answered = true;
      entry.bytes = entry.job.SpaceUsed();
    });
  }

  // For another request, beside those that are not answered yet.
  bool HasRoom() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    size_t bytes = 0;
    for (const std::unique_ptr<Entry>& entry : entries_) bytes += entry->bytes;
    return entries_.size() < kMaxStreamJobs && bytes <= static_cast<size_t>(shared_.max_message_bytes);
  }

  // What comes next, now that something has changed.
  Steps NextSteps() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    Steps steps;
    while (broken_ && !writing_ && !entries_.empty() && entries_.front()->answered) entries_.pop_front();
    if (!writing_ && !entries_.empty() && entries_.front()->answered) {
      writing_ = true;
      steps.write = entries_.front().get();
    }
    if (starting_) return steps;
    const bool reads = !read_all_ && !stopped_ && !broken_ && !finished_;
    if (reads && reading_ == nullptr && HasRoom()) {
      reading_ = std::make_unique<Entry>(this, context_);
      ++reads_to_start_;
      steps.read = reading_.get();
    }
    if (!reads && entries_.empty() && !finished_ && reads_to_start_ == 0) {
      finished_ = true;
      EchoTrace(TraceOf(*context_), context_);
      steps.finish = true;
      steps.status =
          read_all_ ? grpc::Status::OK : grpc::Status(grpc::UNAVAILABLE, "the daemon is shutting down");
    }
    return steps;
  }

  // Changes something under the lock, and takes the next steps. The stream may be gone when it returns.
  template <typename Change>
  void GoOn(const Change& change) ABSL_LOCKS_EXCLUDED(mutex_) {
    Steps steps;
    {
      MutexLock lock(&mutex_);
      change();
      steps = NextSteps();
    }
    // Reads and writes may end in callbacks that change what is to be done next. After a write, or after
    // Finish, the stream may be gone; but for a read that is about to be started it stays.
    while (true) {
      if (steps.write != nullptr) this->StartWrite(steps.write->job.response());
      if (steps.read == nullptr) break;
      this->StartRead(steps.read->job.request());
      MutexLock lock(&mutex_);
      --reads_to_start_;
      steps = NextSteps();
    }
    if (steps.finish) this->Finish(steps.status);
  }

  const PredictJob::Shared& shared_;
  RequestStreams& all_;
  grpc::CallbackServerContext* const context_;
  std::shared_ptr<RequestStream> self_;  // until OnDone

  Mutex mutex_;
  std::unique_ptr<Entry> reading_ ABSL_GUARDED_BY(mutex_);              // null: no read is under way
  std::deque<std::unique_ptr<Entry>> entries_ ABSL_GUARDED_BY(mutex_);  // read and not answered, oldest first
  // Threads that are about to start a read that was decided on; until they have done so the stream stays.
  int reads_to_start_ ABSL_GUARDED_BY(mutex_) = 0;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;   // the answer of the first of them
  bool starting_ ABSL_GUARDED_BY(mutex_) = false;  // what was read last is, and nothing else is read
  bool read_all_ ABSL_GUARDED_BY(mutex_) = false;  // the client sends no more
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  bool broken_ ABSL_GUARDED_BY(mutex_) = false;  // nothing can be written any more
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace modeld
