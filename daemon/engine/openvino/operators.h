// The operators of TorchScript that OpenVINO's conversion is known to do right: each of them is held against
// LibTorch by tests/daemon/engine/openvino/operators_test.cc. What is not here is not run on OpenVINO.
#pragma once

#include <torch/script.h>

#include <string>
#include <vector>

namespace modeld {

// Sets of dtypes.
using DTypes = unsigned;
inline constexpr DTypes kFloats = 1;     // float32
inline constexpr DTypes kIntegers = 2;   // int64, int32
inline constexpr DTypes kBooleans = 4;   // bool
inline constexpr DTypes kBytesOnly = 8;  // uint8
inline constexpr DTypes kEverything = kFloats | kIntegers | kBooleans | kBytesOnly;

// What dtype an operator's tensors have.
enum class Gives {
  kSame,          // that of its first tensor
  kBoolean,       // bool
  kInteger,       // int64
  kFloat,         // float32
  kSecond,        // that of its second tensor
  kSameAndIndex,  // the first output as the first tensor, the second int64
  kDTypeArgument,  // as its argument `dtype` says; where that is None: float32
};

struct Operator {
  const char* name;  // with the overload: "aten::add.Tensor"
  DTypes takes;      // every tensor that it takes is one of these; and all of them are the same
  Gives gives;
  // What else has to hold, or "" and why it does not: "its argument ceil_mode is true". None: nothing.
  std::string (*why_not)(const torch::jit::Node& node);
};

// None: it is not among them. `name` as in Operator.
const Operator* FindOperator(const std::string& name);

// For the test that each is tested.
std::vector<std::string> OperatorNames();

}  // namespace modeld
