#include <memory>
#include <openvino/openvino.hpp>

#include "bare.h"

namespace modeld {

BareRun BareOpenvino(const std::string& path, const Tensor& input) {
  static ov::Core core;
  ov::CompiledModel model = core.compile_model(path, "CPU", ov::inference_num_threads(1), ov::num_streams(1),
                                               ov::hint::inference_precision(ov::element::f32));
  auto request = std::make_shared<ov::InferRequest>(model.create_infer_request());
  const ov::Shape shape(input.shape.begin(), input.shape.end());
  request->set_input_tensor(ov::Tensor(ov::element::f32, shape, input.buffer.data));
  return [model, request, input] { request->infer(); };
}

}  // namespace modeld
