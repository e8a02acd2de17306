#include "daemon/engine/libtorch/variants.h"

#include <torch/csrc/jit/api/module.h>

#include <algorithm>
#include <utility>

#include "daemon/engine/libtorch/freeze.h"

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
  const auto round = [](at::Tensor tensor) {
    TORCH_CHECK(!tensor.is_floating_point() || tensor.scalar_type() == at::kFloat,
                "it has parameters or buffers of dtype ", tensor.dtype(),
                ", and only FP32 is rounded to BF16");
    TORCH_CHECK(!tensor.is_complex(), "it has complex parameters or buffers");
    if (tensor.scalar_type() == at::kFloat) tensor.set_data(tensor.to(at::kBFloat16));
  };
  for (const at::Tensor& parameter : module.parameters()) round(parameter);
  for (const at::Tensor& buffer : module.buffers()) round(buffer);
}

// Whether a value of the type may hold a tensor.
bool MayHoldTensors(const c10::TypePtr& type) {
  switch (type->kind()) {
    case c10::TypeKind::IntType:
    case c10::TypeKind::FloatType:
    case c10::TypeKind::BoolType:
    case c10::TypeKind::StringType:
    case c10::TypeKind::ComplexType:
      return false;
    default:
      return true;
  }
}

// A value may contain itself, by way of List[Any].
constexpr int kMaxDepth = 100;

std::vector<std::string> Others(const std::vector<std::string>& methods) {
  std::vector<std::string> others;
  std::copy_if(methods.begin(), methods.end(), std::back_inserter(others),
               [](const std::string& method) { return method != kForward; });
  return others;
}

c10::IValue ConvertBelow(c10::IValue value, at::ScalarType from, at::ScalarType to, int depth) {
  if (value.isTensor()) {
    const at::Tensor& tensor = value.toTensor();
    return tensor.defined() && tensor.scalar_type() == from ? c10::IValue(tensor.to(to)) : value;
  }
  if (depth >= kMaxDepth) return value;
  // Containers are copied: a module may keep what it returns.
  if (value.isTuple()) {
    const auto& tuple = value.toTupleRef();
    std::vector<c10::IValue> elements;
    for (const c10::IValue& element : tuple.elements()) {
      elements.push_back(ConvertBelow(element, from, to, depth + 1));
    }
    return c10::ivalue::Tuple::createNamed(std::move(elements), tuple.type());
  }
  if (value.isList() && MayHoldTensors(value.toList().elementType())) {
    const c10::impl::GenericList list = value.toList().copy();
    for (size_t i = 0; i < list.size(); ++i) list.set(i, ConvertBelow(list.get(i), from, to, depth + 1));
    return list;
  }
  if (value.isGenericDict() && MayHoldTensors(value.toGenericDict().valueType())) {
    const c10::impl::GenericDict dict = value.toGenericDict().copy();
    for (const auto& entry : dict) entry.setValue(ConvertBelow(entry.value(), from, to, depth + 1));
    return dict;
  }
  return value;
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
  return ConvertBelow(std::move(value), from, to, 0);
}

}  // namespace modeld
