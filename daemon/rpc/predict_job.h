// PredictJob: one request to predict, from its message to its answer, however it came: alone (PredictCall) or
// on a stream (PredictStream).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "daemon/lifecycle/sequences.h"
#include "daemon/lifecycle/serving_table.h"
#include "daemon/lifecycle/shadow_runner.h"
#include "daemon/lifecycle/version_call.h"
#include "daemon/scheduling/queued_call.h"
#include "modeld/v1/model_service.pb.h"

namespace modeld {

// Not thread-safe; after Begin it belongs to whoever runs it, until Done.
class PredictJob : public QueuedCall {
 public:
  // What all jobs share. Constant; the pointers outlive the jobs.
  struct Shared {
    // Resolves a request's model, version or label.
    std::function<absl::StatusOr<Route>(const v1::PredictRequest&)> route;
    ShadowRunner* shadows;
    Sequences* sequences;
    int64_t max_message_bytes;  // of an answer
  };

  // Validates `request`, takes its tensors out of it, and has it run; `response` is then filled. Done is
  // called exactly once for it, perhaps before this returns, on any thread; also where it is refused.
  // Both messages live until then.
  void Start(const Shared& shared, v1::PredictRequest* request, v1::PredictResponse* response,
             absl::Time deadline);

  // Of QueuedCall.
  void Begin() final { count_.Begin(*version_, arguments); }
  void Answer(CallOutcome outcome) final;

 protected:
  ~PredictJob() = default;

 private:
  // Ends it: `status` says whether the response is filled. What the job held of the version is let go. The
  // job may be gone when it returns.
  virtual void Done(const absl::Status& status) = 0;

  // OK: handed over, and not to be touched any more.
  absl::Status Submit(v1::PredictRequest& request);
  // Where the request goes: where its sequence is, or by model, version and label.
  absl::StatusOr<Route> RouteOf(const v1::PredictRequest& request,
                                const std::optional<SequenceStep>& step) const;
  absl::Status Fill(CallOutcome outcome);

  const Shared* shared_ = nullptr;
  v1::PredictResponse* response_ = nullptr;
  VersionHandle version_;
  std::unique_ptr<ShadowRunner::Copy> copy_;  // null: the request is not copied
  RequestCount count_;
};

}  // namespace modeld
