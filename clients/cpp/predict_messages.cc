#include "clients/cpp/predict_messages.h"

#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace modeld {
namespace {

constexpr char kRetryAfterPayload[] = "modeld/retry-after-ms";
// https://github.com/grpc/proposal/blob/master/A6-client-retries.md#pushback
constexpr char kPushback[] = "grpc-retry-pushback-ms";

absl::Status StatusOf(int code, const std::string& message, int64_t retry_after_ms) {
  absl::Status status(static_cast<absl::StatusCode>(code), message);
  if (!status.ok() && retry_after_ms > 0) {
    status.SetPayload(kRetryAfterPayload, absl::Cord(absl::StrCat(retry_after_ms)));
  }
  return status;
}

}  // namespace

std::optional<absl::Duration> RetryAfterOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kRetryAfterPayload);
  int64_t milliseconds = 0;
  if (!payload.has_value() || !absl::SimpleAtoi(std::string(*payload), &milliseconds)) return std::nullopt;
  return absl::Milliseconds(milliseconds);
}

absl::StatusOr<v1::PredictRequest> PredictRequestOf(const std::string& model, Inputs inputs,
                                                    const PredictOptions& options) {
  if (!options.version.empty() && !options.label.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("give a version (\"", options.version,
                                                   "\") or a label (\"", options.label, "\"), not both"));
  }
  v1::PredictRequest request;
  request.set_model(model);
  request.set_method(options.method);
  request.set_sticky_key(options.sticky_key);
  request.set_priority(options.priority);
  request.set_sequence_id(options.sequence_id);
  request.set_sequence_start(options.sequence_start);
  request.set_sequence_end(options.sequence_end);
  if (!options.version.empty()) request.set_version(options.version);
  if (!options.label.empty()) request.set_label(options.label);
  for (auto& [name, value] : inputs) (*request.mutable_inputs())[name] = std::move(value);
  return request;
}

Prediction PredictionOf(v1::PredictResponse response) {
  Prediction prediction{response.model(), response.version(), {}};
  for (auto& [name, value] : *response.mutable_outputs()) prediction.outputs[name] = std::move(value);
  return prediction;
}

absl::StatusOr<Prediction> StreamedAnswerOf(v1::PredictStreamResponse response) {
  if (!response.has_failure()) return PredictionOf(std::move(*response.mutable_response()));
  const v1::PredictFailure& failure = response.failure();
  if (failure.code() == 0) return absl::UnknownError("a request failed with code OK: " + failure.message());
  return StatusOf(failure.code(), failure.message(), failure.retry_after_ms());
}

absl::Status StatusOfCall(const grpc::Status& status, const grpc::ClientContext& context) {
  int64_t retry_after_ms = 0;
  if (!status.ok()) {
    const auto& metadata = context.GetServerTrailingMetadata();
    const auto found = metadata.find(kPushback);
    if (found == metadata.end() ||
        !absl::SimpleAtoi(absl::string_view(found->second.data(), found->second.size()), &retry_after_ms)) {
      retry_after_ms = 0;
    }
  }
  return StatusOf(status.error_code(), status.error_message(), retry_after_ms);
}

}  // namespace modeld
