#include "daemon/engine/libtorch/variants.h"

#include <torch/csrc/jit/api/module.h>

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "daemon/engine/libtorch/freeze.h"
#include "daemon/engine/libtorch/map_tensors.h"

namespace modeld {
namespace {

constexpr char kEngine[] = "libtorch";
constexpr char kForward[] = "forward";
constexpr char kFrozen[] = "frozen";
constexpr char kChannelsLast[] = "channels-last";

// Weights of two-dimensional convolutions; other parameters of four dimensions lose nothing by it.
void LayOutChannelsLast(const torch::jit::Module& module) {
  for (at::Tensor parameter : module.parameters()) {
    if (parameter.dim() == 4) parameter.set_data(parameter.contiguous(at::MemoryFormat::ChannelsLast));
  }
}

// Not by Module::to, which takes integers and booleans for numbers to be rounded, too.
void RoundToBf16(const torch::jit::Module& module) {
  std::unordered_set<const c10::TensorImpl*> rounded;  // of a tensor that has several names
  const auto round = [&rounded](at::Tensor tensor) {
    if (!rounded.insert(tensor.unsafeGetTensorImpl()).second) return;
    TORCH_CHECK(!tensor.is_floating_point() || tensor.scalar_type() == at::kFloat,
                "it has parameters or buffers of dtype ", tensor.dtype(),
                ", and only FP32 is rounded to BF16");
    TORCH_CHECK(!tensor.is_complex(), "it has complex parameters or buffers");
    if (tensor.scalar_type() == at::kFloat) tensor.set_data(tensor.to(at::kBFloat16));
  };
  for (const at::Tensor& parameter : module.parameters()) round(parameter);
  for (const at::Tensor& buffer : module.buffers()) round(buffer);
}

std::vector<std::string> Others(const std::vector<std::string>& methods) {
  std::vector<std::string> others;
  std::copy_if(methods.begin(), methods.end(), std::back_inserter(others),
               [](const std::string& method) { return method != kForward; });
  return others;
}

}  // namespace

std::vector<Plan> LibtorchPlans() {
  std::vector<Plan> plans = {{.engine = kEngine, .variant = "", .precision = Precision::kAsSaved}};
  for (const char* variant : {kFrozen, kChannelsLast}) {
    plans.push_back({.engine = kEngine, .variant = variant, .precision = Precision::kAsSaved});
  }
  for (const char* variant : {kFrozen, kChannelsLast}) {
    plans.push_back({.engine = kEngine, .variant = variant, .precision = Precision::kBf16});
  }
  return plans;
}

bool IsAsSaved(const Plan& plan) { return plan.variant.empty() && plan.precision == Precision::kAsSaved; }

torch::jit::Module Prepare(torch::jit::Module module, const Plan& plan,
                           const std::vector<std::string>& methods) {
  if (IsAsSaved(plan)) return module;
  if (plan.precision == Precision::kBf16) RoundToBf16(module);
  if (plan.variant == kChannelsLast) LayOutChannelsLast(module);
  return Freeze(module, Others(methods));
}

c10::IValue Convert(c10::IValue value, at::ScalarType from, at::ScalarType to) {
  return MapTensors(std::move(value), [from, to](const at::Tensor& tensor) {
    return tensor.scalar_type() == from ? tensor.to(to) : tensor;
  });
}

}  // namespace modeld
