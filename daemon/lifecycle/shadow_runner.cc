#include "daemon/lifecycle/shadow_runner.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <new>

#include "absl/strings/str_cat.h"
#include "daemon/engine/deep_copy.h"
#include "daemon/lifecycle/version_call.h"
#include "daemon/lifecycle/version_vision.h"
#include "daemon/probe/compare_outputs.h"
#include "registry/base/log.h"
#include "registry/base/status_macros.h"
#include "registry/base/timeout.h"

namespace modeld {
namespace {

constexpr int kLowestPriority = 19;

// Linux counts niceness by thread; POSIX says process.
void LowerPriorityOfThisThread() {
  const auto thread = static_cast<id_t>(::syscall(SYS_gettid));
  if (::setpriority(PRIO_PROCESS, thread, kLowestPriority) != 0) {
    LogWarning("the shadow's thread keeps its priority: setpriority failed", {});
  }
}

size_t CopySizeOf(const NamedValues& values) {
  size_t bytes = 0;
  for (const auto& [name, value] : values) bytes += name.size() + CopySize(value);
  return bytes;
}

absl::StatusOr<CallResult> CallByName(const ServedVersion& version, const std::string& method,
                                      NamedValues inputs) {
  MODELD_ASSIGN_OR_RETURN(const size_t index, FindMethod(version, method));
  MODELD_RETURN_IF_ERROR(DecodeImages(version, index, inputs).status());
  MODELD_ASSIGN_OR_RETURN(std::vector<Value> arguments, BindInputs(version, index, std::move(inputs)));
  CallResult result = Call(version, index, std::move(arguments));
  MODELD_RETURN_IF_ERROR(result.outputs.status());
  MODELD_RETURN_IF_ERROR(ActivateOutputs(version, index, *result.outputs));
  return result;
}

}  // namespace

ShadowRunner::Copy::~Copy() { runner_->GiveBack(bytes_); }

ShadowRunner::ShadowRunner(ShadowRunnerOptions options)
    : options_(std::move(options)), thread_([this] { Loop(); }) {}

ShadowRunner::~ShadowRunner() { Stop(); }

std::unique_ptr<ShadowRunner::Copy> ShadowRunner::MakeCopy(const Route& route, const std::string& method,
                                                           const NamedValues& inputs) {
  const size_t bytes = CopySizeOf(inputs);
  std::unique_ptr<Copy> copy;
  {
    MutexLock lock(&mutex_);
    if (!stopped_ && copies_ < options_.max_copies && bytes <= options_.max_bytes - bytes_) {
      copy.reset(new Copy(this, bytes));
      ++copies_;
      bytes_ += bytes;
    }
  }
  if (copy == nullptr) {
    route.shadow_stats->RecordSkipped();
    return nullptr;
  }
  copy->shadow_ = route.shadow;
  copy->stats_ = route.shadow_stats;
  copy->method_ = method;
  try {
    for (const auto& [name, value] : inputs) copy->inputs_.emplace(name, DeepCopy(value));
  } catch (const std::bad_alloc&) {
    // There may be memory for the request itself.
    route.shadow_stats->RecordSkipped();
    return nullptr;
  }
  return copy;
}

void ShadowRunner::Submit(std::unique_ptr<Copy> copy) {
  MutexLock lock(&mutex_);
  if (stopped_) return;
  queue_.push_back(std::move(copy));
  copy_or_stop_.Signal();
}

void ShadowRunner::Stop() {
  std::deque<std::unique_ptr<Copy>> dropped;
  {
    MutexLock lock(&mutex_);
    stopped_ = true;
    dropped.swap(queue_);
    copy_or_stop_.SignalAll();
    if (!running_) idle_.SignalAll();
  }
  dropped.clear();
  MutexLock lock(&join_mutex_);
  if (thread_.joinable()) thread_.join();
}

bool ShadowRunner::WaitIdle(absl::Duration timeout) {
  Timeout patience(timeout);
  MutexLock lock(&mutex_);
  while (!queue_.empty() || running_) {
    if (!patience.Wait(&idle_, &mutex_)) return false;
  }
  return true;
}

void ShadowRunner::Loop() {
  LowerPriorityOfThisThread();
  if (options_.prepare_thread) options_.prepare_thread();
  while (std::unique_ptr<Copy> copy = Next()) {
    // Tensors come in any size: that memory ran out ends one comparison, not the daemon.
    try {
      Run(*copy);
    } catch (const std::bad_alloc&) {
      copy->stats_->RecordSkipped();
    }
    copy.reset();  // what the copy holds goes before it is counted as done
    Done();
  }
}

std::unique_ptr<ShadowRunner::Copy> ShadowRunner::Next() {
  MutexLock lock(&mutex_);
  while (queue_.empty()) {
    if (stopped_) return nullptr;
    copy_or_stop_.Wait(&mutex_);
  }
  std::unique_ptr<Copy> copy = std::move(queue_.front());
  queue_.pop_front();
  running_ = true;
  return copy;
}

void ShadowRunner::Done() {
  MutexLock lock(&mutex_);
  running_ = false;
  if (queue_.empty()) idle_.SignalAll();
}

void ShadowRunner::Run(Copy& copy) {
  const absl::StatusOr<CallResult> result = CallByName(*copy.shadow_, copy.method_, std::move(copy.inputs_));
  if (!result.ok()) {
    copy.stats_->RecordFailure(std::string(result.status().message()));
    return;
  }
  const v1::GoldenResult compared =
      CompareOutputs(copy.live_outputs_, *result->outputs, copy.shadow_->tolerance);
  copy.stats_->RecordComparison({.agreed = compared.passed(),
                                 .difference = compared.detail(),
                                 .max_absolute = compared.max_absolute(),
                                 .live_nanoseconds = copy.live_nanoseconds_,
                                 .shadow_nanoseconds = result->nanoseconds});
}

void ShadowRunner::GiveBack(size_t bytes) {
  MutexLock lock(&mutex_);
  --copies_;
  bytes_ -= bytes;
}

}  // namespace modeld
