#include "daemon/probe/check_batching.h"

#include <algorithm>
#include <map>
#include <optional>
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

// A request to `forward` as part of a batch.
struct Part {
  std::vector<Value> arguments;
  int64_t rows = 0;
};

// The requests that `joined` is made of.
absl::StatusOr<std::vector<Part>> SplitArguments(const BatchRule& rule, const std::vector<Value>& joined,
                                                 const std::vector<int64_t>& rows, int64_t total) {
  std::vector<Part> requests;
  requests.reserve(rows.size());
  for (const int64_t of_one : rows) requests.push_back({.arguments = {}, .rows = of_one});
  for (size_t i = 0; i < joined.size(); ++i) {
    if (!rule.has_rows[i] || joined[i].get_if<Tensor>() == nullptr) {
      for (Part& request : requests) request.arguments.push_back(joined[i]);
      continue;
    }
    MODELD_ASSIGN_OR_RETURN(std::vector<Value> parts, SplitRows(joined[i], rows, total));
    for (size_t request = 0; request < requests.size(); ++request) {
      requests[request].arguments.push_back(std::move(parts[request]));
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

constexpr int64_t kTotal = 3;

// Runs the requests alone and as one batch.
absl::Status Compare(Executable& executable, const Declarations& declared, const Tolerance& tolerance,
                     const BatchRule& rule, const std::vector<Part>& requests) {
  std::vector<const std::vector<Value>*> arguments;
  std::vector<int64_t> rows;
  int64_t total = 0;
  for (const Part& request : requests) {
    arguments.push_back(&request.arguments);
    rows.push_back(request.rows);
    total += request.rows;
  }
  MODELD_ASSIGN_OR_RETURN(const Value together,
                          executable.Run(kForward, JoinRows(rule, arguments, /*padding_rows=*/0)));
  const absl::StatusOr<std::vector<Value>> parts = SplitRows(together, rows, total);
  if (!parts.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("batching: ", parts.status().message(), ", so that a batch cannot be taken apart"));
  }
  for (size_t i = 0; i < requests.size(); ++i) {
    MODELD_ASSIGN_OR_RETURN(Value alone, executable.Run(kForward, Copy(requests[i].arguments)));
    const v1::GoldenResult compared = CompareOutputs(NameOutputs(std::move(alone), declared.outputs),
                                                     NameOutputs((*parts)[i], declared.outputs), tolerance);
    if (compared.passed()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("batching: a request comes out otherwise in a batch than alone: ", compared.detail()));
  }
  return absl::OkStatus();
}

// The generated rows, as requests of two and of one.
absl::Status CompareRows(Executable& executable, const Declarations& declared, const Tolerance& tolerance,
                         const BatchRule& rule, const std::vector<Value>& joined) {
  MODELD_ASSIGN_OR_RETURN(std::vector<Part> requests, SplitArguments(rule, joined, {2, 1}, kTotal));
  return Compare(executable, declared, tolerance, rule, requests);
}

// As many of the requests as a batch holds, the smallest first; where that is one, twice. Empty: not even
// that.
std::vector<Part> BatchOf(std::vector<Part> requests, int64_t max_rows) {
  std::stable_sort(requests.begin(), requests.end(),
                   [](const Part& a, const Part& b) { return a.rows < b.rows; });
  std::vector<Part> batch;
  int64_t rows = 0;
  for (Part& request : requests) {
    if (rows + request.rows > max_rows) break;
    rows += request.rows;
    batch.push_back(std::move(request));
  }
  if (batch.size() > 1) return batch;
  if (batch.empty() || 2 * rows > max_rows) return {};
  batch.push_back({Copy(batch[0].arguments), rows});
  return batch;
}

}  // namespace

absl::Status CheckBatching(Executable& executable, const Declarations& declared, const Tolerance& tolerance,
                           bool may_fail) {
  const Method& forward = executable.methods()[kForward];
  MODELD_ASSIGN_OR_RETURN(const BatchRule rule, MakeBatchRule(forward, declared.inputs));
  MODELD_ASSIGN_OR_RETURN(NamedValues inputs, GenerateInputs(declared.inputs, kTotal));
  MODELD_ASSIGN_OR_RETURN(const std::vector<Value> joined,
                          BindArguments(forward, declared.inputs, std::move(inputs)));
  if (may_fail) {
    std::vector<Value> varied = Copy(joined);
    for (size_t i = 0; i < varied.size(); ++i) {
      if (rule.has_rows[i]) MakeRowsDiffer(varied[i]);
    }
    const absl::Status compared = CompareRows(executable, declared, tolerance, rule, varied);
    if (compared.ok() || absl::IsInvalidArgument(compared)) return compared;
  }
  return CompareRows(executable, declared, tolerance, rule, joined);
}

absl::Status CheckBatching(Executable& executable, const Declarations& declared,
                           const std::vector<GoldenSample>& samples, int64_t max_rows,
                           const Tolerance& tolerance) {
  const Method& forward = executable.methods()[kForward];
  MODELD_ASSIGN_OR_RETURN(const BatchRule rule, MakeBatchRule(forward, declared.inputs));
  std::map<BatchKey, std::vector<Part>> batches;
  for (const GoldenSample& sample : samples) {
    if (!sample.method.empty() && sample.method != forward.name) continue;
    // What the model does not take is told when the sample itself is run.
    absl::StatusOr<std::vector<Value>> arguments =
        BindArguments(forward, declared.inputs, DeepCopy(sample.inputs));
    if (!arguments.ok()) continue;
    if (std::optional<BatchPart> part = PartOf(rule, *arguments)) {
      batches[std::move(part->key)].push_back({.arguments = *std::move(arguments), .rows = part->rows});
    }
  }
  bool tried = false;
  for (auto& [key, requests] : batches) {
    const std::vector<Part> batch = BatchOf(std::move(requests), max_rows);
    if (batch.empty()) continue;
    MODELD_RETURN_IF_ERROR(Compare(executable, declared, tolerance, rule, batch));
    tried = true;
  }
  return tried ? absl::OkStatus() : absl::NotFoundError("no golden sample of forward can be joined");
}

}  // namespace modeld
