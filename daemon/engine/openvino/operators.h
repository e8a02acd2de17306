// The operators of TorchScript that OpenVINO's conversion is known to do right: each of them is held against
// LibTorch by tests/daemon/engine/openvino/operators_test.cc. What is not here is not run on OpenVINO.
#pragma once

#include <torch/script.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace modeld {

struct Operator {
  const char* name;  // with the overload: "aten::add.Tensor"
  // A letter for each argument that is a tensor, or a list of them; the last one holds for all further. Those
  // of the same letter have the same dtype.
  //   F  float32                     N  float32, int64 or int32
  //   I  int64 or int32              M  these or bool
  //   B  bool                        A  these or uint8
  //   S  float32 or bool
  const char* takes;
  // What the outputs are: B; I, which is int64; 1 or 2: as the first or second tensor; d: as its argument
  // `dtype` says, float32 where that is None; l: likewise, and as the first tensor where that is None; r:
  // likewise, and int64 where that is None; -: no tensors.
  char gives;
  // What else has to hold, or "" and why it does not: "its argument ceil_mode has to be False". None:
  // nothing.
  std::string (*why_not)(const torch::jit::Node& node) = nullptr;
};

// None: it is not among them. `name` as in Operator.
const Operator* FindOperator(const std::string& name);

// The size of the node's first tensor along its argument `dim`, where both are known.
std::optional<int64_t> SizeAlong(const torch::jit::Node& node);

// For the test that each is tested.
std::vector<std::string> OperatorNames();

}  // namespace modeld
