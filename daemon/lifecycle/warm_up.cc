#include "daemon/lifecycle/warm_up.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/engine/bind.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

constexpr size_t kForward = 0;
// LibTorch's profiling executor records the first call, specializes on the second and runs compiled code from
// the third on.
constexpr int kCallsPerSize = 3;
// A shape that takes more than this is a mistake, or no shape to try without being asked.
constexpr int64_t kMaxTensorBytes = 256 << 20;

const DeclaredTensor* FindDeclared(const std::vector<DeclaredTensor>& inputs, const std::string& name) {
  const auto found = std::find_if(inputs.begin(), inputs.end(),
                                  [&](const DeclaredTensor& input) { return input.name == name; });
  return found == inputs.end() ? nullptr : &*found;
}

bool IsComplete(const DeclaredTensor* declared) {
  return declared != nullptr && declared->dtype.has_value() && declared->shape.has_value();
}

bool CanWarm(const Method& forward, const std::vector<DeclaredTensor>& inputs) {
  return std::all_of(forward.arguments.begin(), forward.arguments.end(), [&](const Argument& argument) {
    return argument.default_value.has_value() || IsComplete(FindDeclared(inputs, argument.name));
  });
}

std::vector<int64_t> ShapeFor(const DeclaredTensor& declared, int64_t batch_size) {
  std::vector<int64_t> shape = *declared.shape;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == -1) shape[i] = i == 0 ? batch_size : 1;
  }
  return shape;
}

absl::StatusOr<Tensor> Zeros(DType dtype, std::vector<int64_t> shape) {
  MODELD_ASSIGN_OR_RETURN(const int64_t elements, ElementCount(shape, dtype));
  const int64_t item_bytes = dtype == DType::kBytes ? sizeof(std::string) : ItemSize(dtype);
  if (elements > kMaxTensorBytes / item_bytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("larger than ", kMaxTensorBytes >> 20, " MiB, which is the limit of a warm-up"));
  }
  Tensor tensor;
  tensor.dtype = dtype;
  tensor.shape = std::move(shape);
  if (dtype == DType::kBytes) {
    tensor.strings.resize(elements);
  } else {
    tensor.buffer = Buffer::Allocate(elements * item_bytes);
    if (tensor.buffer.size > 0) std::memset(tensor.buffer.data, 0, tensor.buffer.size);
  }
  return tensor;
}

// New zeros for every call: a model may work in place on its inputs.
absl::Status CallForward(Executable& executable, const std::vector<DeclaredTensor>& inputs,
                         int64_t batch_size) {
  NamedValues values;
  for (const DeclaredTensor& declared : inputs) {
    if (!IsComplete(&declared)) continue;  // it has a default
    MODELD_ASSIGN_OR_RETURN(Tensor zeros, Zeros(*declared.dtype, ShapeFor(declared, batch_size)));
    values[declared.name] = Value{std::move(zeros)};
  }
  MODELD_ASSIGN_OR_RETURN(std::vector<Value> arguments,
                          BindArguments(executable.methods()[kForward], inputs, std::move(values)));
  return executable.Run(kForward, std::move(arguments)).status();
}

// "x FP32[1,3], mask BOOL[1]".
std::string DescribeInputs(const std::vector<DeclaredTensor>& inputs, int64_t batch_size) {
  std::vector<std::string> texts;
  for (const DeclaredTensor& declared : inputs) {
    if (!IsComplete(&declared)) continue;
    texts.push_back(
        absl::StrCat(declared.name, " ", TensorSummary(*declared.dtype, ShapeFor(declared, batch_size))));
  }
  return absl::StrJoin(texts, ", ");
}

}  // namespace

std::vector<std::string> WarmUp(Executable& executable, const std::vector<DeclaredTensor>& inputs,
                                const std::vector<int64_t>& batch_sizes) {
  std::vector<std::string> warnings;
  if (!CanWarm(executable.methods()[kForward], inputs)) return warnings;
  for (const int64_t batch_size : batch_sizes) {
    absl::Status status;
    for (int call = 0; call < kCallsPerSize && status.ok(); ++call) {
      status = CallForward(executable, inputs, batch_size);
    }
    if (status.ok()) continue;
    warnings.push_back(absl::StrCat("warm-up failed on zeros for ", DescribeInputs(inputs, batch_size), ": ",
                                    std::string(status.message())));
  }
  return warnings;
}

}  // namespace modeld
