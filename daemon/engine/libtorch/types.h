// Between LibTorch's types and ours. Pure functions.
#pragma once

#include <torch/script.h>

#include <optional>
#include <string>

#include "daemon/engine/dtype.h"
#include "daemon/engine/signature.h"

namespace modeld {

// None where this LibTorch has no such dtype (UINT16 to UINT64 before 2.3), and for kBytes.
std::optional<at::ScalarType> ToScalarType(DType dtype);
// None for a dtype that no Tensor of ours can hold (quantized, 8-bit floats, …).
std::optional<DType> FromScalarType(at::ScalarType type);
// As Python calls it: "complex32".
std::string ScalarTypeName(at::ScalarType type);

Type FromTorchType(const c10::Type& type);

// Whether there is any value that can be passed as this type.
bool IsPassable(const Type& type);

}  // namespace modeld
