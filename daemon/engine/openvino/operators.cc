#include "daemon/engine/openvino/operators.h"

#include <torch/csrc/jit/ir/constants.h>

#include <optional>
#include <unordered_map>

#include "absl/strings/str_cat.h"

namespace modeld {
namespace {

using torch::jit::Node;

constexpr DTypes F = kFloats, I = kIntegers, B = kBooleans, U = kBytesOnly;

// The argument as a constant; none: it is computed.
std::optional<c10::IValue> Constant(const Node& node, const char* argument) {
  const std::optional<int> index = node.schema().argumentIndexWithName(argument);
  if (!index) return std::nullopt;
  return torch::jit::toIValue(node.input(static_cast<size_t>(*index)));
}

std::string HasToBe(const char* argument, const char* what) {
  return absl::StrCat("its argument ", argument, " has to be ", what);
}

template <const char* kArgument>
std::string NotNone(const Node& node) {
  const std::optional<c10::IValue> value = Constant(node, kArgument);
  return value && value->isNone() ? "" : HasToBe(kArgument, "None");
}

template <const char* kArgument>
std::string NotFalse(const Node& node) {
  const std::optional<c10::IValue> value = Constant(node, kArgument);
  return value && value->isBool() && !value->toBool() ? "" : HasToBe(kArgument, "False");
}

template <const char* kArgument>
std::string NotZero(const Node& node) {
  const std::optional<c10::IValue> value = Constant(node, kArgument);
  return value && value->isDouble() && value->toDouble() == 0 ? "" : HasToBe(kArgument, "0");
}

template <const char* kArgument>
std::string NotConstant(const Node& node) {
  return Constant(node, kArgument) ? "" : HasToBe(kArgument, "a constant");
}

template <std::string (*kFirst)(const Node&), std::string (*kSecond)(const Node&)>
std::string Either(const Node& node) {
  std::string why = kFirst(node);
  return why.empty() ? kSecond(node) : why;
}

constexpr char kDtype[] = "dtype", kTrain[] = "train", kTraining[] = "training", kDropout[] = "dropout",
               kDropoutP[] = "dropout_p", kCeilMode[] = "ceil_mode", kIsCausal[] = "is_causal",
               kScale[] = "scale", kAlpha[] = "alpha", kDim[] = "dim", kDivisorOverride[] = "divisor_override",
               kMemoryFormat[] = "memory_format", kLayout[] = "layout", kEnableGqa[] = "enable_gqa",
               kSparse[] = "sparse", kStep[] = "step", kMode[] = "mode";

// OpenVINO takes from an index that is beyond the end, where LibTorch raises; the first and the last are always
// there.
std::string BeyondTheEnd(const Node& node) {
  const std::optional<c10::IValue> index = Constant(node, "index");
  if (index && (index->toInt() == 0 || index->toInt() == -1)) return "";
  const auto type = node.input(0)->type()->cast<c10::TensorType>();
  const std::optional<c10::IValue> dim = Constant(node, kDim);
  if (!index || !dim || type == nullptr || !type->dim()) return HasToBe("index", "0, -1 or within a known size");
  const auto rank = static_cast<int64_t>(*type->dim());
  const int64_t axis = dim->toInt() < 0 ? dim->toInt() + rank : dim->toInt();
  if (axis < 0 || axis >= rank) return HasToBe(kDim, "within the tensor's rank");
  const std::optional<int64_t> size = type->sizes()[static_cast<size_t>(axis)];
  if (!size || index->toInt() >= *size || index->toInt() < -*size) {
    return HasToBe("index", "0, -1 or within a known size");
  }
  return "";
}

// Of which the division rounds down as it does towards zero.
bool IsNotNegative(const torch::jit::Value* value, int depth = 0) {
  if (depth > 20) return false;
  if (const std::optional<c10::IValue> constant = torch::jit::toIValue(value)) {
    return constant->isInt() && constant->toInt() >= 0;
  }
  const Node& node = *value->node();
  switch (node.kind()) {
    case torch::jit::aten::size:
    case torch::jit::aten::len:
    case torch::jit::aten::dim:
      return value->type()->kind() == c10::TypeKind::IntType;
    case torch::jit::aten::add:
    case torch::jit::aten::mul:
    case torch::jit::aten::floordiv:
      return IsNotNegative(node.input(0), depth + 1) && IsNotNegative(node.input(1), depth + 1);
    default:
      return false;
  }
}

std::string MayRoundOtherwise(const Node& node) {
  const std::optional<c10::IValue> divisor = torch::jit::toIValue(node.input(1));
  if (IsNotNegative(node.input(0)) && divisor && divisor->toInt() > 0) return "";
  return "it rounds negative numbers otherwise";
}

constexpr Operator kOperators[] = {
    // Element by element.
    {"aten::abs", F, Gives::kSame, nullptr},
    {"aten::add.Scalar", F, Gives::kSame, NotConstant<kAlpha>},
    {"aten::add.Tensor", F, Gives::kSame, NotConstant<kAlpha>},
    {"aten::ceil", F, Gives::kSame, nullptr},
    {"aten::clamp", F, Gives::kSame, nullptr},
    {"aten::clamp_max", F, Gives::kSame, nullptr},
    {"aten::clamp_min", F, Gives::kSame, nullptr},
    {"aten::cos", F, Gives::kSame, nullptr},
    {"aten::div.Scalar", F, Gives::kSame, nullptr},
    {"aten::div.Tensor", F, Gives::kSame, nullptr},
    {"aten::elu", F, Gives::kSame, nullptr},
    {"aten::erf", F, Gives::kSame, nullptr},
    {"aten::exp", F, Gives::kSame, nullptr},
    {"aten::floor", F, Gives::kSame, nullptr},
    {"aten::gelu", F, Gives::kSame, nullptr},
    {"aten::hardsigmoid", F, Gives::kSame, nullptr},
    {"aten::hardswish", F, Gives::kSame, nullptr},
    {"aten::hardtanh", F, Gives::kSame, nullptr},
    {"aten::leaky_relu", F, Gives::kSame, nullptr},
    {"aten::log", F, Gives::kSame, nullptr},
    {"aten::maximum", F, Gives::kSame, nullptr},
    {"aten::minimum", F, Gives::kSame, nullptr},
    {"aten::mish", F, Gives::kSame, nullptr},
    {"aten::mul.Scalar", F, Gives::kSame, nullptr},
    {"aten::mul.Tensor", F, Gives::kSame, nullptr},
    {"aten::neg", F, Gives::kSame, nullptr},
    {"aten::pow.Tensor_Scalar", F, Gives::kSame, nullptr},
    {"aten::prelu", F, Gives::kSame, nullptr},
    {"aten::reciprocal", F, Gives::kSame, nullptr},
    {"aten::relu", F, Gives::kSame, nullptr},
    {"aten::relu6", F, Gives::kSame, nullptr},
    {"aten::rsqrt", F, Gives::kSame, nullptr},
    {"aten::rsub.Scalar", F, Gives::kSame, NotConstant<kAlpha>},
    {"aten::sigmoid", F, Gives::kSame, nullptr},
    {"aten::silu", F, Gives::kSame, nullptr},
    {"aten::sin", F, Gives::kSame, nullptr},
    {"aten::softplus", F, Gives::kSame, nullptr},
    {"aten::sqrt", F, Gives::kSame, nullptr},
    {"aten::square", F, Gives::kSame, nullptr},
    {"aten::sub.Scalar", F, Gives::kSame, NotConstant<kAlpha>},
    {"aten::sub.Tensor", F, Gives::kSame, NotConstant<kAlpha>},
    {"aten::tanh", F, Gives::kSame, nullptr},
    // To booleans, and with them.
    {"aten::bitwise_not", B, Gives::kSame, nullptr},
    {"aten::eq.Scalar", F | I, Gives::kBoolean, nullptr},
    {"aten::eq.Tensor", F | I, Gives::kBoolean, nullptr},
    {"aten::ge.Scalar", F | I, Gives::kBoolean, nullptr},
    {"aten::ge.Tensor", F | I, Gives::kBoolean, nullptr},
    {"aten::gt.Scalar", F | I, Gives::kBoolean, nullptr},
    {"aten::gt.Tensor", F | I, Gives::kBoolean, nullptr},
    {"aten::le.Scalar", F | I, Gives::kBoolean, nullptr},
    {"aten::le.Tensor", F | I, Gives::kBoolean, nullptr},
    {"aten::logical_and", B, Gives::kBoolean, nullptr},
    {"aten::logical_not", B, Gives::kBoolean, nullptr},
    {"aten::logical_or", B, Gives::kBoolean, nullptr},
    {"aten::lt.Scalar", F | I, Gives::kBoolean, nullptr},
    {"aten::lt.Tensor", F | I, Gives::kBoolean, nullptr},
    {"aten::masked_fill.Scalar", F | B, Gives::kSame, nullptr},
    {"aten::ne.Scalar", F | I, Gives::kBoolean, nullptr},
    {"aten::ne.Tensor", F | I, Gives::kBoolean, nullptr},
    {"aten::where.self", F | B, Gives::kSecond, nullptr},
    // Over dimensions.
    {"aten::amax", F, Gives::kSame, nullptr},
    {"aten::amin", F, Gives::kSame, nullptr},
    {"aten::log_softmax.int", F, Gives::kSame, NotNone<kDtype>},
    {"aten::mean", F, Gives::kSame, NotNone<kDtype>},
    {"aten::mean.dim", F, Gives::kSame, NotNone<kDtype>},
    {"aten::softmax.int", F, Gives::kSame, NotNone<kDtype>},
    {"aten::sum", F, Gives::kSame, NotNone<kDtype>},
    {"aten::sum.dim_IntList", F, Gives::kSame, NotNone<kDtype>},
    // Layers.
    {"aten::_convolution", F, Gives::kSame, nullptr},
    {"aten::adaptive_avg_pool1d", F, Gives::kSame, nullptr},
    {"aten::adaptive_avg_pool2d", F, Gives::kSame, nullptr},
    {"aten::addmm", F, Gives::kSame, nullptr},
    {"aten::avg_pool2d", F, Gives::kSame, Either<NotFalse<kCeilMode>, NotNone<kDivisorOverride>>},
    {"aten::batch_norm", F, Gives::kSame, NotFalse<kTraining>},
    {"aten::bmm", F, Gives::kSame, nullptr},
    {"aten::conv1d", F, Gives::kSame, nullptr},
    {"aten::conv2d", F, Gives::kSame, nullptr},
    {"aten::conv3d", F, Gives::kSame, nullptr},
    {"aten::conv_transpose1d", F, Gives::kSame, nullptr},
    {"aten::conv_transpose2d.input", F, Gives::kSame, nullptr},
    {"aten::dropout", F, Gives::kSame, NotFalse<kTrain>},
    {"aten::feature_dropout", F, Gives::kSame, NotFalse<kTrain>},
    {"aten::group_norm", F, Gives::kSame, nullptr},
    {"aten::gru.input", F, Gives::kSame, NotFalse<kTrain>},
    {"aten::layer_norm", F, Gives::kSame, nullptr},
    {"aten::linear", F, Gives::kSame, nullptr},
    {"aten::lstm.input", F, Gives::kSame, NotFalse<kTrain>},
    {"aten::matmul", F, Gives::kSame, nullptr},
    {"aten::max_pool1d", F, Gives::kSame, NotFalse<kCeilMode>},
    {"aten::max_pool2d", F, Gives::kSame, NotFalse<kCeilMode>},
    {"aten::mm", F, Gives::kSame, nullptr},
    {"aten::scaled_dot_product_attention", F | B, Gives::kSame,
     Either<NotZero<kDropoutP>, NotFalse<kEnableGqa>>},
    // Moving elements.
    {"aten::cat", F | I | B, Gives::kSame, nullptr},
    {"aten::chunk", F | I | B, Gives::kSame, nullptr},
    {"aten::clone", F | I | B | U, Gives::kSame, nullptr},
    {"aten::constant_pad_nd", F, Gives::kSame, nullptr},
    {"aten::contiguous", F | I | B | U, Gives::kSame, nullptr},
    {"aten::expand", F | I | B, Gives::kSame, nullptr},
    {"aten::expand_as", F | I | B, Gives::kSame, nullptr},
    {"aten::flatten.using_ints", F | I | B | U, Gives::kSame, nullptr},
    {"aten::permute", F | I | B | U, Gives::kSame, nullptr},
    {"aten::pixel_shuffle", F, Gives::kSame, nullptr},
    {"aten::repeat", F | I | B, Gives::kSame, nullptr},
    {"aten::reshape", F | I | B | U, Gives::kSame, nullptr},
    {"aten::select.int", F | I | B, Gives::kSame, BeyondTheEnd},
    {"aten::slice.Tensor", F | I | B, Gives::kSame, NotConstant<kStep>},
    {"aten::split.Tensor", F | I | B, Gives::kSame, nullptr},
    {"aten::squeeze.dim", F | I | B, Gives::kSame, nullptr},
    {"aten::stack", F | I | B, Gives::kSame, nullptr},
    {"aten::t", F | I | B, Gives::kSame, nullptr},
    {"aten::transpose.int", F | I | B | U, Gives::kSame, nullptr},
    {"aten::unbind.int", F | I | B, Gives::kSame, nullptr},
    {"aten::unsqueeze", F | I | B | U, Gives::kSame, nullptr},
    {"aten::upsample_bilinear2d.vec", F, Gives::kSame, nullptr},
    {"aten::upsample_nearest2d.vec", F, Gives::kSame, nullptr},
    {"aten::view", F | I | B | U, Gives::kSame, nullptr},
    // Between dtypes, and new tensors.
    {"aten::to.dtype", F | I | B | U, Gives::kDTypeArgument, nullptr},
    {"aten::zeros", F, Gives::kDTypeArgument, nullptr},
    {"aten::ones", F, Gives::kDTypeArgument, nullptr},
    {"aten::zeros_like", F, Gives::kSame, NotNone<kDtype>},
    {"aten::ones_like", F, Gives::kSame, NotNone<kDtype>},
    // Tables: see Eligibility for what their indices have to be.
    {"aten::embedding", F | I, Gives::kSame, NotFalse<kSparse>},
    // Sizes, and numbers made of them.
    {"aten::__and__.bool", 0, Gives::kSame, nullptr},
    {"aten::__getitem__.t", F | I | B, Gives::kSame, nullptr},
    {"aten::__not__", 0, Gives::kSame, nullptr},
    {"aten::add.int", 0, Gives::kSame, nullptr},
    {"aten::dim", F | I | B | U, Gives::kSame, nullptr},
    {"aten::eq.int", 0, Gives::kSame, nullptr},
    {"aten::floordiv.int", 0, Gives::kSame, MayRoundOtherwise},
    {"aten::ge.int", 0, Gives::kSame, nullptr},
    {"aten::gt.int", 0, Gives::kSame, nullptr},
    {"aten::le.int", 0, Gives::kSame, nullptr},
    {"aten::lt.int", 0, Gives::kSame, nullptr},
    {"aten::mul.int", 0, Gives::kSame, nullptr},
    {"aten::ne.int", 0, Gives::kSame, nullptr},
    {"aten::size", F | I | B | U, Gives::kSame, nullptr},
    {"aten::size.int", F | I | B | U, Gives::kSame, nullptr},
    {"aten::sub.int", 0, Gives::kSame, nullptr},
    {"aten::Bool.Tensor", F | I | B, Gives::kSame, nullptr},
};

const std::unordered_map<std::string, const Operator*>& Table() {
  static const auto* const table = [] {
    auto* const made = new std::unordered_map<std::string, const Operator*>();
    for (const Operator& each : kOperators) made->emplace(each.name, &each);
    return made;
  }();
  return *table;
}

}  // namespace

const Operator* FindOperator(const std::string& name) {
  const auto found = Table().find(name);
  return found == Table().end() ? nullptr : found->second;
}

std::vector<std::string> OperatorNames() {
  std::vector<std::string> names;
  for (const Operator& each : kOperators) names.emplace_back(each.name);
  return names;
}

}  // namespace modeld
