// Types of ONNX and ours.
#pragma once

#include <onnxruntime_cxx_api.h>

#include <optional>

#include "daemon/engine/dtype.h"
#include "daemon/engine/signature.h"

namespace modeld {

ONNXTensorElementDataType ToOnnxElement(DType dtype);
// None for what no tensor of ours holds: numbers of eight bits and less than that.
std::optional<DType> FromOnnxElement(ONNXTensorElementDataType type);

// The values of maps are scalars. kOther: what no Value can hold; its name says what it is.
Type FromOnnxType(const Ort::ConstTypeInfo& info);
// Whether no kOther is in it.
bool IsReturnable(const Type& type);

// Dtype and shape of a tensor as the graph has them, -1 for a dimension that is open. Without a shape where
// the graph gives none, or no dimensions: the library does not tell these two apart.
DeclaredTensor DeclaredBy(const Ort::ConstTensorTypeAndShapeInfo& info);

}  // namespace modeld
