// HttpHandlers: what is answered to each request over HTTP.
#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "daemon/http/http_message.h"
#include "daemon/http/route.h"
#include "daemon/oip/inference_views.h"
#include "daemon/predict/predict_job.h"
#include "daemon/predict/router.h"

namespace modeld {

// What HTTP works with. All outlive it.
struct HttpParts {
  const PredictJob::Shared* jobs = nullptr;
  const InferenceViews* views = nullptr;
  const Router* router = nullptr;
  // The text of /metrics; empty: there is none.
  std::function<std::string()> metrics = nullptr;
};

// Thread-safe. Waits for the model, and for the manager's lock or the disk where a request asks about models.
class HttpHandlers {
 public:
  explicit HttpHandlers(HttpParts parts) : parts_(std::move(parts)) {}

  // Never throws.
  HttpReply Handle(HttpRequest& request) const;

 private:
  absl::StatusOr<HttpReply> Answer(const HttpRoute& route, HttpRequest& request) const;
  absl::StatusOr<HttpReply> Infer(const HttpRoute& route, const HttpRequest& request) const;
  absl::StatusOr<HttpReply> Predict(const HttpRoute& route, HttpRequest& request) const;
  absl::StatusOr<HttpReply> RepositoryIndex(const HttpRequest& request) const;
  absl::StatusOr<HttpReply> Models(const std::string& model) const;

  const HttpParts parts_;
};

// How an error is answered.
HttpReply ReplyOf(const absl::Status& status);

}  // namespace modeld
