#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <torch/script.h>

#include <memory>
#include <string>
#include <vector>

#include "bare.h"

namespace modeld {

BareRun BareLibtorch(const std::string& path, const std::vector<Tensor>& inputs) {
  at::set_num_threads(1);
  at::globalContext().setFlushDenormal(true);
  auto module = std::make_shared<torch::jit::Module>(torch::jit::load(path));
  module->eval();
  std::vector<c10::IValue> arguments;
  for (const Tensor& input : inputs) {
    arguments.emplace_back(torch::from_blob(input.buffer.data, input.shape,
                                            input.dtype == DType::kBool ? torch::kBool : torch::kFloat));
  }
  return [module, inputs, arguments] {  // which lie in the inputs' bytes
    const c10::InferenceMode inference_mode;
    module->forward(arguments);
  };
}

}  // namespace modeld
