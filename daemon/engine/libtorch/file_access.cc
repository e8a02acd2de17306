#include "daemon/engine/libtorch/file_access.h"

#include <torch/csrc/jit/passes/inliner.h>

#include <memory>

#include "daemon/engine/libtorch/source_line.h"

namespace modeld {
namespace {

bool ReachesFiles(c10::Symbol kind) {
  static const c10::Symbol kKinds[] = {c10::Symbol::fromQualString("aten::save"),
                                       c10::Symbol::fromQualString("aten::from_file")};
  for (const c10::Symbol& known : kKinds) {
    if (kind == known) return true;
  }
  return false;
}

const torch::jit::Node* Find(const torch::jit::Block& block) {
  for (const torch::jit::Node* node : block.nodes()) {
    if (ReachesFiles(node->kind())) return node;
    for (const torch::jit::Block* inner : node->blocks()) {
      if (const torch::jit::Node* found = Find(*inner)) return found;
    }
  }
  return nullptr;
}

}  // namespace

std::string FileAccessOf(const torch::jit::Method& method) {
  const std::shared_ptr<torch::jit::Graph> graph = method.graph()->copy();
  torch::jit::Inline(*graph);
  const torch::jit::Node* const found = Find(*graph->block());
  if (found == nullptr) return "";
  return found->kind().toQualString() + SourceLine(*found);
}

}  // namespace modeld
