#include "daemon/probe/warm_up.h"

#include <time.h>

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/probe/generated_inputs.h"
#include "registry/base/quote.h"

namespace modeld {
namespace {

constexpr size_t kForward = 0;
constexpr int kLeastCalls = 3;
constexpr size_t kWindow = 3;
constexpr double kStableShare = 0.1;
constexpr double kClockNoiseSeconds = 20e-6;

// Of the kWindow calls that end before `end`.
double Median(const std::vector<double>& seconds, size_t end) {
  const size_t begin = end - std::min(end, kWindow);
  std::vector<double> window(seconds.begin() + begin, seconds.begin() + end);
  std::sort(window.begin(), window.end());
  return window.empty() ? 0 : window[window.size() / 2];
}

bool IsStable(const std::vector<double>& seconds) {
  if (seconds.size() < 2 * kWindow) return false;
  const double now = Median(seconds, seconds.size());
  const double before = Median(seconds, seconds.size() - kWindow);
  return std::abs(now - before) < std::max(kStableShare * std::max(now, before), kClockNoiseSeconds);
}

using MakeInputs = std::function<absl::StatusOr<NamedValues>()>;

// New inputs for every call: a model may work in place on them.
void CallUntilStable(Executable& executable, const Declarations& declared, const MakeInputs& make_inputs,
                     const WarmUpLimits& limits, const SteadyNow& now, WarmUpResult& result) {
  std::vector<double> seconds;
  const absl::Duration begin = now();
  const absl::Duration wall_begin = SteadyTime();
  while (true) {
    absl::StatusOr<NamedValues> inputs = make_inputs();
    result.not_generated = inputs.status();
    if (!inputs.ok()) break;
    absl::StatusOr<std::vector<Value>> arguments =
        BindArguments(executable.methods()[kForward], declared.inputs, *std::move(inputs));
    result.not_generated = arguments.status();
    if (!arguments.ok()) break;

    const absl::Duration called = now();
    absl::StatusOr<Value> answer = executable.Run(kForward, *std::move(arguments));
    const absl::Duration answered = now();
    ++result.calls;
    result.status = answer.status();
    if (!answer.ok()) break;
    result.outputs = NameOutputs(*std::move(answer), declared.outputs);
    seconds.push_back(absl::ToDoubleSeconds(answered - called));
    result.stable = IsStable(seconds);
    const bool is_over = result.calls >= limits.max_calls || answered - begin >= limits.max_time ||
                         SteadyTime() - wall_begin >= limits.max_wall;
    if (result.stable || (is_over && result.calls >= kLeastCalls)) break;
  }
  result.seconds = Median(seconds, seconds.size());
}

int64_t BatchSizeOf(const NamedValues& inputs) {
  for (const auto& [name, value] : inputs) {
    const Tensor* const tensor = value.get_if<Tensor>();
    if (tensor != nullptr && !tensor->shape.empty()) return tensor->shape[0];
  }
  return 1;
}

}  // namespace

absl::Duration SteadyTime() { return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch()); }

absl::Duration ThreadCpuTime() {
  timespec used = {};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return absl::DurationFromTimespec(used);
}

WarmUpResult WarmUp(Executable& executable, const Declarations& declared, int64_t batch_size,
                    const WarmUpLimits& limits, const SteadyNow& now) {
  WarmUpResult result;
  result.batch_size = batch_size;
  const std::string inputs = DescribeInputs(declared.inputs, batch_size);
  result.inputs = absl::StrCat("generated inputs", inputs.empty() ? "" : " ", inputs);
  const MakeInputs generate = [&] { return GenerateInputs(declared.inputs, batch_size); };
  CallUntilStable(executable, declared, generate, limits, now, result);
  return result;
}

WarmUpResult WarmUpOnSample(Executable& executable, const Declarations& declared, const GoldenSample& sample,
                            const WarmUpLimits& limits, const SteadyNow& now) {
  WarmUpResult result;
  result.batch_size = BatchSizeOf(sample.inputs);
  result.inputs = absl::StrCat("golden sample ", Quote(sample.name));
  const MakeInputs copy = [&] { return DeepCopy(sample.inputs); };
  CallUntilStable(executable, declared, copy, limits, now, result);
  return result;
}

const GoldenSample* SampleOfForward(const Executable& executable, const std::vector<GoldenSample>& samples) {
  for (const GoldenSample& sample : samples) {
    if (sample.method.empty() || sample.method == executable.methods()[kForward].name) return &sample;
  }
  return nullptr;
}

std::string WarmUpWarning(const WarmUpResult& result) {
  const absl::Status& why = result.not_generated.ok() ? result.status : result.not_generated;
  if (why.ok()) return "";
  return absl::StrCat("warm-up failed on ", result.inputs, ": ", std::string(why.message()));
}

}  // namespace modeld
