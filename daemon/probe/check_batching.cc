#include "daemon/probe/check_batching.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/engine/bind.h"
#include "daemon/engine/deep_copy.h"
#include "daemon/probe/compare_outputs.h"
#include "daemon/probe/generated_inputs.h"
#include "daemon/scheduling/batching.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

constexpr size_t kForward = 0;

std::vector<Value> Copy(const std::vector<Value>& values) {
  std::vector<Value> copies;
  copies.reserve(values.size());
  for (const Value& value : values) copies.push_back(DeepCopy(value));
  return copies;
}

// The arguments of one of the requests that `joined` is made of.
absl::StatusOr<std::vector<std::vector<Value>>> SplitArguments(const BatchRule& rule,
                                                               const std::vector<Value>& joined,
                                                               const std::vector<int64_t>& rows,
                                                               int64_t total) {
  std::vector<std::vector<Value>> requests(rows.size());
  for (size_t i = 0; i < joined.size(); ++i) {
    if (!rule.has_rows[i]) {
      for (std::vector<Value>& request : requests) request.push_back(joined[i]);
      continue;
    }
    MODELD_ASSIGN_OR_RETURN(std::vector<Value> parts, SplitRows(joined[i], rows, total));
    for (size_t request = 0; request < requests.size(); ++request) {
      requests[request].push_back(std::move(parts[request]));
    }
  }
  return requests;
}

}  // namespace

absl::Status CheckBatching(Executable& executable, const Declarations& declared, const Tolerance& tolerance) {
  const Method& forward = executable.methods()[kForward];
  const std::vector<int64_t> rows = {2, 1};
  constexpr int64_t kTotal = 3;
  MODELD_ASSIGN_OR_RETURN(const BatchRule rule, MakeBatchRule(forward, declared.inputs));
  MODELD_ASSIGN_OR_RETURN(NamedValues inputs, GenerateInputs(declared.inputs, kTotal));
  MODELD_ASSIGN_OR_RETURN(const std::vector<Value> joined,
                          BindArguments(forward, declared.inputs, std::move(inputs)));
  MODELD_ASSIGN_OR_RETURN(const std::vector<std::vector<Value>> requests,
                          SplitArguments(rule, joined, rows, kTotal));

  MODELD_ASSIGN_OR_RETURN(const Value together, executable.Run(kForward, Copy(joined)));
  const absl::StatusOr<std::vector<Value>> parts = SplitRows(together, rows, kTotal);
  if (!parts.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("batching: ", parts.status().message(), ", so that a batch cannot be taken apart"));
  }
  for (size_t i = 0; i < requests.size(); ++i) {
    MODELD_ASSIGN_OR_RETURN(Value alone, executable.Run(kForward, Copy(requests[i])));
    const v1::GoldenResult compared = CompareOutputs(NameOutputs(std::move(alone), declared.outputs),
                                                     NameOutputs((*parts)[i], declared.outputs), tolerance);
    if (compared.passed()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("batching: a request comes out otherwise in a batch than alone: ", compared.detail()));
  }
  return absl::OkStatus();
}

}  // namespace modeld
