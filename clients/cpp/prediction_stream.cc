#include "clients/cpp/prediction_stream.h"

#include <utility>

#include "clients/cpp/predict_messages.h"
#include "clients/cpp/stream_call.h"

namespace modeld {

PredictionStream::PredictionStream(std::unique_ptr<Call> call) : call_(std::move(call)) {}

PredictionStream::~PredictionStream() {
  Cancel();
  (void)Finish();
}

absl::Status PredictionStream::Write(const std::string& model, Inputs inputs, const PredictOptions& options) {
  if (call_->writes_done) return absl::FailedPreconditionError("Write after WritesDone");
  absl::StatusOr<v1::PredictRequest> request = PredictRequestOf(model, std::move(inputs), options);
  if (!request.ok()) return request.status();
  v1::PredictStreamRequest streamed;
  *streamed.mutable_request() = *std::move(request);
  if (options.timeout > absl::ZeroDuration() && options.timeout != absl::InfiniteDuration()) {
    // Rounded up: 0 on the wire is no limit.
    streamed.set_timeout_ms(absl::ToInt64Milliseconds(absl::Ceil(options.timeout, absl::Milliseconds(1))));
  }
  {
    std::unique_lock<std::mutex> lock(call_->mutex);
    const auto proceed = [this] {
      return call_->end.has_value() || call_->cancelled || call_->in_flight < call_->max_in_flight;
    };
    if (call_->deadline == absl::InfiniteFuture()) {
      call_->changed.wait(lock, proceed);
    } else if (!call_->changed.wait_until(lock, absl::ToChronoTime(call_->deadline), proceed)) {
      return absl::DeadlineExceededError("the stream's timeout passed while no answer was read");
    }
    if (call_->end.has_value()) {
      return call_->end->ok() ? absl::AbortedError("the daemon has ended the stream") : *call_->end;
    }
    if (call_->cancelled) return absl::CancelledError("the stream was cancelled");
    ++call_->in_flight;  // before it is sent: its answer may be read at once
  }
  if (call_->stream->Write(streamed)) return absl::OkStatus();
  return absl::AbortedError("the stream has ended; Finish says why");
}

void PredictionStream::WritesDone() {
  if (std::exchange(call_->writes_done, true)) return;
  call_->stream->WritesDone();
}

std::optional<absl::StatusOr<Prediction>> PredictionStream::Read() {
  {
    const std::lock_guard<std::mutex> lock(call_->mutex);
    if (call_->end.has_value()) return std::nullopt;
  }
  v1::PredictStreamResponse response;
  if (call_->stream->Read(&response)) {
    {
      const std::lock_guard<std::mutex> lock(call_->mutex);
      if (call_->in_flight > 0) --call_->in_flight;
    }
    call_->changed.notify_one();
    return StreamedAnswerOf(std::move(response));
  }
  const grpc::Status status = call_->stream->Finish();
  {
    const std::lock_guard<std::mutex> lock(call_->mutex);
    call_->end = StatusOfCall(status, call_->context);
  }
  call_->changed.notify_one();
  return std::nullopt;
}

absl::Status PredictionStream::Finish() {
  WritesDone();
  while (Read().has_value()) {
  }
  const std::lock_guard<std::mutex> lock(call_->mutex);
  return *call_->end;
}

void PredictionStream::Cancel() {
  call_->context.TryCancel();
  {
    const std::lock_guard<std::mutex> lock(call_->mutex);
    call_->cancelled = true;
  }
  call_->changed.notify_one();
}

size_t PredictionStream::in_flight() const {
  const std::lock_guard<std::mutex> lock(call_->mutex);
  return call_->in_flight;
}

}  // namespace modeld
