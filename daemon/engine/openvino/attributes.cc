#include "daemon/engine/openvino/attributes.h"

#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>

#include <optional>
#include <unordered_map>
#include <unordered_set>

namespace modeld {
namespace {

using torch::jit::Block;
using torch::jit::Node;
using TorchValue = torch::jit::Value;

// Whether the output may be memory that the node was given. Of what has no schema, it may.
bool MayAlias(const TorchValue& output) {
  const c10::FunctionSchema* const schema = output.node()->maybeSchema();
  if (schema == nullptr || output.offset() >= schema->returns().size()) return true;
  return schema->returns()[output.offset()].alias_info() != nullptr;
}

// Whether what is written to the value may be seen in an attribute.
class Writes {
 public:
  bool MayReachAnAttribute(const TorchValue* value) {
    if (!seen_.insert(value).second) return false;
    const Node* const node = value->node();
    if (node->kind() == torch::jit::prim::GetAttr) return true;
    // What a block is given comes from outside of it.
    if (node->kind() == torch::jit::prim::Param) {
      const Node* const owner = node->owningBlock()->owningNode();
      return owner != nullptr && AnyOf(owner->inputs());
    }
    for (const Block* const block : node->blocks()) {
      if (AnyOf(block->outputs())) return true;
    }
    return MayAlias(*value) && AnyOf(node->inputs());
  }

 private:
  bool AnyOf(const c10::ArrayRef<const TorchValue*>& values) {
    for (const TorchValue* const value : values) {
      if (MayReachAnAttribute(value)) return true;
    }
    return false;
  }

  std::unordered_set<const TorchValue*> seen_;
};

bool MayWriteAttributes(const Block& block) {
  for (const Node* const node : block.nodes()) {
    if (node->kind() == torch::jit::prim::SetAttr) return true;
    const c10::FunctionSchema* const schema = node->maybeSchema();
    for (size_t i = 0; schema != nullptr && i < schema->arguments().size(); ++i) {
      const c10::AliasInfo* const alias = schema->arguments()[i].alias_info();
      if (alias != nullptr && alias->isWrite() && Writes().MayReachAnAttribute(node->input(i))) return true;
    }
    for (const Block* const inner : node->blocks()) {
      if (MayWriteAttributes(*inner)) return true;
    }
  }
  return false;
}

class Folder {
 public:
  Folder(torch::jit::Graph& graph, const torch::jit::Module& module) : graph_(graph) {
    objects_[graph.inputs()[0]] = module._ivalue();
  }

  void Fold(Block* block) {
    for (auto it = block->nodes().begin(); it != block->nodes().end();) {
      Node* const node = *it++;
      for (Block* const inner : node->blocks()) Fold(inner);
      if (node->kind() == torch::jit::prim::GetAttr) FoldLookup(node);
    }
  }

 private:
  void FoldLookup(Node* node) {
    const auto object = objects_.find(node->input());
    if (object == objects_.end()) return;
    c10::IValue value = object->second->getAttr(node->s(torch::jit::attr::name));
    if (value.isObject()) {
      objects_[node->output()] = value.toObject();
      return;
    }
    // A constant has no gradient.
    if (value.isTensor() && value.toTensor().defined()) value = value.toTensor().detach();
    const torch::jit::WithInsertPoint guard(node);
    const std::optional<TorchValue*> constant = torch::jit::tryInsertConstant(graph_, value);
    if (constant) node->output()->replaceAllUsesWith(*constant);
  }

  torch::jit::Graph& graph_;
  std::unordered_map<const TorchValue*, c10::intrusive_ptr<c10::ivalue::Object>> objects_;
};

}  // namespace

void FoldAttributes(torch::jit::Graph& graph, const torch::jit::Module& module) {
  if (MayWriteAttributes(*graph.block())) return;
  Folder(graph, module).Fold(graph.block());
  torch::jit::EliminateDeadCode(graph.block());
}

}  // namespace modeld
