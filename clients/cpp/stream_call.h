// PredictionStream::Call: the call of gRPC behind a stream. Internal.
#pragma once

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>

#include "absl/time/clock.h"
#include "clients/cpp/prediction_stream.h"
#include "modeld/v1/model_service.grpc.pb.h"

namespace modeld {

struct PredictionStream::Call {
  Call(std::shared_ptr<v1::ModelService::Stub> models, const StreamOptions& options)
      : stub(std::move(models)),
        max_in_flight(std::max<size_t>(options.max_in_flight, 1)),
        deadline(absl::Now() + options.timeout) {
    if (deadline != absl::InfiniteFuture()) context.set_deadline(absl::ToChronoTime(deadline));
    stream = stub->PredictStream(&context);
  }

  const std::shared_ptr<v1::ModelService::Stub> stub;  // lives as long as the stream, so the client need not
  const size_t max_in_flight;
  const absl::Time deadline;
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReaderWriter<v1::PredictStreamRequest, v1::PredictStreamResponse>> stream;

  bool writes_done = false;  // the writing thread's

  std::mutex mutex;
  std::condition_variable changed;
  // Guarded by `mutex`.
  size_t in_flight = 0;
  bool cancelled = false;
  std::optional<absl::Status> end;  // set once, by the reading thread
};

}  // namespace modeld
