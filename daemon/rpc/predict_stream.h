// PredictStream: one call of PredictStream. Requests run as they come, as many at the same time as the
// version has instances for; answers go back in the order of the requests.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <cstddef>
#include <deque>
#include <map>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "daemon/rpc/predict_job.h"
#include "registry/base/mutex.h"

namespace modeld {

// Requests of one stream that are read and not answered yet. Beyond them, or where they and their answers
// take more memory than one message may, the client is held back by HTTP/2's flow control.
inline constexpr size_t kMaxStreamJobs = 64;

class PredictStream;

// The streams that are open. Thread-safe; outlives them.
class PredictStreams {
 public:
  PredictStreams() = default;
  PredictStreams(const PredictStreams&) = delete;
  PredictStreams& operator=(const PredictStreams&) = delete;

  // From now on streams read no more, and each ends with UNAVAILABLE when what it has read is answered; so
  // does each that begins.
  void Stop();

 private:
  friend class PredictStream;
  // True: Stop was called.
  bool Add(const std::shared_ptr<PredictStream>& stream);
  void Remove(PredictStream* stream);

  Mutex mutex_;
  std::map<PredictStream*, std::weak_ptr<PredictStream>> streams_ ABSL_GUARDED_BY(mutex_);
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

// Holds itself until the call is over. A failed request is an answer as any other; the stream goes on.
class PredictStream final
    : public grpc::ServerBidiReactor<v1::PredictStreamRequest, v1::PredictStreamResponse> {
 public:
  // Begins to read. All outlive the call.
  static PredictStream* Begin(const PredictJob::Shared& shared, PredictStreams& all,
                              grpc::CallbackServerContext* context);
  ~PredictStream() override;
  // Reads no more, and ends when what it has read is answered.
  void Stop();

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone() override;

 private:
  class Job;
  // What is to be done outside of the lock: gRPC may answer at once, on the same thread.
  struct Steps {
    Job* read = nullptr;
    Job* write = nullptr;
    bool finish = false;
    grpc::Status status;  // to finish with
  };

  PredictStream(const PredictJob::Shared& shared, PredictStreams& all, grpc::CallbackServerContext* context);

  void OnAnswered(Job& job);
  // For another request, beside those that are not answered yet.
  bool HasRoom() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // What comes next, now that something has changed.
  Steps NextSteps() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Changes something under the lock, and takes the next steps. The stream may be gone when it returns.
  template <typename Change>
  void GoOn(const Change& change) ABSL_LOCKS_EXCLUDED(mutex_);
  void Take(const Steps& steps);

  const PredictJob::Shared& shared_;
  PredictStreams& all_;
  grpc::CallbackServerContext* const context_;
  std::shared_ptr<PredictStream> self_;  // until OnDone

  Mutex mutex_;
  std::unique_ptr<Job> reading_ ABSL_GUARDED_BY(mutex_);           // null: no read is under way
  std::deque<std::unique_ptr<Job>> jobs_ ABSL_GUARDED_BY(mutex_);  // read and not answered, oldest first
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;                   // the answer of the first of them
  bool starting_ ABSL_GUARDED_BY(mutex_) = false;  // what was read last is, and nothing else is read
  bool read_all_ ABSL_GUARDED_BY(mutex_) = false;  // the client sends no more
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  bool broken_ ABSL_GUARDED_BY(mutex_) = false;  // nothing can be written any more
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace modeld
