// CompiledModel: an OpenVINO model, ready to run on the CPU.
#pragma once

#include <memory>
#include <openvino/openvino.hpp>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "daemon/engine/openvino/shape_check.h"
#include "daemon/engine/plan.h"
#include "daemon/engine/tensor.h"
#include "registry/base/mutex.h"

namespace modeld {

// The process's one OpenVINO, made on the first call.
ov::Core& OpenvinoCore();

struct CompileOptions {
  Precision precision = Precision::kAsSaved;
  int callers = 1;          // that run it at the same time
  int threads_per_run = 1;  // 1: a run stays on the thread that calls
};

// Thread-safe.
class CompiledModel {
 public:
  // Throws ov::Exception; std::runtime_error where it attends over a length that is free, and could not be
  // prepared for that.
  CompiledModel(const std::shared_ptr<const ov::Model>& model, const CompileOptions& options);

  // Inputs and outputs are in the model's order. Inputs have the model's dtypes and ranks, and are not
  // copied; outputs own their bytes. Throws ov::Exception, for shapes too that the model does not take.
  std::vector<Tensor> Run(const std::vector<const Tensor*>& inputs);

 private:
  struct Request {
    ov::InferRequest request;
    bool is_extra = false;  // more run at the same time than there are callers, and it shares a model
  };
  // Runs each model once, on zeros, with so much for every size that is free.
  void RunOnce(const ov::Model& model, size_t free);
  Request Take();
  void GiveBack(Request request);

  // One for each caller: streams of one model run on threads of their own, and are compiled to something else
  // than what was tried.
  std::vector<ov::CompiledModel> models_;
  ShapeCheck shapes_;
  Mutex mutex_;
  std::vector<ov::InferRequest> unused_ ABSL_GUARDED_BY(mutex_);  // of each model one
};

}  // namespace modeld
