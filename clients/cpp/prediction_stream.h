// PredictionStream: Predict for many requests on one call. They run as they come and are answered in their
// order; one that fails is answered by its error, and the stream goes on.
//
//   std::unique_ptr<modeld::PredictionStream> stream = client->Stream();
//   std::thread writer([&] {
//     for (modeld::Inputs& inputs : frames) {
//       if (!stream->Write("digits", std::move(inputs)).ok()) break;
//     }
//     stream->WritesDone();
//   });
//   while (std::optional<absl::StatusOr<modeld::Prediction>> answer = stream->Read()) Use(*answer);
//   writer.join();
//   absl::Status ended = stream->Finish();  // OK: all were answered
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "clients/cpp/prediction.h"

namespace modeld {

struct StreamOptions {
  // Requests written and not yet read the answers of; at least 1. The daemon works on 64 at once.
  size_t max_in_flight = 64;
  // Of the whole stream. PredictOptions::timeout is for each request.
  absl::Duration timeout = absl::InfiniteDuration();
};

// One thread writes while another reads; or one does both, and keeps `in_flight` below the maximum. Cancel
// and in_flight: any thread. Nothing is tried again: what was not answered when a stream failed may have run
// or not. The destructor cancels what is under way; no other method may be running then.
class PredictionStream {
 public:
  ~PredictionStream();

  // Waits while `max_in_flight` requests are unanswered, which only Read changes. INVALID_ARGUMENT: both a
  // version and a label; nothing is sent. FAILED_PRECONDITION: after WritesDone. Any other error: the stream
  // has ended, of which Finish says why.
  absl::Status Write(const std::string& model, Inputs inputs, const PredictOptions& options = {});
  // No more requests will come. Called by the writing thread; a second time does nothing.
  void WritesDone();

  // The answer to the next request, once it is there: a prediction, or the error of this request with the
  // code that Predict would have returned, and RetryAfterOf. None: the stream has ended.
  std::optional<absl::StatusOr<Prediction>> Read();
  // Why the stream ended. Called by the reading thread when nothing is being written; reads and drops the
  // answers that were not read. Ends the writing, if WritesDone did not.
  absl::Status Finish();

  // Ends the stream with CANCELLED.
  void Cancel();
  // Requests written whose answers were not read.
  size_t in_flight() const;

 private:
  friend class Client;
  struct Call;
  explicit PredictionStream(std::unique_ptr<Call> call);
  std::unique_ptr<Call> call_;
};

}  // namespace modeld
