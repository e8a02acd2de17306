// The OpenVINO engine: TorchScript and ONNX on OpenVINO's CPU plugin, where that comes out the same.
#pragma once

#include <memory>

#include "daemon/engine/engine.h"

namespace modeld {

// Its plans are OpenVINO in fp32, and in bf16.
//
// A TorchScript module is taken where every operator of its frozen `forward` is among those that are proved
// to come out as on LibTorch, on the tensors that it gets there (see docs/engines.md): INVALID_ARGUMENT names
// the first that is not. It is compiled for the dtypes and ranks of LoadRequest::inputs. For ONNX files see
// ReadOnnxModel.
//
// What a call brings beyond that runs on LibTorch or ONNX Runtime, by the artifact as it was saved: another
// dtype, rank or declared size, an argument other than its default, a tensor without elements or with NaN or
// infinity, an index out of range, shapes that OpenVINO does not take, and every other method than forward.
// They load it when the first such call comes. No header of LibTorch or OpenVINO is needed to call this.
//
// `libtorch` and `onnxruntime` (null: no ONNX) outlive the engine and what it loads. Call it before there are
// threads: it sets an environment variable.
std::unique_ptr<Engine> NewOpenvinoEngine(Engine* libtorch, Engine* onnxruntime = nullptr);

}  // namespace modeld
