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
    if (!rule.has_rows[i] || joined[i].get_if<Tensor>() == nullptr) {
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

// Generated integers and booleans are all 0, and rows that are alike can be mixed up unseen.
void MakeRowsDiffer(Value& value) {
  Tensor* const tensor = value.get_if<Tensor>();
  if (tensor == nullptr || tensor->shape.empty() || tensor->shape.front() == 0) return;
  const auto rows = static_cast<size_t>(tensor->shape.front());
  const size_t item = ItemSize(tensor->dtype), row_bytes = tensor->buffer.size / rows;
  switch (tensor->dtype) {
    case DType::kBool:
    case DType::kInt8:
    case DType::kInt16:
    case DType::kInt32:
    case DType::kInt64:
    case DType::kUint8:
    case DType::kUint16:
    case DType::kUint32:
    case DType::kUint64:
      break;
    default:
      return;
  }
  // 1, 0, 0: rows that are shifted, turned round or sorted come to lie in another request. Little-endian; an
  // index into everything that has two elements.
  for (size_t at = 0; at + item <= row_bytes; at += item) static_cast<char*>(tensor->buffer.data)[at] = 1;
}

const std::vector<int64_t> kRows = {2, 1};
constexpr int64_t kTotal = 3;

absl::Status Compare(Executable& executable, const Declarations& declared, const Tolerance& tolerance,
                     const BatchRule& rule, const std::vector<Value>& joined) {
  MODELD_ASSIGN_OR_RETURN(const std::vector<std::vector<Value>> requests,
                          SplitArguments(rule, joined, kRows, kTotal));
  MODELD_ASSIGN_OR_RETURN(const Value together, executable.Run(kForward, Copy(joined)));
  const absl::StatusOr<std::vector<Value>> parts = SplitRows(together, kRows, kTotal);
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

}  // namespace

absl::Status CheckBatching(Executable& executable, const Declarations& declared, const Tolerance& tolerance) {
  const Method& forward = executable.methods()[kForward];
  MODELD_ASSIGN_OR_RETURN(const BatchRule rule, MakeBatchRule(forward, declared.inputs));
  MODELD_ASSIGN_OR_RETURN(NamedValues inputs, GenerateInputs(declared.inputs, kTotal));
  MODELD_ASSIGN_OR_RETURN(const std::vector<Value> joined,
                          BindArguments(forward, declared.inputs, std::move(inputs)));
  std::vector<Value> varied = Copy(joined);
  for (size_t i = 0; i < varied.size(); ++i) {
    if (rule.has_rows[i]) MakeRowsDiffer(varied[i]);
  }
  const absl::Status compared = Compare(executable, declared, tolerance, rule, varied);
  // A 1 may be no index into what the model has.
  if (compared.ok() || absl::IsInvalidArgument(compared)) return compared;
  return Compare(executable, declared, tolerance, rule, joined);
}

}  // namespace modeld
