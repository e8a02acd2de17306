// What a prediction takes and returns, for Client and PredictionStream.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "modeld/v1/model_service.pb.h"
#include "modeld/v1/value.pb.h"

namespace modeld {

// Named values, as the service takes and returns them.
using Inputs = std::map<std::string, v1::Value>;
using Outputs = std::map<std::string, v1::Value>;

struct PredictOptions {
  std::string version;  // at most one of version and label; neither: live
  std::string label;
  std::string method;                             // empty: forward
  absl::Duration timeout = absl::ZeroDuration();  // zero: ClientOptions::default_timeout; on a stream: none
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

// Of the error of a prediction: where a queue was full, how long until there may be room again. None: not
// told.
std::optional<absl::Duration> RetryAfterOf(const absl::Status& status);

}  // namespace modeld
