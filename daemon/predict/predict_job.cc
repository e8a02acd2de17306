#include "daemon/predict/predict_job.h"

#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "daemon/codec/utf8.h"
#include "daemon/codec/value_codec.h"
#include "daemon/engine/bind.h"
#include "daemon/engine/deep_copy.h"
#include "daemon/lifecycle/version_stats.h"
#include "daemon/lifecycle/version_vision.h"
#include "daemon/predict/catch_bad_alloc.h"
#include "daemon/predict/numbered_names.h"
#include "daemon/predict/request_hash.h"
#include "daemon/predict/required.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/base/too_large.h"

namespace modeld {
namespace {

constexpr size_t kMaxSequenceIdBytes = 256;
// What takes so little on the wire holds no more than so much memory: an empty message of two bytes becomes
// one of 64.
constexpr size_t kSmallRequestBytes = 256;
constexpr size_t kSmallRequestHolds = 8 << 10;

int64_t SteadyNanoseconds() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// Takes the request's inputs apart.
absl::StatusOr<NamedValues> TakeInputs(const ServedVersion& version, v1::PredictRequest& request,
                                       const Method* numbered_by) {
  NamedValues inputs;
  for (auto& [name, wire] : *request.mutable_inputs()) {
    absl::StatusOr<Value> value = FromWire(wire, "input", name);
    if (!value.ok()) return About(version, value.status());
    const std::string& argument = numbered_by == nullptr ? name : ArgumentOfNumbered(*numbered_by, name);
    if (!inputs.emplace(argument, *std::move(value)).second) {
      return About(version, absl::InvalidArgumentError(absl::StrCat(
                                "input ", Quote(argument), " is given twice, also as ", Quote(name))));
    }
  }
  return inputs;
}

// Of a request whose tensors were taken out: fields that this build does not know, and numbers that were not
// sent as raw bytes, are held until the answer.
int64_t HeldBytes(const v1::PredictRequest& request) {
  // Exactly is dear: by reflection, field by field.
  const size_t on_the_wire = request.ByteSizeLong();
  return static_cast<int64_t>(on_the_wire <= kSmallRequestBytes ? kSmallRequestHolds
                                                                : request.SpaceUsedLong());
}

absl::Status CheckStickyKey(const v1::PredictRequest& request) {
  const size_t size = request.sticky_key().size();
  if (size <= kMaxStickyKeyBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("sticky_key takes ", size, " bytes; at most ",
                                                 kMaxStickyKeyBytes, " are allowed: send a hash of it"));
}

absl::StatusOr<Priority> PriorityOf(const v1::PredictRequest& request) {
  switch (request.priority()) {
    case v1::PRIORITY_UNSPECIFIED:
    case v1::PRIORITY_NORMAL:
      return Priority::kNormal;
    case v1::PRIORITY_HIGH:
      return Priority::kHigh;
    case v1::PRIORITY_LOW:
      return Priority::kLow;
    default:
      return absl::InvalidArgumentError(absl::StrCat("priority is ", static_cast<int>(request.priority()),
                                                     "; expected PRIORITY_HIGH, _NORMAL or _LOW"));
  }
}

absl::StatusOr<std::optional<SequenceStep>> StepOf(const v1::PredictRequest& request) {
  if (request.sequence_id().empty()) {
    if (!request.sequence_start() && !request.sequence_end()) return std::nullopt;
    return absl::InvalidArgumentError("sequence_start and sequence_end need a sequence_id");
  }
  if (request.sequence_id().size() > kMaxSequenceIdBytes) {
    return absl::InvalidArgumentError(absl::StrCat("sequence_id takes ", request.sequence_id().size(),
                                                   " bytes; at most ", kMaxSequenceIdBytes,
                                                   " are allowed: send a hash of it"));
  }
  return SequenceStep{.model = request.model(),
                      .id = request.sequence_id(),
                      .start = request.sequence_start(),
                      .end = request.sequence_end()};
}

// Of a request whose sequence runs on `version`, whatever is live.
absl::StatusOr<Route> OnOwnVersion(const v1::PredictRequest& request, VersionHandle version) {
  if (!request.version().empty() && request.version() != version->version) {
    return absl::FailedPreconditionError(absl::StrCat("sequence ", Quote(request.sequence_id()), " of model ",
                                                      Quote(request.model()), " runs on version ",
                                                      version->version, ", not ", Quote(request.version()),
                                                      "; leave the version out, or begin another sequence"));
  }
  return Route{.version = std::move(version), .shadow = nullptr, .shadow_stats = nullptr};
}

// Of what nothing is declared only the module itself can find fault with.
absl::Status WithRemedy(const ServedVersion& version, const absl::Status& status) {
  if (status.code() != absl::StatusCode::kInternal || !version.inputs.empty()) return status;
  return absl::InternalError(absl::StrCat(
      status.message(),
      "; its config.json declares no inputs: with them dtypes and shapes are looked at before it is run"));
}

}  // namespace

void PredictJob::Start(const Shared& shared, v1::PredictRequest* request, v1::PredictResponse* response,
                       absl::Time job_deadline, const Dialect& dialect) {
  started_ = SteadyNanoseconds();
  shared_ = &shared;
  dialect_ = dialect;
  response_ = response;
  deadline = job_deadline;
  if (const absl::Status submitted = CatchBadAlloc([&] { return Submit(*request); }); !submitted.ok()) {
    EndRefused(request->model(), submitted);
  }
}

void PredictJob::EndRefused(std::string_view model, const absl::Status& status) {
  NoteRefused(model, status);
  arguments.clear();
  version_.reset();
  copy_.reset();
  Done(status);
}

void PredictJob::Refuse(const Shared& shared, std::string_view model, const absl::Status& status) {
  started_ = SteadyNanoseconds();
  shared_ = &shared;
  NoteRefused(model, status);
  Done(status);
}

void PredictJob::NoteRefused(std::string_view model, const absl::Status& status) {
  const int64_t took = SteadyNanoseconds() - started_;
  // What is not implemented is so here, and what the caller asked for: the model was not asked.
  const bool models_fault = status.code() == absl::StatusCode::kInternal;
  if (version_ != nullptr) {
    const EndedRequest ended{.code = status.code(), .total_nanoseconds = took};
    version_->metrics.End(ended);
    return Note(*version_, ended, status, models_fault);
  }
  shared_->router->CountRefused(model, status.code());
  if (shared_->log == nullptr || !shared_->log->Wants(models_fault, took)) return;
  shared_->log->Write({.trace = &trace_,
                       .model = model,
                       .version = "",
                       .status = &status,
                       .models_fault = models_fault,
                       .total_nanoseconds = took,
                       .queue_nanoseconds = 0,
                       .run_nanoseconds = 0});
}

void PredictJob::Note(const ServedVersion& version, const EndedRequest& ended, const absl::Status& status,
                      bool models_fault) const {
  if (shared_->log == nullptr || !shared_->log->Wants(models_fault, ended.total_nanoseconds)) return;
  shared_->log->Write({.trace = &trace_,
                       .model = version.model,
                       .version = version.version,
                       .status = &status,
                       .models_fault = models_fault,
                       .total_nanoseconds = ended.total_nanoseconds,
                       .queue_nanoseconds = ended.queue_nanoseconds,
                       .run_nanoseconds = ended.run_nanoseconds});
}

absl::Status PredictJob::Submit(v1::PredictRequest& request) {
  MODELD_RETURN_IF_ERROR(RequireModel(request.model()));
  MODELD_RETURN_IF_ERROR(CheckStickyKey(request));
  MODELD_ASSIGN_OR_RETURN(priority, PriorityOf(request));
  MODELD_ASSIGN_OR_RETURN(const std::optional<SequenceStep> step, StepOf(request));
  MODELD_ASSIGN_OR_RETURN(Route route, RouteOf(request, step));
  version_ = route.version;
  version_->metrics.Begin();
  MODELD_ASSIGN_OR_RETURN(method, FindMethod(*route.version, request.method()));
  const Method& called = route.version->executable->methods()[method];
  MODELD_ASSIGN_OR_RETURN(NamedValues inputs,
                          TakeInputs(*route.version, request, dialect_.numbered_inputs ? &called : nullptr));
  if (route.shadow != nullptr) copy_ = shared_->shadows->MakeCopy(route, request.method(), inputs);
  bytes = HeldBytes(request);
  // Of a sequence the order of requests counts, which the decoders do not keep.
  const bool in_sequence = step.has_value() && version_->executable->stateful();
  if (shared_->decoders != nullptr && !in_sequence && HoldsImages(*version_, method, inputs)) {
    const int64_t held = bytes + EncodedBytes(*version_, inputs);
    const auto kept = std::make_shared<NamedValues>(std::move(inputs));
    const VersionHandle version = version_;  // the job may be gone when Post returns
    const absl::Status posted =
        shared_->decoders->Post(held, deadline, [this, kept] { Resume(std::move(*kept)); });
    return posted.ok() ? posted : About(*version, posted);
  }
  return DecodeAndQueue(in_sequence ? step : std::nullopt, std::move(inputs));
}

absl::Status PredictJob::DecodeAndQueue(const std::optional<SequenceStep>& step, NamedValues inputs) {
  // Held until Submit has returned, and with it the version's instances.
  const VersionHandle version = version_;
  if (!version->images.empty()) {
    MODELD_ASSIGN_OR_RETURN(one_image_, DecodeImages(*version, method, inputs));
  }
  MODELD_ASSIGN_OR_RETURN(arguments, BindInputs(*version, method, std::move(inputs)));
  for (const Value& argument : arguments) bytes += static_cast<int64_t>(CopySize(argument));
  submitted_ = SteadyNanoseconds();
  if (step.has_value()) return shared_->sequences->Submit(*step, version, this);
  version->instances->Submit(this);
  return absl::OkStatus();
}

void PredictJob::Resume(NamedValues inputs) {
  absl::Status status;
  if (Cancelled()) {
    status = About(*version_, absl::CancelledError("the caller has gone"));
  } else if (absl::Now() >= deadline) {
    status =
        About(*version_, absl::DeadlineExceededError("the deadline passed before the images were decoded"));
  } else {
    status = CatchBadAlloc([&] { return DecodeAndQueue(std::nullopt, std::move(inputs)); });
    if (status.ok()) return;  // handed over
  }
  EndRefused(version_->model, status);
}

absl::StatusOr<Route> PredictJob::RouteOf(const v1::PredictRequest& request,
                                          const std::optional<SequenceStep>& step) const {
  if (step.has_value() && !step->start) {
    absl::StatusOr<VersionHandle> version = shared_->sequences->Find(*step);
    if (version.ok()) return OnOwnVersion(request, *std::move(version));
    // A module without state has no sequences that could be missed.
    absl::StatusOr<Route> route = shared_->router->RouteRequest(request, dialect_.version_names);
    if (!route.ok()) return route.status();
    if (route->version->executable->stateful()) return version.status();
    return route;
  }
  MODELD_ASSIGN_OR_RETURN(Route route, shared_->router->RouteRequest(request, dialect_.version_names));
  // A copy would begin with another state.
  if (route.version->executable->stateful() && step.has_value()) route.shadow = nullptr;
  return route;
}

void PredictJob::Begin() {
  if (begun_ == 0) begun_ = SteadyNanoseconds();
  count_.Begin(*version_, arguments);
}

void PredictJob::Answer(CallOutcome outcome) {
  EndedRequest ended{
      .input_nanoseconds = submitted_ - started_,
      .queue_nanoseconds = (outcome.ran ? begun_ : SteadyNanoseconds()) - submitted_,
      .run_nanoseconds = outcome.run_nanoseconds,
      .rows = outcome.rows,
      .run_rows = 0,
  };
  if (outcome.counts_run && outcome.value.ok()) {
    ended.run_rows = outcome.batch_rows == 0 ? outcome.rows : outcome.batch_rows;
  }
  bool models_fault = false;
  const absl::Status status = CatchBadAlloc([&] {
    const absl::Status filled = Fill(std::move(outcome));
    models_fault = IsModelsFault(filled.code());
    return filled.ok() ? Translate(*version_) : filled;
  });
  ended.code = status.code();
  ended.total_nanoseconds = SteadyNanoseconds() - started_;
  version_->metrics.End(ended);
  Note(*version_, ended, status, models_fault);
  // Before the answer: who has it can rely on the version being let go.
  arguments.clear();
  version_.reset();
  std::unique_ptr<ShadowRunner::Copy> copy = std::move(copy_);
  ShadowRunner* const shadows = shared_->shadows;
  const std::shared_ptr<void> ends_here = std::move(turn);
  Done(status);
  // This job may be gone by now, and the service too. The shadow delays nothing.
  if (copy != nullptr && status.ok()) shadows->Submit(std::move(copy));
}

absl::Status PredictJob::Fill(CallOutcome outcome) {
  const ServedVersion& version = *version_;
  if (!outcome.ran) return About(version, outcome.value.status());
  count_.End(version, outcome.value, outcome.nanoseconds);
  if (!outcome.value.ok()) return About(version, WithRemedy(version, outcome.value.status()));
  MODELD_ASSIGN_OR_RETURN(NamedValues outputs, NameResult(version, method, std::move(outcome.value)));
  MODELD_RETURN_IF_ERROR(ActivateOutputs(version, method, outputs));
  // What shadows are compared with: near ties would turn the order of classes around. Their bytes are shared.
  NamedValues compared;
  if (copy_ != nullptr) compared = outputs;
  if (dialect_.classes) MODELD_RETURN_IF_ERROR(AddClasses(version, method, one_image_, outputs));
  response_->set_model(version.model);
  response_->set_version(version.version);
  for (const auto& [name, value] : outputs) {
    ToWire(value, &(*response_->mutable_outputs())[ToUtf8(name)]);
  }
  const size_t bytes = response_->ByteSizeLong();
  if (bytes > static_cast<size_t>(shared_->max_message_bytes)) {
    return About(version,
                 TooLargeError(absl::StrCat("the answer takes ", bytes, " bytes, more than the ",
                                            shared_->max_message_bytes, " that --max-message-bytes allows")));
  }
  if (copy_ != nullptr) copy_->SetAnswer(std::move(compared), outcome.nanoseconds);
  return absl::OkStatus();
}

}  // namespace modeld
