#include "daemon/rpc/predict_stream.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "daemon/rpc/deadline.h"
#include "daemon/rpc/status_convert.h"
#include "daemon/scheduling/retry_after.h"

namespace modeld {

class PredictStream::Job final : public PredictJob {
 public:
  explicit Job(PredictStream* stream) : stream_(stream) {}

  v1::PredictStreamRequest* request() { return &request_; }
  const v1::PredictStreamResponse* response() const { return &response_; }
  bool answered() const { return answered_; }
  void set_answered() { answered_ = true; }

  // Memory that it holds.
  size_t bytes() const { return bytes_; }
  void set_bytes(size_t bytes) { bytes_ = bytes; }
  size_t SpaceUsed() const { return request_.SpaceUsedLong() + response_.SpaceUsedLong(); }

  void Start() {
    if (request_.timeout_ms() < 0) {
      return Done(absl::InvalidArgumentError(
          absl::StrCat("timeout_ms is ", request_.timeout_ms(), "; expected at least 0")));
    }
    absl::Time deadline = DeadlineOf(stream_->context_->raw_deadline());
    if (request_.timeout_ms() > 0) {
      deadline = std::min(deadline, absl::Now() + absl::Milliseconds(request_.timeout_ms()));
    }
    PredictJob::Start(stream_->shared_, request_.mutable_request(), response_.mutable_response(), deadline);
  }
  bool Cancelled() const override { return stream_->context_->IsCancelled(); }

 private:
  void Done(const absl::Status& status) override {
    if (!status.ok()) {
      const grpc::Status wire = ToGrpcStatus(status);
      v1::PredictFailure* const failure = response_.mutable_failure();
      failure->set_code(static_cast<int32_t>(wire.error_code()));
      failure->set_message(wire.error_message());
      if (const std::optional<absl::Duration> after = RetryAfter(status)) {
        failure->set_retry_after_ms(std::max<int64_t>(1, absl::ToInt64Milliseconds(*after)));
      }
    }
    request_.Clear();
    stream_->OnAnswered(*this);
  }

  PredictStream* const stream_;
  v1::PredictStreamRequest request_;
  v1::PredictStreamResponse response_;
  // Guarded by the stream's mutex:
  bool answered_ = false;
  size_t bytes_ = 0;
};

void PredictStreams::Stop() {
  std::vector<std::shared_ptr<PredictStream>> open;
  {
    MutexLock lock(&mutex_);
    stopped_ = true;
    for (const auto& [stream, weak] : streams_) {
      if (std::shared_ptr<PredictStream> shared = weak.lock()) open.push_back(std::move(shared));
    }
  }
  // Not under the lock: a stream that ends comes back to Remove, perhaps on this thread.
  for (const std::shared_ptr<PredictStream>& stream : open) stream->Stop();
}

bool PredictStreams::Add(const std::shared_ptr<PredictStream>& stream) {
  MutexLock lock(&mutex_);
  streams_.emplace(stream.get(), stream);
  return stopped_;
}

void PredictStreams::Remove(PredictStream* stream) {
  MutexLock lock(&mutex_);
  streams_.erase(stream);
}

template <typename Change>
void PredictStream::GoOn(const Change& change) {
  Steps steps;
  {
    MutexLock lock(&mutex_);
    change();
    steps = NextSteps();
  }
  Take(steps);
}

PredictStream* PredictStream::Begin(const PredictJob::Shared& shared, PredictStreams& all,
                                    grpc::CallbackServerContext* context) {
  const std::shared_ptr<PredictStream> stream(new PredictStream(shared, all, context));
  stream->self_ = stream;
  const bool stopped = all.Add(stream);
  stream->GoOn([&] {
    stream->mutex_.AssertHeld();
    stream->stopped_ |= stopped;
  });
  return stream.get();
}

PredictStream::PredictStream(const PredictJob::Shared& shared, PredictStreams& all,
                             grpc::CallbackServerContext* context)
    : shared_(shared), all_(all), context_(context) {}

PredictStream::~PredictStream() { all_.Remove(this); }

void PredictStream::OnDone() {
  const std::shared_ptr<PredictStream> last = std::move(self_);  // but for who stops it just now
}

void PredictStream::Stop() {
  GoOn([this] {
    mutex_.AssertHeld();
    stopped_ = true;
  });
}

void PredictStream::OnReadDone(bool ok) {
  Job* read = nullptr;
  {
    MutexLock lock(&mutex_);
    if (ok && !finished_) {
      read = reading_.get();
      read->set_bytes(read->SpaceUsed());
      jobs_.push_back(std::move(reading_));
      starting_ = true;
    } else {
      read_all_ = true;
    }
    reading_.reset();
  }
  // Before the next one is read, so that they are queued in their order.
  if (read != nullptr) read->Start();
  GoOn([this] {
    mutex_.AssertHeld();
    starting_ = false;
  });
}

void PredictStream::OnWriteDone(bool ok) {
  GoOn([&] {
    mutex_.AssertHeld();
    writing_ = false;
    if (!ok) broken_ = true;
    jobs_.pop_front();
  });
}

void PredictStream::OnAnswered(Job& job) {
  GoOn([&] {
    job.set_answered();
    job.set_bytes(job.SpaceUsed());
  });
}

bool PredictStream::HasRoom() const {
  size_t bytes = 0;
  for (const std::unique_ptr<Job>& job : jobs_) bytes += job->bytes();
  return jobs_.size() < kMaxStreamJobs && bytes <= static_cast<size_t>(shared_.max_message_bytes);
}

PredictStream::Steps PredictStream::NextSteps() {
  Steps steps;
  while (broken_ && !writing_ && !jobs_.empty() && jobs_.front()->answered()) jobs_.pop_front();
  if (!writing_ && !jobs_.empty() && jobs_.front()->answered()) {
    writing_ = true;
    steps.write = jobs_.front().get();
  }
  if (starting_) return steps;
  const bool reads = !read_all_ && !stopped_ && !broken_ && !finished_;
  if (reads && reading_ == nullptr && HasRoom()) {
    reading_ = std::make_unique<Job>(this);
    steps.read = reading_.get();
  }
  if (!reads && jobs_.empty() && !finished_) {
    finished_ = true;
    steps.finish = true;
    steps.status =
        read_all_ ? grpc::Status::OK : grpc::Status(grpc::UNAVAILABLE, "the daemon is shutting down");
  }
  return steps;
}

void PredictStream::Take(const Steps& steps) {
  // Each of the first two may end in a callback that changes what is to be done next; the last one ends all.
  if (steps.read != nullptr) StartRead(steps.read->request());
  if (steps.write != nullptr) StartWrite(steps.write->response());
  if (steps.finish) Finish(steps.status);
}

}  // namespace modeld
