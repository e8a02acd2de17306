#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <torch/script.h>

#include <memory>

#include "bare.h"

namespace modeld {

BareRun BareLibtorch(const std::string& path, const Tensor& input) {
  at::set_num_threads(1);
  at::globalContext().setFlushDenormal(true);
  auto module = std::make_shared<torch::jit::Module>(torch::jit::load(path));
  module->eval();
  return [module, input, tensor = torch::from_blob(input.buffer.data, input.shape, torch::kFloat)] {
    const c10::InferenceMode inference_mode;
    module->forward({tensor});
  };
}

}  // namespace modeld
