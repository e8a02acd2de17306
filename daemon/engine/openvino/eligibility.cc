#include "daemon/engine/openvino/eligibility.h"

#include <torch/csrc/jit/ir/constants.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/engine/libtorch/source_line.h"
#include "daemon/engine/libtorch/types.h"
#include "daemon/engine/openvino/guards.h"
#include "daemon/engine/openvino/operators.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

using torch::jit::Block;
using torch::jit::Node;
using TorchValue = torch::jit::Value;

std::string NameOf(const Node& node) {
  const c10::FunctionSchema* const schema = node.maybeSchema();
  if (schema == nullptr) return node.kind().toQualString();
  return schema->overload_name().empty() ? schema->name()
                                         : absl::StrCat(schema->name(), ".", schema->overload_name());
}

std::string NameOf(at::ScalarType type) {
  const std::optional<DType> dtype = FromScalarType(type);
  return dtype ? std::string(DTypeName(*dtype)) : ScalarTypeName(type);
}

absl::Status Refuse(const Node& node, const std::string& why) {
  return absl::InvalidArgumentError(absl::StrCat(NameOf(node), " ", why, SourceLine(node)));
}

bool HoldsTensors(const c10::Type& type) {
  switch (type.kind()) {
    case c10::TypeKind::TensorType:
      return true;
    case c10::TypeKind::ListType:
    case c10::TypeKind::OptionalType:
      return HoldsTensors(*type.containedType(0));
    default:
      return false;
  }
}

bool Allows(char letter, at::ScalarType dtype) {
  const bool is_integer = dtype == at::kLong || dtype == at::kInt;
  switch (letter) {
    case 'F':
      return dtype == at::kFloat;
    case 'I':
      return is_integer;
    case 'B':
      return dtype == at::kBool;
    case 'S':
      return dtype == at::kFloat || dtype == at::kBool;
    case 'N':
      return dtype == at::kFloat || is_integer;
    case 'M':
      return dtype == at::kFloat || is_integer || dtype == at::kBool;
    case 'A':
      return dtype == at::kFloat || is_integer || dtype == at::kBool || dtype == at::kByte;
    default:
      return false;
  }
}

// None, or an empty list.
bool IsNothing(const TorchValue& value) {
  if (const std::optional<c10::IValue> constant = torch::jit::toIValue(&value)) {
    return constant->isNone() || (constant->isList() && constant->toListRef().empty());
  }
  return value.node()->kind() == torch::jit::prim::ListConstruct && value.node()->inputs().empty();
}

// To a tensor without dimensions a number is another such tensor, and the larger dtype wins.
bool HasDimensions(const TorchValue& value) {
  const auto type = value.type()->cast<c10::TensorType>();
  return type != nullptr && type->dim().value_or(0) > 0;
}

// Those that move elements, or give integers another dtype, and change no value.
bool KeepsElements(const Node& node) {
  static const auto* const kinds = new std::vector<c10::Symbol>{
      torch::jit::aten::view,    torch::jit::aten::reshape,    torch::jit::aten::unsqueeze,
      torch::jit::aten::squeeze, torch::jit::aten::contiguous, torch::jit::aten::transpose,
      torch::jit::aten::permute, torch::jit::aten::slice,      torch::jit::aten::select,
      torch::jit::aten::flatten, torch::jit::aten::clone,      torch::jit::aten::to,
      torch::jit::aten::expand};
  return std::find(kinds->begin(), kinds->end(), node.kind()) != kinds->end();
}

// Those of them that may leave the elements where they are.
bool KeepsMemory(const Node& node) {
  switch (node.kind()) {
    case torch::jit::aten::view:
    case torch::jit::aten::reshape:
    case torch::jit::aten::flatten:
    case torch::jit::aten::unsqueeze:
    case torch::jit::aten::squeeze:
    case torch::jit::aten::contiguous:
    case torch::jit::aten::clone:
    case torch::jit::aten::to:
      return true;
    default:
      return false;
  }
}

// Those that hand minus infinity on, and what they add to it is lost in it.
bool KeepsLowest(const Node& node) {
  switch (node.kind()) {
    case torch::jit::aten::add:
      return torch::jit::constant_as<int64_t>(node.input(2)) ==
             1;  // the other way round it would be infinity
    case torch::jit::aten::masked_fill:
    case torch::jit::aten::where:
    case torch::jit::aten::cat:
    case torch::jit::aten::expand_as:
      return true;
    default:
      return false;
  }
}

// Integers are float32 where they meet others, which has all of them up to here.
constexpr int64_t kLargest = 1 << 24;
// Numbers from here on are taken for minus infinity: what is added to them may make it.
constexpr double kLowest = -1e30;

class Checker {
 public:
  explicit Checker(ForwardGraph& forward) : graph_(*forward.graph), guards_(forward) {
    size_t input = 0;
    for (const GraphArgument& argument : forward.arguments) {
      if (argument.is_tensor) dtypes_[graph_.inputs()[input++]] = *ToScalarType(argument.dtype);
    }
  }

  absl::StatusOr<std::vector<IndexLimit>> All() {
    for (const auto& [value, dtype] : dtypes_) {
      if (!Allows('A', dtype)) {
        return absl::InvalidArgumentError(absl::StrCat("it takes a tensor of dtype ", NameOf(dtype)));
      }
    }
    MODELD_RETURN_IF_ERROR(Check(graph_.block()));
    for (const TorchValue* output : graph_.outputs()) {
      // OpenVINO hands the caller's own memory on, and may do so after the call.
      while (KeepsMemory(*output->node())) output = output->node()->input(0);
      if (output->node() == graph_.param_node()) {
        return absl::InvalidArgumentError("it returns an input as it came");
      }
      if (MayBeLowest(output)) return absl::InvalidArgumentError("it returns what may be minus infinity");
    }
    return std::move(limits_);
  }

 private:
  absl::Status Check(Block* block) {
    for (Node* const node : block->nodes()) {
      MODELD_RETURN_IF_ERROR(Check(node));
    }
    return absl::OkStatus();
  }

  absl::Status Check(Node* node) {
    switch (node->kind()) {
      case torch::jit::prim::Constant:
        return CheckConstant(node);
      case torch::jit::prim::ListConstruct:
        return CheckList(node);
      case torch::jit::prim::ListUnpack:
        for (TorchValue* const output : node->outputs()) Give(output, DTypeOf(node->input()));
        if (MayBeLowest(node->input())) lowest_.insert(node->outputs().begin(), node->outputs().end());
        return absl::OkStatus();
      case torch::jit::prim::If:
        return CheckIf(node);
      case torch::jit::prim::Loop:
        // Negative numbers of rounds never end there, and values that change places are mixed up.
        return Refuse(*node, "is not converted: only loops of a known number of rounds are, unrolled");
      default:
        return CheckOperator(node);
    }
  }

  absl::Status CheckConstant(Node* node) {
    if (node->outputs().empty() || !HoldsTensors(*node->output()->type())) return absl::OkStatus();
    const std::optional<c10::IValue> value = torch::jit::toIValue(node->output());
    if (!value || value->isNone()) return absl::OkStatus();
    if (!value->isTensor()) return Refuse(*node, "holds a list of tensors");
    const at::Tensor& tensor = value->toTensor();
    if (!tensor.defined() || tensor.layout() != at::kStrided || tensor.is_quantized()) {
      return Refuse(*node, "holds a tensor that is not dense");
    }
    Give(node->output(), tensor.scalar_type());
    return CheckNumbersOf(node, tensor);
  }

  absl::Status CheckNumbersOf(Node* node, const at::Tensor& tensor) {
    if (tensor.numel() == 0) return absl::OkStatus();
    const at::ScalarType dtype = tensor.scalar_type();
    if (dtype == at::kLong || dtype == at::kInt) {
      const bool is_small =
          tensor.min().item<int64_t>() >= -kLargest && tensor.max().item<int64_t>() <= kLargest;
      return is_small ? absl::OkStatus() : Refuse(*node, "holds integers beyond 2^24");
    }
    if (!at::isFloatingType(dtype)) return absl::OkStatus();
    // Any that is not finite makes the sum so, and to add them up takes a tenth of the time; an overflow does
    // so, too.
    if (std::isfinite(tensor.sum().item<double>()) || at::isfinite(tensor).all().item<bool>()) {
      return absl::OkStatus();
    }
    const bool is_mask = at::logical_or(at::isfinite(tensor), at::isneginf(tensor)).all().item<bool>();
    if (!is_mask) return Refuse(*node, "holds NaN or infinity");
    lowest_.insert(node->output());
    return absl::OkStatus();
  }

  absl::Status CheckList(Node* node) {
    if (!HoldsTensors(*node->output()->type())) return absl::OkStatus();
    for (TorchValue* const input : node->inputs()) {
      if (DTypeOf(input) != DTypeOf(node->input(0))) return Refuse(*node, "joins tensors of several dtypes");
    }
    if (!node->inputs().empty()) Give(node->output(), DTypeOf(node->input(0)));
    if (std::any_of(node->inputs().begin(), node->inputs().end(),
                    [&](const TorchValue* input) { return MayBeLowest(input); }))
      lowest_.insert(node->output());
    return absl::OkStatus();
  }

  // Of what branches give, some operators read what is not there yet, or no more, where its sizes are free:
  // they come out as whatever lay in that memory. A boolean has no sizes.
  absl::Status CheckIf(Node* node) {
    for (const TorchValue* const output : node->outputs()) {
      if (output->type()->kind() == c10::TypeKind::BoolType) continue;
      return Refuse(*node,
                    absl::StrCat("is not converted: it hands on a ", output->type()->annotation_str()));
    }
    for (Block* const block : node->blocks()) {
      MODELD_RETURN_IF_ERROR(Check(block));
    }
    return absl::OkStatus();
  }

  absl::Status CheckOperator(Node* node) {
    const Operator* const known = FindOperator(NameOf(*node));
    if (known == nullptr) {
      return Refuse(*node, "is not among the operators that are proved to come out the same on OpenVINO");
    }
    PutNumbersInTheirDType(node);
    if (node->kind() == torch::jit::aten::arange) PutRangeInItsDType(node);
    MODELD_RETURN_IF_ERROR(CheckTensors(*node, *known));
    MODELD_RETURN_IF_ERROR(CheckNumbers(*node));
    if (known->why_not != nullptr) {
      if (const std::string why = known->why_not(*node); !why.empty())
        return Refuse(*node, absl::StrCat("is not converted: ", why));
    }
    if (node->kind() == torch::jit::aten::embedding) MODELD_RETURN_IF_ERROR(Limit(*node));
    if (node->kind() == torch::jit::aten::index_select || node->kind() == torch::jit::aten::gather)
      MODELD_RETURN_IF_ERROR(CheckPositions(*node));
    MODELD_RETURN_IF_ERROR(CheckLowest(*node));
    MODELD_RETURN_IF_ERROR(Guarded(*node, guards_.NodeIsDefined(*node)));
    return GiveOutputs(node, *known);
  }

  static absl::Status Guarded(const Node& node, const absl::Status& guarded) {
    return guarded.ok() ? guarded : Refuse(node, absl::StrCat("is not converted: ", guarded.message()));
  }

  bool MayBeLowest(const TorchValue* value) const { return lowest_.contains(value); }

  // Minus infinity, or nearly so, is there as a mask: it is filled in, moved, added to, and ends in a
  // softmax. Elsewhere it might make NaN.
  absl::Status CheckLowest(Node& node) {
    if (node.kind() == torch::jit::aten::scaled_dot_product_attention) return CheckMask(node);
    const bool takes = std::any_of(node.inputs().begin(), node.inputs().end(),
                                   [&](const TorchValue* input) { return MayBeLowest(input); });
    if (!takes && !FillsLowest(node)) return absl::OkStatus();
    if (BecomesBool(node)) return absl::OkStatus();
    if (node.kind() == torch::jit::aten::softmax) {
      const std::optional<c10::IValue> dim = torch::jit::toIValue(node.input(1));
      if (!dim) return Refuse(node, "is not converted: its argument dim has to be a constant");
      return Guarded(node, guards_.RowsAreNotMasked(node.input(0), dim->toInt()));
    }
    if (!KeepsElements(node) && !KeepsLowest(node)) return Refuse(node, "takes what may be minus infinity");
    lowest_.insert(node.outputs().begin(), node.outputs().end());
    return absl::OkStatus();
  }

  static bool FillsLowest(const Node& node) {
    if (node.kind() != torch::jit::aten::masked_fill) return false;
    const std::optional<c10::IValue> value = torch::jit::toIValue(node.input(2));
    return value && value->isScalar() && value->toScalar().toDouble() <= kLowest;
  }

  static bool BecomesBool(const Node& node) {
    if (node.kind() != torch::jit::aten::to) return false;
    const absl::StatusOr<at::ScalarType> dtype = DTypeArgument(node, {}, std::nullopt);
    return dtype.ok() && *dtype == at::kBool;
  }

  // The mask of attention, which masks no row altogether.
  absl::Status CheckMask(Node& node) {
    for (size_t i = 0; i < 3; ++i) {
      if (MayBeLowest(node.input(i))) return Refuse(node, "takes what may be minus infinity");
    }
    TorchValue* const mask = node.input(3);
    if (DTypeOf(mask) == at::kBool) return Guarded(node, guards_.RowsHoldTrue(mask));
    return MayBeLowest(mask) ? Guarded(node, guards_.RowsAreNotMasked(mask, -1)) : absl::OkStatus();
  }

  // A constant of no dimensions takes part in a float32 tensor's arithmetic as a float32 number, whatever its
  // dtype: tracing writes such ones for Python's numbers.
  void PutNumbersInTheirDType(Node* node) {
    if (node->inputs().size() < 2 || !HoldsTensors(*node->input(0)->type()) ||
        !HoldsTensors(*node->input(1)->type())) {
      return;
    }
    for (const size_t at : {size_t{0}, size_t{1}}) {
      const std::optional<c10::IValue> constant = torch::jit::toIValue(node->input(at));
      if (!constant || !constant->isTensor() || constant->toTensor().dim() != 0) continue;
      if (DTypeOf(node->input(1 - at)) != at::kFloat || DTypeOf(node->input(at)) == at::kFloat) continue;
      if (constant->toTensor().is_complex() || !HasDimensions(*node->input(1 - at))) continue;
      const torch::jit::WithInsertPoint guard(node);
      TorchValue* const number = graph_.insertConstant(constant->toTensor().to(at::kFloat));
      node->replaceInput(at, number);
      Give(number, at::kFloat);
    }
  }

  // OpenVINO makes float32 of some that do not say.
  void PutRangeInItsDType(Node* node) {
    const auto at = static_cast<size_t>(node->schema().argumentIndexWithName("dtype").value());
    const std::optional<c10::IValue> dtype = torch::jit::toIValue(node->input(at));
    if (!dtype || !dtype->isNone()) return;
    const torch::jit::WithInsertPoint guard(node);
    node->replaceInput(at, graph_.insertConstant(at::kLong));
  }

  absl::Status CheckTensors(const Node& node, const Operator& known) {
    const std::string_view letters = known.takes;
    std::unordered_map<char, at::ScalarType> by_letter;
    size_t position = 0;
    for (const TorchValue* const input : node.inputs()) {
      if (!HoldsTensors(*input->type())) continue;
      const char letter = letters.empty() ? ' ' : letters[std::min(position, letters.size() - 1)];
      ++position;
      const std::optional<at::ScalarType> dtype = DTypeOf(input);
      if (!dtype) {
        if (IsNothing(*input)) continue;
        return Refuse(node, "takes a tensor of which the dtype is not known");
      }
      if (!Allows(letter, *dtype)) {
        return Refuse(node, absl::StrCat("is not proved for tensors of dtype ", NameOf(*dtype)));
      }
      if (by_letter.emplace(letter, *dtype).first->second != *dtype) {
        return Refuse(node, absl::StrCat("is not proved for tensors of dtypes ", NameOf(by_letter.at(letter)),
                                         " and ", NameOf(*dtype), " together"));
      }
    }
    return absl::OkStatus();
  }

  // Integers may be computed, of sizes; other numbers are constants, so that nothing is rounded otherwise.
  static absl::Status CheckNumbers(const Node& node) {
    for (const TorchValue* const input : node.inputs()) {
      const c10::TypeKind kind = input->type()->kind();
      if (kind != c10::TypeKind::FloatType && kind != c10::TypeKind::NumberType) continue;
      if (!torch::jit::toIValue(input)) return Refuse(node, "takes a number that is computed");
    }
    return absl::OkStatus();
  }

  absl::Status Limit(Node& node) {
    const std::optional<c10::IValue> table = torch::jit::toIValue(node.input(0));
    if (!table || !table->isTensor()) return Refuse(node, "has a table that is computed");
    const TorchValue* index = node.input(1);
    if (torch::jit::toIValue(index)) {
      const at::Tensor rows = torch::jit::toIValue(index)->toTensor();
      if (rows.numel() == 0 || rows.min().item<int64_t>() < 0 ||
          rows.max().item<int64_t>() >= table->toTensor().size(0)) {
        return Refuse(node, "has an index that is out of range");
      }
      return absl::OkStatus();
    }
    while (KeepsElements(*index->node())) index = index->node()->input(0);
    const auto inputs = graph_.inputs();
    const auto input = std::find(inputs.begin(), inputs.end(), index);
    if (input == inputs.end()) {
      const int64_t rows = table->toTensor().size(0);
      if (rows > kLargest) return Refuse(node, "has a table that is too long");
      return Guarded(node, guards_.IndicesAreWithin(node.input(1), rows));
    }
    limits_.push_back(
        {.input = static_cast<size_t>(input - inputs.begin()), .rows = table->toTensor().size(0)});
    return absl::OkStatus();
  }

  // Of index_select and gather: positions along a dimension of which the size is known.
  absl::Status CheckPositions(Node& node) {
    const int64_t size = SizeAlong(node).value_or(0);
    if (const std::optional<c10::IValue> constant = torch::jit::toIValue(node.input(2))) {
      const at::Tensor positions = constant->toTensor();
      const bool are_within = positions.numel() > 0 && positions.min().item<int64_t>() >= 0 &&
                              positions.max().item<int64_t>() < size;
      return are_within ? absl::OkStatus() : Refuse(node, "has an index that is out of range");
    }
    if (size > kLargest) return Refuse(node, "has a table that is too long");
    return Guarded(node, guards_.IndicesAreWithin(node.input(2), size));
  }

  absl::Status GiveOutputs(Node* node, const Operator& known) {
    if (std::none_of(node->outputs().begin(), node->outputs().end(),
                     [](const TorchValue* output) { return HoldsTensors(*output->type()); })) {
      return absl::OkStatus();
    }
    std::vector<std::optional<at::ScalarType>> tensors;
    for (const TorchValue* const input : node->inputs()) {
      if (HoldsTensors(*input->type())) tensors.push_back(DTypeOf(input));
    }
    MODELD_ASSIGN_OR_RETURN(const at::ScalarType dtype, GivenDType(*node, known.gives, tensors));
    for (TorchValue* const output : node->outputs()) {
      if (HoldsTensors(*output->type())) Give(output, dtype);
    }
    return absl::OkStatus();
  }

  static absl::StatusOr<at::ScalarType> GivenDType(
      const Node& node, char gives, const std::vector<std::optional<at::ScalarType>>& tensors) {
    const size_t index = gives == '2' ? 1 : 0;
    switch (gives) {
      case 'B':
        return at::kBool;
      case 'I':
        return at::kLong;
      case 'd':
        return DTypeArgument(node, tensors, at::kFloat);
      case 'l':
        return DTypeArgument(node, tensors, tensors.empty() ? std::nullopt : tensors[0]);
      case 'r':
        return DTypeArgument(node, tensors, at::kLong);
      default:
        if (index < tensors.size() && tensors[index]) return *tensors[index];
        return Refuse(node, "returns a tensor of which the dtype is not known");
    }
  }

  static absl::StatusOr<at::ScalarType> DTypeArgument(
      const Node& node, const std::vector<std::optional<at::ScalarType>>& tensors,
      std::optional<at::ScalarType> without) {
    const std::optional<int> at = node.schema().argumentIndexWithName("dtype");
    const std::optional<c10::IValue> value =
        at ? torch::jit::toIValue(node.input(static_cast<size_t>(*at))) : std::nullopt;
    if (!value) return Refuse(node, "has a dtype that is computed");
    if (value->isNone() && !without) return Refuse(node, "returns a tensor of which the dtype is not known");
    const at::ScalarType to = value->isNone() ? *without : value->toScalarType();
    // What is new has no numbers to round.
    const bool rounds = node.kind() == torch::jit::aten::to && !tensors.empty() && tensors[0] == at::kFloat &&
                        to != at::kFloat && to != at::kBool;
    if (rounds || (to != at::kFloat && to != at::kLong && to != at::kInt && to != at::kBool)) {
      return Refuse(node, absl::StrCat("is not proved for tensors that become ", NameOf(to)));
    }
    return to;
  }

  std::optional<at::ScalarType> DTypeOf(const TorchValue* value) const {
    const auto found = dtypes_.find(value);
    return found == dtypes_.end() ? std::nullopt : std::optional<at::ScalarType>(found->second);
  }
  void Give(const TorchValue* value, std::optional<at::ScalarType> dtype) {
    if (dtype) dtypes_[value] = *dtype;
  }

  torch::jit::Graph& graph_;
  // Of tensors, and of the elements of lists of them.
  std::unordered_map<const TorchValue*, at::ScalarType> dtypes_;
  // Of them those that may hold minus infinity, or a mask's number near to it.
  std::unordered_set<const TorchValue*> lowest_;
  Guards guards_;
  std::vector<IndexLimit> limits_;
};

}  // namespace

absl::StatusOr<std::vector<IndexLimit>> MakeEligible(ForwardGraph& forward) { return Checker(forward).All(); }

}  // namespace modeld
