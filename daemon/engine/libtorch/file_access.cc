#include "daemon/engine/libtorch/file_access.h"

#include <torch/csrc/jit/passes/inliner.h>

#include <memory>

#include "absl/strings/str_cat.h"

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
  std::string text = found->kind().toQualString();
  if (const auto place = found->sourceRange().file_line_col()) {
    const auto& [file, line, column] = *place;
    absl::StrAppend(&text, " (at ", file.substr(file.rfind('/') + 1), ":", line, ":", column, ")");
  }
  return text;
}

}  // namespace modeld
