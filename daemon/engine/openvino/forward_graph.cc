#include "daemon/engine/openvino/forward_graph.h"

#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/csrc/jit/passes/inliner.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/engine/libtorch/convert.h"
#include "daemon/engine/libtorch/freeze.h"
#include "daemon/engine/libtorch/types.h"
#include "daemon/engine/openvino/attributes.h"
#include "daemon/engine/openvino/simplify.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

using torch::jit::Graph;
using torch::jit::Node;

// A value of the graph may be returned within itself only by way of more nodes than a graph has.
constexpr int kMaxDepth = 20;

c10::TensorTypePtr TensorTypeOf(const GraphArgument& argument) {
  std::vector<std::optional<int64_t>> sizes;
  for (const int64_t size : argument.shape) {
    sizes.push_back(size < 0 ? std::nullopt : std::optional<int64_t>(size));
  }
  return c10::TensorType::create(ToScalarType(argument.dtype), c10::Device(at::kCPU),
                                 c10::SymbolicShape(sizes), c10::VaryingShape<c10::Stride>(sizes.size()),
                                 /*requires_grad=*/false);
}

absl::StatusOr<GraphArgument> Specialize(const Argument& argument, const std::vector<KnownInput>& known) {
  const auto found = std::find_if(known.begin(), known.end(),
                                  [&](const KnownInput& input) { return input.name == argument.name; });
  const bool may_be_tensor =
      argument.type.kind == Type::Kind::kTensor ||
      (argument.type.kind == Type::Kind::kOptional && argument.type.params[0].kind == Type::Kind::kTensor);
  if (may_be_tensor && found != known.end()) {
    if (!ToScalarType(found->dtype)) {
      return absl::InvalidArgumentError(
          absl::StrCat("its input ", Quote(argument.name), " is ", std::string(DTypeName(found->dtype))));
    }
    return GraphArgument{.is_tensor = true, .dtype = found->dtype, .shape = found->shape, .fixed = {}};
  }
  if (argument.default_value) {
    return GraphArgument{.is_tensor = false, .dtype = {}, .shape = {}, .fixed = *argument.default_value};
  }
  if (!may_be_tensor) {
    return absl::InvalidArgumentError(absl::StrCat("its input ", Quote(argument.name), " is a ",
                                                   TypeName(argument.type), ", not a tensor"));
  }
  return absl::InvalidArgumentError(absl::StrCat("dtype and rank of its input ", Quote(argument.name),
                                                 " are not known: declare it, or add a golden sample"));
}

// Puts constants and types in place of the arguments, of which the first is the module.
absl::StatusOr<std::vector<GraphArgument>> SpecializeAll(Graph& graph, const c10::FunctionSchema& schema,
                                                         const Method& forward,
                                                         const std::vector<KnownInput>& known) {
  std::vector<GraphArgument> arguments;
  auto next = forward.arguments.begin();  // those of the schema, but for some that always have their default
  size_t input = 0;
  for (size_t i = 0; i < schema.arguments().size(); ++i) {
    const c10::Argument& in_schema = schema.arguments()[i];
    torch::jit::Value* const value = graph.inputs()[input];
    if (i == 0) {  // the module
      if (value->hasUses()) return absl::InvalidArgumentError("it keeps attributes that cannot be frozen");
      graph.eraseInput(input);
      continue;
    }
    std::optional<c10::IValue> constant;
    if (next == forward.arguments.end() || next->name != in_schema.name()) {
      constant = in_schema.default_value();
    } else {
      MODELD_ASSIGN_OR_RETURN(GraphArgument argument, Specialize(*next++, known));
      if (argument.is_tensor) {
        value->setType(TensorTypeOf(argument));
        ++input;
      } else {
        constant = in_schema.default_value();
      }
      arguments.push_back(std::move(argument));
    }
    if (!constant) continue;
    const torch::jit::WithInsertPoint guard(*graph.nodes().begin());
    value->replaceAllUsesWith(graph.insertConstant(*constant));
    graph.eraseInput(input);
  }
  return arguments;
}

// Takes a returned value apart.
class Returned {
 public:
  explicit Returned(std::vector<torch::jit::Value*>* outputs) : outputs_(*outputs) {}

  absl::StatusOr<ReturnShape> Of(torch::jit::Value* value, int depth = 0) {
    if (depth > kMaxDepth) return absl::InvalidArgumentError("what it returns is nested too deeply");
    ReturnShape shape;
    if (value->type()->kind() == c10::TypeKind::TensorType) {
      const auto known = std::find(outputs_.begin(), outputs_.end(), value);
      shape.output = static_cast<size_t>(known - outputs_.begin());
      if (known == outputs_.end()) outputs_.push_back(value);
      return shape;
    }
    Node& node = *value->node();
    switch (node.kind()) {
      case torch::jit::prim::Constant: {
        shape.kind = ReturnShape::Kind::kConstant;
        MODELD_ASSIGN_OR_RETURN(shape.constant, FromIValue(*torch::jit::toIValue(value)));
        return shape;
      }
      case torch::jit::prim::TupleConstruct: {
        shape.kind = ReturnShape::Kind::kTuple;
        const auto& type = value->type()->expectRef<c10::TupleType>();
        if (type.schema() != nullptr) {
          for (const c10::Argument& field : type.schema()->arguments()) shape.names.push_back(field.name());
        }
        break;
      }
      case torch::jit::prim::ListConstruct:
        shape.kind = ReturnShape::Kind::kList;
        break;
      case torch::jit::prim::DictConstruct:
        return OfDict(node, depth);
      default:
        return absl::InvalidArgumentError(
            absl::StrCat("it returns a ", value->type()->annotation_str(), " that it computes"));
    }
    for (torch::jit::Value* const item : node.inputs()) {
      MODELD_ASSIGN_OR_RETURN(shape.items.emplace_back(), Of(item, depth + 1));
    }
    return shape;
  }

 private:
  absl::StatusOr<ReturnShape> OfDict(Node& node, int depth) {
    ReturnShape shape;
    shape.kind = ReturnShape::Kind::kDict;
    for (size_t i = 0; i + 1 < node.inputs().size(); i += 2) {
      const std::optional<c10::IValue> key = torch::jit::toIValue(node.inputs()[i]);
      if (!key) return absl::InvalidArgumentError("it returns a dictionary whose keys it computes");
      MODELD_ASSIGN_OR_RETURN(shape.keys.emplace_back(), FromIValue(*key));
      for (size_t other = 0; other + 1 < shape.keys.size(); ++other) {
        if (key == *torch::jit::toIValue(node.inputs()[2 * other])) {
          return absl::InvalidArgumentError("it returns a dictionary that has a key twice");
        }
      }
      MODELD_ASSIGN_OR_RETURN(shape.items.emplace_back(), Of(node.inputs()[i + 1], depth + 1));
    }
    return shape;
  }

  std::vector<torch::jit::Value*>& outputs_;
};

}  // namespace

absl::StatusOr<ForwardGraph> MakeForwardGraph(torch::jit::Module module, const Method& forward,
                                              const std::vector<KnownInput>& known) {
  module = Freeze(module);
  const torch::jit::Method method = module.get_method("forward");
  ForwardGraph result;
  result.graph = method.graph()->copy();
  torch::jit::Inline(*result.graph);
  FoldAttributes(*result.graph, module);
  MODELD_ASSIGN_OR_RETURN(result.arguments,
                          SpecializeAll(*result.graph, method.function().getSchema(), forward, known));
  if (result.graph->inputs().empty()) return absl::InvalidArgumentError("it takes no tensor");
  Simplify(result.graph);
  // As outputs the conditions outlast what is simplified.
  const std::vector<Guard> guards = TakeOutRaises(*result.graph);
  for (const Guard& guard : guards) result.graph->registerOutput(guard.condition);
  if (!guards.empty()) Simplify(result.graph);
  std::vector<torch::jit::Value*> outputs;
  MODELD_ASSIGN_OR_RETURN(result.returns, Returned(&outputs).Of(result.graph->outputs()[0]));
  if (outputs.empty()) return absl::InvalidArgumentError("it returns no tensor");
  for (size_t i = 0; i < guards.size(); ++i) {
    torch::jit::Value* const condition = result.graph->outputs()[i + 1];
    if (const std::optional<c10::IValue> constant = torch::jit::toIValue(condition)) {
      if (constant->toBool() == guards[i].raises_when) return absl::InvalidArgumentError("it always raises");
      continue;
    }
    result.raises_when.push_back(guards[i].raises_when);
    outputs.push_back(condition);
  }
  while (!result.graph->outputs().empty()) result.graph->eraseOutput(0);
  for (torch::jit::Value* const output : outputs) result.graph->registerOutput(output);
  torch::jit::EliminateDeadCode(result.graph);
  UnfoldLists(*result.graph);
  return result;
}

}  // namespace modeld
