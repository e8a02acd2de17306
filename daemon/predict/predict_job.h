// PredictJob: one request to predict, from its message to its answer, however it came: alone or on a stream,
// by gRPC or HTTP, in our own protocol or another, whose messages are translated to ours.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "daemon/lifecycle/sequences.h"
#include "daemon/lifecycle/serving_table.h"
#include "daemon/lifecycle/shadow_runner.h"
#include "daemon/lifecycle/version_call.h"
#include "daemon/predict/request_log.h"
#include "daemon/predict/router.h"
#include "daemon/scheduling/queued_call.h"
#include "daemon/vision/decode_pool.h"
#include "modeld/v1/model_service.pb.h"

namespace modeld {

// What another protocol than ours may say.
struct Dialect {
  VersionNames version_names = VersionNames::kVersions;
  // An input that no argument is called, INPUT__0, is the argument of that number: so do callers of Triton
  // name those of TorchScript modules.
  bool numbered_inputs = false;
  // Whether the answer has the classes that the config asks for: a protocol may have its own way of saying
  // them.
  bool classes = true;
};

// Not thread-safe; after Begin it belongs to whoever runs it, until Done.
class PredictJob : public QueuedCall {
 public:
  // What all jobs share. Constant; the pointers outlive the jobs.
  struct Shared {
    const Router* router;
    ShadowRunner* shadows;
    Sequences* sequences;
    int64_t max_message_bytes;       // of an answer
    RequestLog* log = nullptr;       // null: requests are not logged
    DecodePool* decoders = nullptr;  // null: images are decoded by the thread that brings them
  };

  // Validates `request`, takes its tensors out of it, and has it run; `response` is then filled. Done is
  // called exactly once for it, perhaps before this returns, on any thread; also where it is refused.
  // Both messages live until then.
  void Start(const Shared& shared, v1::PredictRequest* request, v1::PredictResponse* response,
             absl::Time deadline, const Dialect& dialect = {});

  // Of QueuedCall.
  void Begin() final;
  void Answer(CallOutcome outcome) final;

 protected:
  ~PredictJob() = default;

  // By what the caller knows the request; before Start.
  void set_trace(RequestTrace trace) { trace_ = std::move(trace); }
  const RequestTrace& trace() const { return trace_; }
  // In place of Start: the request's message cannot be made one of ours. `model`: that it names.
  void Refuse(const Shared& shared, std::string_view model, const absl::Status& status);

  // Ends it: `status` says whether the response is filled. What the job held of the version is let go. The
  // job may be gone when it returns.
  virtual void Done(const absl::Status& status) = 0;

 private:
  // The response is filled: the place to make another protocol's of it. Throws std::bad_alloc.
  virtual absl::Status Translate(const ServedVersion& /*version*/) { return absl::OkStatus(); }
  // OK: handed over, and not to be touched any more.
  absl::Status Submit(v1::PredictRequest& request);
  // As Submit, from where the inputs may still hold encoded images.
  absl::Status DecodeAndQueue(const std::optional<SequenceStep>& step, NamedValues inputs);
  // The same on a thread of the decoders, where the request is still wanted.
  void Resume(NamedValues inputs);
  // Counts, logs and ends a request that was not submitted. `model`: that it names.
  void EndRefused(std::string_view model, const absl::Status& status);
  // Where the request goes: where its sequence is, or by model, version and label.
  absl::StatusOr<Route> RouteOf(const v1::PredictRequest& request,
                                const std::optional<SequenceStep>& step) const;
  absl::Status Fill(CallOutcome outcome);
  // Counts and logs a request that was refused before it was submitted.
  void NoteRefused(std::string_view model, const absl::Status& status);
  void Note(const ServedVersion& version, const EndedRequest& ended, const absl::Status& status,
            bool models_fault) const;

  const Shared* shared_ = nullptr;
  Dialect dialect_;
  v1::PredictResponse* response_ = nullptr;
  VersionHandle version_;
  std::unique_ptr<ShadowRunner::Copy> copy_;  // null: the request is not copied
  bool one_image_ = false;                    // the request gave images, each of them alone
  RequestCount count_;
  RequestTrace trace_;
  // By the steady clock, in nanoseconds; 0: it did not come to that.
  int64_t started_ = 0;
  int64_t submitted_ = 0;
  int64_t begun_ = 0;
};

}  // namespace modeld
