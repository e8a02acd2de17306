// modeld::Client: calls a modeld daemon.
//
//   auto client = modeld::Client::Connect("127.0.0.1:8500");
//   modeld::Inputs inputs;
//   inputs["x"] = modeld::MakeTensor<float>({1, 4}, {1, 2, 3, 4});
//   absl::StatusOr<modeld::Prediction> answer = client->Predict("digits", std::move(inputs));
//   absl::StatusOr<modeld::TensorView<float>> logits = modeld::AsTensor<float>(answer->outputs.at("output"));
//
// Tensors: see clients/cpp/tensor.h.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "clients/cpp/tensor.h"
#include "modeld/v1/model_service.pb.h"
#include "modeld/v1/value.pb.h"

namespace modeld {

// Named values, as the service takes and returns them.
using Inputs = std::map<std::string, v1::Value>;
using Outputs = std::map<std::string, v1::Value>;

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

struct PredictOptions {
  std::string version;  // at most one of version and label; neither: live
  std::string label;
  std::string method;                             // empty: forward
  absl::Duration timeout = absl::ZeroDuration();  // zero: ClientOptions::default_timeout
  // While the model has a canary, requests with the same key (a user's or session's id, at most 1 KiB) go to
  // the same version. Empty: by what the inputs hold.
  std::string sticky_key;
  v1::Priority priority = v1::PRIORITY_NORMAL;  // among requests that wait for the same version
  // Requests with the same id run one after the other on one copy of the attributes that the module writes,
  // and stay on one version; at most 256 bytes. Empty: the request stands alone.
  std::string sequence_id;
  bool sequence_start = false;  // the sequence begins with this request
  bool sequence_end = false;    // and ends with this one
};

struct Prediction {
  std::string model;
  std::string version;  // that answered
  Outputs outputs;
};

// Thread-safe: one Client serves any number of threads over one connection. Errors carry the daemon's code
// and message, see modeld.v1.ModelService.
class Client {
 public:
  // `address`: "host:port" or "unix:/path". Does not wait for the connection; plain text.
  static std::unique_ptr<Client> Connect(const std::string& address, ClientOptions options = {});
  ~Client();

  absl::StatusOr<Prediction> Predict(const std::string& model, Inputs inputs,
                                     const PredictOptions& options = {});
  // All models; the pages are fetched one after another.
  absl::StatusOr<v1::ListModelsResponse> ListModels();
  absl::StatusOr<v1::GetModelResponse> GetModel(const std::string& model);
  // Asks grpc.health.v1; `model` empty: the server. False: known and not serving. NOT_FOUND: unknown.
  absl::StatusOr<bool> IsServing(const std::string& model = "");

 private:
  struct Connection;
  explicit Client(std::unique_ptr<Connection> connection);
  std::unique_ptr<Connection> connection_;
};

}  // namespace modeld
