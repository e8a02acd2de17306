#include "daemon/lifecycle/version_call.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/engine/not_a_number.h"
#include "registry/base/closest_match.h"
#include "registry/base/stopwatch.h"

namespace modeld {
namespace {

constexpr char kForward[] = "forward";

std::string NameOf(const ServedVersion& version) {
  return absl::StrCat("model \"", version.model, "\" version ", version.version);
}

}  // namespace

const std::vector<DeclaredTensor>& DeclaredFor(const Method& method,
                                               const std::vector<DeclaredTensor>& declared) {
  static const std::vector<DeclaredTensor> none;
  return method.name == kForward ? declared : none;
}

absl::Status About(const ServedVersion& version, const absl::Status& status) {
  absl::Status about(status.code(), absl::StrCat(NameOf(version), ": ", status.message()));
  status.ForEachPayload(
      [&](absl::string_view type, const absl::Cord& payload) { about.SetPayload(type, payload); });
  return about;
}

absl::StatusOr<size_t> FindMethod(const ServedVersion& version, const std::string& name) {
  const std::string_view wanted = name.empty() ? kForward : std::string_view(name);
  const std::vector<Method>& methods = version.executable->methods();
  const auto found = std::find_if(methods.begin(), methods.end(),
                                  [&](const Method& method) { return method.name == wanted; });
  if (found != methods.end()) return static_cast<size_t>(found - methods.begin());

  std::vector<std::string> names;
  names.reserve(methods.size());
  for (const Method& method : methods) names.push_back(method.name);
  return absl::NotFoundError(absl::StrCat(NameOf(version), " has no method \"", std::string(wanted), "\"",
                                          DidYouMean(wanted, names),
                                          "; methods: ", absl::StrJoin(names, ", ")));
}

absl::StatusOr<std::vector<Value>> BindInputs(const ServedVersion& version, size_t method,
                                              NamedValues inputs) {
  const Method& called = version.executable->methods()[method];
  absl::StatusOr<std::vector<Value>> arguments =
      BindArguments(called, DeclaredFor(called, version.inputs), std::move(inputs));
  if (!arguments.ok()) return About(version, arguments.status());
  return arguments;
}

CallResult Call(const ServedVersion& version, size_t method, std::vector<Value> arguments) {
  const Stopwatch watch;
  absl::StatusOr<Value> value = version.executable->Run(method, std::move(arguments));
  const int64_t nanoseconds = watch.Nanoseconds();
  return {NameResult(version, method, std::move(value)), nanoseconds};
}

absl::StatusOr<NamedValues> NameResult(const ServedVersion& version, size_t method,
                                       absl::StatusOr<Value> value) {
  if (!value.ok()) return About(version, value.status());
  const Method& called = version.executable->methods()[method];
  return NameOutputs(*std::move(value), DeclaredFor(called, version.outputs));
}

void RequestCount::Begin(const ServedVersion& version, const std::vector<Value>& arguments) {
  look_for_nan_ = version.stats.look_for_nan() && std::none_of(arguments.begin(), arguments.end(), HoldsNan);
  huge_inputs_ = look_for_nan_ && std::any_of(arguments.begin(), arguments.end(), HoldsHuge);
}

void RequestCount::End(const ServedVersion& version, const absl::StatusOr<Value>& value,
                       int64_t nanoseconds) const {
  const bool looked = look_for_nan_ && value.ok();
  version.stats.Record({.code = value.status().code(),
                        .nanoseconds = nanoseconds,
                        .looked_for_nan = looked,
                        .not_a_number = looked && HoldsNan(*value),
                        .huge_inputs = huge_inputs_});
}

}  // namespace modeld
