// modeld::Client: calls a modeld daemon.
//
//   auto client = modeld::Client::Connect("127.0.0.1:8500");
//   modeld::Inputs inputs;
//   inputs["x"] = modeld::MakeTensor<float>({1, 4}, {1, 2, 3, 4});
//   absl::StatusOr<modeld::Prediction> answer = client->Predict("digits", std::move(inputs));
//   absl::StatusOr<modeld::TensorView<float>> logits = modeld::AsTensor<float>(answer->outputs.at("output"));
//
// Tensors: see clients/cpp/tensor.h; many requests on one call: clients/cpp/prediction_stream.h; the highest
// of an output's scores: clients/cpp/classification.h.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "clients/cpp/models.h"
#include "clients/cpp/prediction.h"
#include "clients/cpp/prediction_stream.h"
#include "clients/cpp/tensor.h"

namespace modeld {

struct ClientOptions {
  // For a call that gives none of its own. A timeout covers everything: retries, and all pages of a list.
  absl::Duration default_timeout = absl::Seconds(30);
  // UNAVAILABLE is retried, with a back-off that begins here, doubles each time up to the maximum, and is
  // scattered by ±20 %; never beyond the call's deadline.
  int max_attempts = 5;
  absl::Duration initial_backoff = absl::Milliseconds(50);
  absl::Duration max_backoff = absl::Seconds(2);
  // Of one message, in both directions.
  int max_message_bytes = 64 << 20;
};

// Thread-safe: one Client serves any number of threads over one connection. Errors carry the daemon's code
// and message, see modeld.v1.ModelService, and RetryAfterOf where the daemon told.
class Client {
 public:
  // `address`: "host:port" or "unix:/path". Does not wait for the connection; plain text.
  static std::unique_ptr<Client> Connect(const std::string& address, ClientOptions options = {});
  ~Client();

  absl::StatusOr<Prediction> Predict(const std::string& model, Inputs inputs,
                                     const PredictOptions& options = {});
  // Begins a stream of predictions, which may outlive the client. Waits for the connection; what goes wrong
  // then is what the stream ends with. Never null.
  std::unique_ptr<PredictionStream> Stream(const StreamOptions& options = {});
  // All models; the pages are fetched one after another.
  absl::StatusOr<ModelListing> ListModels();
  absl::StatusOr<ModelDetails> GetModel(const std::string& model);
  // Asks grpc.health.v1; `model` empty: the server. False: unknown, or not serving.
  absl::StatusOr<bool> IsServing(const std::string& model = "");

 private:
  struct Connection;
  explicit Client(std::unique_ptr<Connection> connection);
  std::unique_ptr<Connection> connection_;
};

}  // namespace modeld
