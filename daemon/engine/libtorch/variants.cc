#include "daemon/engine/libtorch/variants.h"

#include <torch/csrc/jit/api/module.h>

#include <algorithm>
#include <utility>

namespace modeld {
namespace {

constexpr char kEngine[] = "libtorch";
constexpr char kForward[] = "forward";
constexpr char kFrozen[] = "frozen";
constexpr char kOptimized[] = "optimized";
constexpr char kChannelsLast[] = "channels-last";

// Weights of two-dimensional convolutions; other parameters of four dimensions lose nothing by it.
void LayOutChannelsLast(const torch::jit::Module& module) {
  for (at::Tensor parameter : module.parameters()) {
    if (parameter.dim() == 4) parameter.set_data(parameter.contiguous(at::MemoryFormat::ChannelsLast));
  }
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
  for (const char* variant : {kFrozen, kOptimized, kChannelsLast}) {
    plans.push_back({.engine = kEngine, .variant = variant, .precision = Precision::kAsSaved});
  }
  for (const char* variant : {kFrozen, kChannelsLast}) {
    plans.push_back({.engine = kEngine, .variant = variant, .precision = Precision::kBf16});
  }
  return plans;
}

torch::jit::Module Prepare(torch::jit::Module module, const Plan& plan,
                           const std::vector<std::string>& methods) {
  if (plan.is_as_saved()) return module;
  if (plan.precision == Precision::kBf16) module.to(at::kBFloat16);
  if (plan.variant == kChannelsLast) LayOutChannelsLast(module);
  const std::vector<std::string> others = Others(methods);
  torch::jit::Module frozen = torch::jit::freeze(module, others);
  if (plan.variant != kOptimized) return frozen;
  return torch::jit::optimize_for_inference(frozen, others);
}

c10::IValue Convert(c10::IValue value, at::ScalarType from, at::ScalarType to) {
  if (value.isTensor()) {
    const at::Tensor& tensor = value.toTensor();
    return tensor.defined() && tensor.scalar_type() == from ? c10::IValue(tensor.to(to)) : value;
  }
  // Containers are copied: a module may keep what it returns.
  if (value.isTuple()) {
    const auto& tuple = value.toTupleRef();
    std::vector<c10::IValue> elements;
    for (const c10::IValue& element : tuple.elements()) elements.push_back(Convert(element, from, to));
    return c10::ivalue::Tuple::createNamed(std::move(elements), tuple.type());
  }
  if (value.isTensorList() || value.isList()) {
    const c10::impl::GenericList list = value.toList().copy();
    for (size_t i = 0; i < list.size(); ++i) list.set(i, Convert(list.get(i), from, to));
    return list;
  }
  if (value.isGenericDict()) {
    const c10::impl::GenericDict dict = value.toGenericDict().copy();
    for (const auto& entry : dict) entry.setValue(Convert(entry.value(), from, to));
    return dict;
  }
  return value;
}

}  // namespace modeld
