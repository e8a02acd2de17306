#include "daemon/oip/infer_job.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "daemon/oip/infer_response.h"
#include "daemon/predict/catch_bad_alloc.h"

namespace modeld {

void InferJob::Start(const Shared& shared, const Messages& messages, absl::Time job_deadline) {
  predict_response_ = messages.predict_response;
  response_ = messages.response;
  const absl::Status taken = CatchBadAlloc([&]() -> absl::Status {
    absl::StatusOr<InferOptions> options = TakeInferRequest(*messages.request, messages.predict_request);
    if (options.ok()) options_ = *std::move(options);
    return options.status();
  });
  if (!taken.ok()) return Refuse(shared, messages.request->model_name(), taken);
  if (options_.timeout != absl::InfiniteDuration()) {
    job_deadline = std::min(job_deadline, absl::Now() + options_.timeout);
  }
  PredictJob::Start(
      shared, messages.predict_request, messages.predict_response, job_deadline,
      {.version_names = VersionNames::kVersionsAndLabels, .numbered_inputs = true, .classes = false});
}

absl::Status InferJob::Translate(const ServedVersion& version) {
  return FillInferResponse(options_, version, method, *predict_response_, response_);
}

}  // namespace modeld
