#include "daemon/engine/openvino/operators.h"

#include <torch/csrc/jit/ir/constants.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <unordered_map>

#include "absl/strings/str_cat.h"
#include "daemon/engine/openvino/dimensions.h"

namespace modeld {
namespace {

using torch::jit::Node;

// The argument as a constant; none: it is computed.
std::optional<c10::IValue> Constant(const Node& node, const char* argument) {
  const std::optional<int> index = node.schema().argumentIndexWithName(argument);
  if (!index) return std::nullopt;
  return torch::jit::toIValue(node.input(static_cast<size_t>(*index)));
}

}  // namespace

std::optional<int64_t> SizeAlong(const Node& node) {
  const std::optional<c10::IValue> dim = Constant(node, "dim");
  const auto type = node.input(0)->type()->cast<c10::TensorType>();
  if (!dim || !dim->isInt() || type == nullptr || !type->dim()) return std::nullopt;
  const auto rank = static_cast<int64_t>(*type->dim());
  const int64_t axis = dim->toInt() < 0 ? dim->toInt() + rank : dim->toInt();
  if (axis < 0 || axis >= rank) return std::nullopt;
  return type->sizes()[static_cast<size_t>(axis)];
}

namespace {

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

constexpr char kAttnMask[] = "attn_mask", kDtype[] = "dtype", kTrain[] = "train", kTraining[] = "training",
               kDropoutP[] = "dropout_p", kCeilMode[] = "ceil_mode", kAlpha[] = "alpha", kDim[] = "dim",
               kIndex[] = "index", kDivisorOverride[] = "divisor_override", kEnableGqa[] = "enable_gqa",
               kSparse[] = "sparse", kStep[] = "step";

// Divisors that are computed are guarded; see Guards.
std::string DividesByZero(const Node& node) {
  const std::optional<c10::IValue> divisor = torch::jit::toIValue(node.input(1));
  if (!divisor) return "";
  if (divisor->isScalar() && divisor->toScalar().toDouble() != 0) return "";
  if (divisor->isTensor() && at::all(divisor->toTensor() != 0).item<bool>()) return "";
  return HasToBe("other", "other than zero");
}

std::string OtherPower(const Node& node) {
  const std::optional<c10::IValue> exponent = Constant(node, "exponent");
  const double power = exponent && exponent->isScalar() ? exponent->toScalar().toDouble() : 0;
  for (const double each : {-2.0, -1.0, -0.5, 0.5, 1.5, 2.0, 3.0, 4.0}) {
    if (power == each) return "";
  }
  return HasToBe("exponent", "one of those that are proved");
}

std::string OtherSoftplus(const Node& node) {
  const std::optional<c10::IValue> beta = Constant(node, "beta"), threshold = Constant(node, "threshold");
  const bool is_default =
      beta && beta->toScalar().toDouble() == 1 && threshold && threshold->toScalar().toDouble() == 20;
  return is_default ? "" : HasToBe("beta", "1, and threshold 20");
}

// Minus infinity is looked after by Eligibility.
std::string FillsInfinity(const Node& node) {
  const std::optional<c10::IValue> value = Constant(node, "value");
  const bool is_known = value && value->isScalar() && value->toScalar().toDouble() < 1e30;
  return is_known ? "" : HasToBe("value", "finite, or minus infinity");
}

// Integers are compared as float32, which has all of them up to here.
std::string LargeNumber(const Node& node) {
  const std::optional<c10::IValue> other = Constant(node, "other");
  const bool is_small =
      other && other->isScalar() && std::abs(other->toScalar().toDouble()) <= static_cast<double>(1 << 24);
  return is_small ? "" : HasToBe("other", "a constant up to 2^24");
}

std::string MayBeLarger(const Node& node) {
  return SizeAlong(node) == 1 ? "" : "the dimension has to be known to have size 1";
}

std::string UnevenChunks(const Node& node) {
  const std::optional<int64_t> size = SizeAlong(node);
  const std::optional<c10::IValue> chunks = Constant(node, "chunks");
  const bool is_even = size && chunks && chunks->toInt() > 0 && *size % chunks->toInt() == 0;
  return is_even ? "" : "the dimension's size has to be known, and a multiple of the chunks";
}

// Pieces are unpacked at once, and are as many as LibTorch makes.
std::string UnevenPieces(const Node& node, std::optional<int64_t> count) {
  if (!count) return "the dimension's size and those of the pieces have to be known";
  for (const torch::jit::Use& use : node.output()->uses()) {
    if (use.user->kind() != torch::jit::prim::ListUnpack ||
        use.user->outputs().size() != static_cast<size_t>(*count)) {
      return "its pieces have to be unpacked at once";
    }
  }
  return "";
}

std::string UnevenSplit(const Node& node) {
  const std::optional<int64_t> size = SizeAlong(node);
  const std::optional<c10::IValue> piece = Constant(node, "split_size");
  if (!size || !piece || piece->toInt() <= 0) return UnevenPieces(node, std::nullopt);
  return UnevenPieces(node, (*size + piece->toInt() - 1) / piece->toInt());
}

std::string UnevenSplits(const Node& node) {
  const std::optional<int64_t> size = SizeAlong(node);
  const std::optional<c10::IValue> pieces = Constant(node, "split_sizes");
  if (!size || !pieces || !pieces->isIntList()) return UnevenPieces(node, std::nullopt);
  int64_t sum = 0;
  for (const int64_t piece : pieces->toIntVector()) {
    if (piece <= 0) return "its pieces have to have elements";
    sum += piece;
  }
  if (sum != *size) return "its pieces are not the whole";
  return UnevenPieces(node, static_cast<int64_t>(pieces->toIntVector().size()));
}

std::string UnevenUnbind(const Node& node) { return UnevenPieces(node, SizeAlong(node)); }

bool MayNotBeContiguous(const torch::jit::Value& tensor) {
  const Node& node = *tensor.node();
  switch (node.kind()) {
    case torch::jit::aten::select: {
      const std::optional<c10::IValue> dim = torch::jit::toIValue(node.input(1));
      return !dim || !dim->isInt() || dim->toInt() != 0 || MayNotBeContiguous(*node.input(0));
    }
    case torch::jit::aten::transpose:
    case torch::jit::aten::permute:
    case torch::jit::aten::expand:
    case torch::jit::aten::expand_as:
    case torch::jit::aten::slice:
    case torch::jit::aten::t:
    case torch::jit::aten::chunk:
    case torch::jit::prim::ListUnpack:
    case torch::jit::prim::If:
      return true;
    default:
      return false;
  }
}

// LibTorch raises where strides do not allow the view, OpenVINO has none.
std::string MayNotBeViewed(const Node& node) {
  if (OnlySplitsOneDimension(node) || !MayNotBeContiguous(*node.input(0))) return "";
  return "its tensor may not be contiguous; use reshape";
}

// Sizes that are not given by whole factors come out otherwise, at the edges or altogether.
std::string OtherScales(const Node& node) {
  const std::optional<c10::IValue> size = Constant(node, "output_size"),
                                   scales = Constant(node, "scale_factors");
  bool are_whole = size && size->isNone() && scales && scales->isDoubleList();
  if (are_whole) {
    for (const double scale : scales->toDoubleVector())
      are_whole = are_whole && scale >= 2 && scale == std::floor(scale);
  }
  return are_whole ? "" : HasToBe("scale_factors", "whole numbers from 2 on, and output_size None");
}

// Of which the division rounds down as it does towards zero.
bool IsNotNegative(const torch::jit::Value* value, int depth = 0) {
  if (depth > 20) return false;
  if (const std::optional<c10::IValue> constant = torch::jit::toIValue(value)) {
    return constant->isInt() && constant->toInt() >= 0;
  }
  const Node& node = *value->node();
  switch (node.kind()) {
    case torch::jit::prim::ListUnpack:
      return node.input(0)->node()->kind() == torch::jit::aten::size;
    case torch::jit::aten::size:
    case torch::jit::aten::len:
    case torch::jit::aten::numel:
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

// What is divided by one less than there are is NaN of one.
std::string MayBeOne(const Node& node) {
  const auto type = node.input(0)->type()->cast<c10::TensorType>();
  const std::optional<c10::IValue> dims = Constant(node, kDim);
  if (type == nullptr || !type->dim() || !dims || !dims->isIntList() || dims->toIntVector().empty())
    return HasToBe(kDim, "known");
  const auto rank = static_cast<int64_t>(*type->dim());
  int64_t count = 1;
  for (const int64_t dim : dims->toIntVector()) {
    const std::optional<int64_t> size = type->sizes()[static_cast<size_t>(dim < 0 ? dim + rank : dim)];
    if (!size) return "the sizes of its dimensions have to be known";
    count *= *size;
  }
  const std::optional<c10::IValue> correction = Constant(node, "correction");
  if (node.schema().argumentIndexWithName("correction")) {
    const double number = correction && correction->isScalar() ? correction->toScalar().toDouble() : -1;
    if (number != 0 && number != 1) return HasToBe("correction", "0 or 1");
  }
  return count > 1 ? "" : "there have to be several numbers";
}

std::string OtherStatistics(const Node& node) {
  const std::optional<c10::IValue> of_input = Constant(node, "use_input_stats");
  return of_input && of_input->isBool() && of_input->toBool() ? "" : HasToBe("use_input_stats", "True");
}

bool AreNotNegative(const std::optional<c10::IValue>& list) {
  if (!list || !list->isIntList()) return false;
  const std::vector<int64_t> items = list->toIntVector();
  return std::all_of(items.begin(), items.end(), [](int64_t item) { return item >= 0; });
}

std::string OtherPad(const Node& node) {
  const std::optional<c10::IValue> mode = Constant(node, "mode");
  if (!mode || !mode->isString() || mode->toStringRef() != "constant") return HasToBe("mode", "constant");
  return AreNotNegative(Constant(node, "pad")) ? "" : HasToBe("pad", "constant, and not negative");
}

// LibTorch raises where more is reflected than there is.
template <size_t kDims>
std::string MayReflectMore(const Node& node) {
  const std::optional<c10::IValue> padding = Constant(node, "padding");
  const auto type = node.input(0)->type()->cast<c10::TensorType>();
  if (!AreNotNegative(padding) || padding->toIntVector().size() != 2 * kDims || type == nullptr ||
      type->dim().value_or(0) < kDims) {
    return HasToBe("padding", "constant, and not negative");
  }
  for (size_t i = 0; i < kDims; ++i) {
    const std::optional<int64_t> size = type->sizes()[*type->dim() - 1 - i];
    const int64_t most = std::max(padding->toIntVector()[2 * i], padding->toIntVector()[2 * i + 1]);
    if (!size || most >= *size) return "the size has to be known, and larger than its padding";
  }
  return "";
}

std::string NoDims(const Node& node) {
  const std::optional<c10::IValue> dims = Constant(node, "dims");
  return dims && dims->isIntList() && !dims->toIntVector().empty() ? ""
                                                                   : HasToBe("dims", "constant, and given");
}

// LibTorch raises where there is less than that.
std::string MayBeShorter(const Node& node) {
  const std::optional<int64_t> size = SizeAlong(node);
  const std::optional<c10::IValue> start = Constant(node, "start"), length = Constant(node, "length");
  const bool is_known = size && start && start->isInt() && length && length->isInt();
  if (is_known && start->toInt() >= 0 && length->toInt() > 0 && start->toInt() + length->toInt() <= *size)
    return "";
  return "what it takes has to be known to be there";
}

// Eligibility sees to it that the indices are within it.
std::string SizeNotKnown(const Node& node) {
  return SizeAlong(node) ? "" : "the dimension's size has to be known";
}

std::string OtherFill(const Node& node) {
  const std::optional<c10::IValue> value = Constant(node, "fill_value"), dtype = Constant(node, kDtype);
  const bool is_float = dtype && (dtype->isNone() || dtype->toScalarType() == at::kFloat);
  const bool is_known = value && value->isDouble() && std::abs(value->toDouble()) < 1e30;
  return is_known && is_float ? "" : HasToBe("fill_value", "a finite number, and its dtype FP32");
}

std::string OtherNorm(const Node& node) {
  const bool is_vector = node.schema().argumentIndexWithName("ord").has_value();
  const std::optional<c10::IValue> order = Constant(node, is_vector ? "ord" : "p");
  return order && order->isScalar() && order->toScalar().toDouble() == 2 ? "" : HasToBe("p", "2");
}

bool IsInt(const torch::jit::Value* value) { return value->type()->kind() == c10::TypeKind::IntType; }

// From zero on, so that it cannot run backwards, which raises; of integers, for others are rounded.
std::string OtherRange(const Node& node) {
  const bool has_start = node.schema().argumentIndexWithName("start").has_value();
  const size_t end_at = has_start ? 1 : 0;
  if (has_start) {
    const std::optional<c10::IValue> start = torch::jit::toIValue(node.input(0));
    if (!start || !start->isInt() || start->toInt() != 0) return HasToBe("start", "0");
  }
  if (!IsInt(node.input(end_at)) || !IsNotNegative(node.input(end_at)))
    return HasToBe("end", "an integer that cannot be negative");
  if (!node.schema().argumentIndexWithName(kStep)) return "";
  const std::optional<c10::IValue> step = Constant(node, kStep);
  return step && step->isInt() && step->toInt() > 0 ? "" : HasToBe(kStep, "a positive constant integer");
}

// LibTorch takes both together for an error.
std::string TwoMasks(const Node& node) {
  const std::optional<c10::IValue> is_causal = Constant(node, "is_causal");
  if (!is_causal || !is_causal->isBool()) return HasToBe("is_causal", "a constant");
  return is_causal->toBool() ? NotNone<kAttnMask>(node) : "";
}

constexpr Operator kOperators[] = {
    // Element by element.
    {"aten::abs", "F", '1'},
    {"aten::add.Scalar", "F", '1', NotConstant<kAlpha>},
    {"aten::add.Tensor", "F", '1', NotConstant<kAlpha>},
    {"aten::ceil", "F", '1'},
    {"aten::clamp", "F", '1'},
    {"aten::clamp_max", "F", '1'},
    {"aten::clamp_min", "F", '1'},
    {"aten::cos", "F", '1'},
    {"aten::div.Scalar", "F", '1', DividesByZero},
    {"aten::div.Tensor", "F", '1', DividesByZero},
    {"aten::elu", "F", '1'},
    {"aten::erf", "F", '1'},
    {"aten::exp", "F", '1'},
    {"aten::floor", "F", '1'},
    {"aten::gelu", "F", '1'},
    {"aten::hardsigmoid", "F", '1'},
    {"aten::hardswish", "F", '1'},
    {"aten::hardtanh", "F", '1'},
    {"aten::leaky_relu", "F", '1'},
    {"aten::maximum", "F", '1'},
    {"aten::minimum", "F", '1'},
    {"aten::log", "F", '1'},
    {"aten::log10", "F", '1'},
    {"aten::log1p", "F", '1'},
    {"aten::log2", "F", '1'},
    {"aten::mish", "F", '1'},
    {"aten::mul.Scalar", "F", '1'},
    {"aten::mul.Tensor", "F", '1'},
    {"aten::neg", "F", '1'},
    {"aten::pow.Tensor_Scalar", "F", '1', OtherPower},
    {"aten::prelu", "F", '1'},
    {"aten::reciprocal", "F", '1'},
    {"aten::relu", "F", '1'},
    {"aten::relu6", "F", '1'},
    {"aten::rsqrt", "F", '1'},
    {"aten::rsub.Scalar", "F", '1', NotConstant<kAlpha>},
    {"aten::sigmoid", "F", '1'},
    {"aten::silu", "F", '1'},
    {"aten::sin", "F", '1'},
    {"aten::softplus", "F", '1', OtherSoftplus},
    {"aten::sqrt", "F", '1'},
    {"aten::square", "F", '1'},
    {"aten::sub.Scalar", "F", '1', NotConstant<kAlpha>},
    {"aten::sub.Tensor", "F", '1', NotConstant<kAlpha>},
    {"aten::tanh", "F", '1'},
    // To booleans, and with them.
    {"aten::atan", "F", '1'},
    {"aten::celu", "F", '1'},
    {"aten::cosh", "F", '1'},
    {"aten::expm1", "F", '1'},
    {"aten::glu", "F", '1'},
    {"aten::round", "F", '1'},
    {"aten::selu", "F", '1'},
    {"aten::sign", "F", '1'},
    {"aten::sinh", "F", '1'},
    {"aten::bitwise_not", "B", '1'},
    {"aten::eq.Scalar", "N", 'B', LargeNumber},
    {"aten::eq.Tensor", "N", 'B'},
    {"aten::ge.Scalar", "N", 'B', LargeNumber},
    {"aten::ge.Tensor", "N", 'B'},
    {"aten::gt.Scalar", "N", 'B', LargeNumber},
    {"aten::gt.Tensor", "N", 'B'},
    {"aten::le.Scalar", "N", 'B', LargeNumber},
    {"aten::le.Tensor", "N", 'B'},
    {"aten::logical_and", "B", 'B'},
    {"aten::logical_not", "B", 'B'},
    {"aten::logical_or", "B", 'B'},
    {"aten::logical_xor", "B", 'B'},
    {"aten::lt.Scalar", "N", 'B', LargeNumber},
    {"aten::lt.Tensor", "N", 'B'},
    {"aten::masked_fill.Scalar", "FB", '1', FillsInfinity},
    {"aten::ne.Scalar", "N", 'B', LargeNumber},
    {"aten::ne.Tensor", "N", 'B'},
    {"aten::where.self", "BN", '2'},
    // Over dimensions.
    {"aten::all", "B", 'B'},
    {"aten::amax", "F", '1'},
    {"aten::amin", "F", '1'},
    {"aten::any", "B", 'B'},
    {"aten::any.dim", "B", 'B'},
    {"aten::all.dim", "B", 'B'},
    {"aten::argmax", "F", 'I'},
    {"aten::argmin", "F", 'I'},
    {"aten::cumsum", "F", '1', NotNone<kDtype>},
    {"aten::linalg_vector_norm", "F", '1', Either<OtherNorm, NotNone<kDtype>>},
    {"aten::max", "F", '1'},
    {"aten::min", "F", '1'},
    {"aten::norm.ScalarOpt_dim", "F", '1', OtherNorm},
    {"aten::logsumexp", "F", '1'},
    {"aten::std.dim", "F", '1', MayBeOne},
    {"aten::std.correction", "F", '1', MayBeOne},
    {"aten::var.dim", "F", '1', MayBeOne},
    {"aten::var.correction", "F", '1', MayBeOne},
    {"aten::log_softmax.int", "F", '1', NotNone<kDtype>},
    {"aten::mean", "F", '1', NotNone<kDtype>},
    {"aten::mean.dim", "F", '1', NotNone<kDtype>},
    {"aten::softmax.int", "F", '1', NotNone<kDtype>},
    {"aten::sum", "F", '1', NotNone<kDtype>},
    {"aten::sum.dim_IntList", "F", '1', NotNone<kDtype>},
    // Layers.
    {"aten::_convolution", "F", '1'},
    {"aten::adaptive_avg_pool1d", "F", '1'},
    {"aten::adaptive_avg_pool2d", "F", '1'},
    {"aten::addmm", "F", '1'},
    {"aten::adaptive_avg_pool3d", "F", '1'},
    {"aten::avg_pool1d", "F", '1', NotFalse<kCeilMode>},
    {"aten::avg_pool3d", "F", '1', Either<NotFalse<kCeilMode>, NotNone<kDivisorOverride>>},
    {"aten::baddbmm", "F", '1'},
    {"aten::conv2d.padding", "F", '1'},
    {"aten::conv1d.padding", "F", '1'},
    {"aten::conv_transpose3d.input", "F", '1'},
    {"aten::instance_norm", "F", '1', OtherStatistics},
    {"aten::max_pool3d", "F", '1', NotFalse<kCeilMode>},
    {"aten::mv", "F", '1'},
    {"aten::dot", "F", '1'},
    {"aten::avg_pool2d", "F", '1', Either<NotFalse<kCeilMode>, NotNone<kDivisorOverride>>},
    {"aten::batch_norm", "F", '1', NotFalse<kTraining>},
    {"aten::bmm", "F", '1'},
    {"aten::conv1d", "F", '1'},
    {"aten::conv2d", "F", '1'},
    {"aten::conv3d", "F", '1'},
    {"aten::conv_transpose1d", "F", '1'},
    {"aten::conv_transpose2d.input", "F", '1'},
    {"aten::group_norm", "F", '1'},
    {"aten::gru.input", "F", '1', NotFalse<kTrain>},
    {"aten::layer_norm", "F", '1'},
    {"aten::linear", "F", '1'},
    {"aten::lstm.input", "F", '1', NotFalse<kTrain>},
    {"aten::matmul", "F", '1'},
    {"aten::max_pool1d", "F", '1', NotFalse<kCeilMode>},
    {"aten::max_pool2d", "F", '1', NotFalse<kCeilMode>},
    {"aten::mm", "F", '1'},
    {"aten::scaled_dot_product_attention", "FFFS", '1',
     Either<NotZero<kDropoutP>, Either<NotFalse<kEnableGqa>, TwoMasks>>},
    // Moving elements.
    {"aten::flip", "M", '1'},
    {"aten::pad", "F", '1', OtherPad},
    {"aten::pixel_unshuffle", "F", '1'},
    {"aten::reflection_pad2d", "F", '1', MayReflectMore<2>},
    {"aten::reflection_pad1d", "F", '1', MayReflectMore<1>},
    {"aten::repeat", "M", '1'},
    {"aten::replication_pad2d", "F", '1'},
    {"aten::roll", "M", '1', NoDims},
    {"aten::tril", "F", '1'},
    {"aten::triu", "F", '1'},
    {"aten::view_as", "M", '1', MayNotBeViewed},
    {"aten::reshape_as", "M", '1'},
    {"aten::index_select", "FI", '1', SizeNotKnown},
    {"aten::gather", "FI", '1', SizeNotKnown},
    {"aten::narrow", "M", '1', MayBeShorter},
    {"aten::cat", "M", '1'},
    {"aten::chunk", "M", '1', UnevenChunks},
    {"aten::clone", "A", '1'},
    {"aten::constant_pad_nd", "F", '1'},
    {"aten::contiguous", "A", '1'},
    {"aten::expand", "M", '1'},
    {"aten::expand_as", "M", '1'},
    {"aten::flatten.using_ints", "A", '1'},
    {"aten::permute", "A", '1'},
    {"aten::pixel_shuffle", "F", '1'},
    {"aten::reshape", "A", '1'},
    {"aten::select.int", "M", '1', Either<NotConstant<kDim>, NotConstant<kIndex>>},
    {"aten::slice.Tensor", "M", '1', NotConstant<kStep>},
    {"aten::split.Tensor", "M", '1', UnevenSplit},
    {"aten::split_with_sizes", "M", '1', UnevenSplits},
    {"aten::squeeze.dim", "M", '1', MayBeLarger},
    {"aten::stack", "M", '1'},
    {"aten::t", "M", '1'},
    {"aten::transpose.int", "A", '1'},
    {"aten::unbind.int", "M", '1', UnevenUnbind},
    {"aten::unsqueeze", "A", '1'},
    {"aten::upsample_bilinear2d.vec", "F", '1', OtherScales},
    {"aten::upsample_nearest2d.vec", "F", '1', OtherScales},
    {"aten::view", "A", '1', MayNotBeViewed},
    // Between dtypes, and new tensors.
    {"aten::to.dtype", "A", 'd'},
    {"aten::full", "", 'd', OtherFill},
    {"aten::full_like", "F", 'l', OtherFill},
    {"aten::new_zeros", "M", 'l'},
    {"aten::new_ones", "M", 'l'},
    {"aten::zeros", "", 'd'},
    {"aten::ones", "", 'd'},
    {"aten::zeros_like", "M", 'l'},
    {"aten::ones_like", "M", 'l'},
    {"aten::arange", "", 'r', OtherRange},
    {"aten::arange.start", "", 'r', OtherRange},
    {"aten::arange.start_step", "", 'r', OtherRange},
    // Tables: see Eligibility for what their indices have to be.
    {"aten::embedding", "FI", '1', NotFalse<kSparse>},
    // Sizes, and numbers made of them.
    {"aten::__and__.bool", "", '-'},
    {"aten::__not__", "", '-'},
    {"aten::add.int", "", '-'},
    {"aten::eq.int", "", '-'},
    {"aten::floordiv.int", "", '-', MayRoundOtherwise},
    {"aten::ge.int", "", '-'},
    {"aten::gt.int", "", '-'},
    {"aten::le.int", "", '-'},
    {"aten::lt.int", "", '-'},
    {"aten::mul.int", "", '-'},
    {"aten::ne.int", "", '-'},
    {"aten::numel", "A", '-'},
    {"aten::size.int", "A", '-'},
    {"aten::sub.int", "", '-'},
    {"aten::Bool.Tensor", "S", '-'},
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
