// ForwardGraph: a TorchScript module's `forward` as a graph of plain tensors, which OpenVINO can be given.
#pragma once

#include <torch/script.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/engine/engine.h"
#include "daemon/engine/signature.h"
#include "daemon/engine/value.h"

namespace modeld {

// What `forward` returns, around its tensors: a tensor is the index of one of the graph's outputs.
struct ReturnShape {
  enum class Kind { kTensor, kConstant, kList, kTuple, kDict };
  Kind kind = Kind::kTensor;
  size_t output = 0;               // kTensor
  Value constant;                  // kConstant
  std::vector<ReturnShape> items;  // of the containers
  std::vector<Value> keys;         // kDict
  std::vector<std::string> names;  // kTuple of a NamedTuple
};

// An argument of forward as the graph has it.
struct GraphArgument {
  bool is_tensor = true;
  // Of a tensor: an input of the graph, which holds for this dtype and rank; -1: any size.
  DType dtype = DType::kFp32;
  std::vector<int64_t> shape;
  // Of another: the graph holds for this value only.
  Value fixed;
};

// Inputs of the graph are the tensors among the arguments, in order; outputs are the tensors of `returns`,
// and after them as many booleans as there are in `raises_when`.
struct ForwardGraph {
  std::shared_ptr<torch::jit::Graph> graph;
  std::vector<GraphArgument> arguments;
  ReturnShape returns;
  // Where one of these outputs is as it says here, forward raises instead of returning, or gets to what is
  // not computed as LibTorch does.
  std::vector<bool> raises_when;
};

// Freezes the module, inlines what forward calls, puts default values in place of arguments that are no
// tensors, takes mutation out where that changes nothing, and takes the returned containers apart. `forward`
// is the method's signature. INVALID_ARGUMENT, with the reason, where it cannot be told which tensors forward
// takes (not known; a list or dictionary of them) or returns. Throws what LibTorch throws. REQUIRES: the
// module is in evaluation mode, and shared with nobody.
absl::StatusOr<ForwardGraph> MakeForwardGraph(torch::jit::Module module, const Method& forward,
                                              const std::vector<KnownInput>& known);

}  // namespace modeld
