// CheckTensors: that an ONNX model's tensors are where the model is. Internal to the ONNX reader.
#pragma once

#include "absl/status/status.h"
#include "registry/wire_reader.h"

namespace modeld {

// The messages of onnx.proto in which tensors can lie, at any depth.
enum class OnnxMessage { kGraph, kNode, kAttribute, kTensor, kSparseTensor, kTraining, kFunction };

// Walks the message whose field `in` has just named, and what it holds; leaves `in` behind it. Of tensors,
// names are read and elements skipped.
//
// Errors: INVALID_ARGUMENT where a tensor refers to a file of its own (with the remedy), where a message lies
// deeper than protobuf's parsers go, or where what should be a message is none; else those of WireReader.
absl::Status CheckTensors(WireReader& in, OnnxMessage message);

}  // namespace modeld
