// How a compiled model is called: its "call spec", by which torch.export remembers the shape of what a
// module takes and returns. Pure functions; no LibTorch header is needed.
//
// The format is that of torch.utils._pytree.treespec_dumps, protocol 1:
//   [1, {"type": "builtins.tuple", "context": "null", "children_spec": […]}], a leaf's type being null.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/engine/signature.h"
#include "daemon/engine/value.h"

namespace modeld {

// A tree whose leaves are tensors in their order.
struct ResultTree {
  enum class Kind { kLeaf, kTuple, kList, kDict };
  Kind kind = Kind::kLeaf;
  std::vector<ResultTree> children;
  std::vector<std::string> keys;  // of kDict
};

// The names of the tensors that a module takes, in their order: a keyword argument has its own, a positional
// one an empty one, which nobody kept. None: nothing is known, for the text is no spec.
std::optional<std::vector<std::string>> ArgumentNames(std::string_view in_spec);

// What is returned as `leaves` tensors. Where the text says nothing that fits: a leaf, or a tuple of them.
ResultTree ResultTreeOf(std::string_view out_spec, size_t leaves);

Type ResultType(const ResultTree& tree);
// REQUIRES: as many values as the tree has leaves.
Value BuildResult(const ResultTree& tree, std::vector<Value> leaves);

}  // namespace modeld
