#include "daemon/engine/openvino/compiled_model.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <openvino/runtime/intel_cpu/properties.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "daemon/engine/openvino/ov_types.h"

namespace modeld {
namespace {

ov::AnyMap PropertiesOf(const CompileOptions& options) {
  return {
      ov::hint::inference_precision(options.precision == Precision::kBf16 ? ov::element::bf16
                                                                          : ov::element::f32),
      // Exact where it is fp32: nothing is quantized by itself.
      ov::hint::execution_mode(options.precision == Precision::kBf16 ? ov::hint::ExecutionMode::PERFORMANCE
                                                                     : ov::hint::ExecutionMode::ACCURACY),
      ov::hint::dynamic_quantization_group_size(0), ov::num_streams(1),
      ov::inference_num_threads(options.threads_per_run),
      // Which CPUs threads run on is the daemon's business.
      ov::hint::enable_cpu_pinning(false), ov::hint::enable_hyper_threading(true),
      ov::intel_cpu::denormals_optimization(true)};
}

// Over the tensor's own bytes, which outlive the run; copied where they are not aligned.
ov::Tensor Wrap(const Tensor& tensor) {
  const std::optional<ov::element::Type> type = ToElementType(tensor.dtype);
  if (!type) throw std::invalid_argument("no such element type");
  const ov::Shape shape(tensor.shape.begin(), tensor.shape.end());
  if (tensor.dtype == DType::kBytes) {
    ov::Tensor copy(*type, shape);
    std::copy(tensor.strings.begin(), tensor.strings.end(), copy.data<std::string>());
    return copy;
  }
  if (reinterpret_cast<uintptr_t>(tensor.buffer.data) % ItemSize(tensor.dtype) == 0) {
    return {*type, shape, tensor.buffer.data};
  }
  ov::Tensor copy(*type, shape);
  std::memcpy(copy.data(), tensor.buffer.data, copy.get_byte_size());
  return copy;
}

// The request's next run writes over what it holds.
Tensor CopyOf(const ov::Tensor& tensor) {
  const std::optional<DType> dtype = FromElementType(tensor.get_element_type());
  if (!dtype)
    throw std::invalid_argument("it returns a tensor of " + tensor.get_element_type().get_type_name());
  Tensor copy{.dtype = *dtype, .shape = {}, .buffer = {}, .strings = {}};
  const ov::Shape shape = tensor.get_shape();
  copy.shape.assign(shape.begin(), shape.end());
  if (*dtype == DType::kBytes) {
    const auto* const strings = tensor.data<const std::string>();
    copy.strings.assign(strings, strings + tensor.get_size());
    return copy;
  }
  copy.buffer = Buffer::Allocate(tensor.get_byte_size());
  if (tensor.get_byte_size() > 0) std::memcpy(copy.buffer.data, tensor.data(), tensor.get_byte_size());
  return copy;
}

bool AttendsOverFreeLengths(const ov::Model& model) {
  const auto ops = model.get_ops();
  return std::any_of(ops.begin(), ops.end(), [](const std::shared_ptr<ov::Node>& op) {
    if (std::string_view(op->get_type_name()) != "ScaledDotProductAttention") return false;
    return op->get_input_partial_shape(0).is_dynamic() || op->get_input_partial_shape(1).is_dynamic();
  });
}

Tensor Zeros(const ov::Output<const ov::Node>& input, size_t free) {
  const std::optional<DType> dtype = FromElementType(input.get_element_type());
  if (!dtype || *dtype == DType::kBytes || input.get_partial_shape().rank().is_dynamic()) {
    throw std::invalid_argument("an input of unknown dtype or rank");
  }
  Tensor zeros{.dtype = *dtype, .shape = {}, .buffer = {}, .strings = {}};
  size_t bytes = ItemSize(*dtype);
  for (const ov::Dimension& dimension : input.get_partial_shape()) {
    zeros.shape.push_back(dimension.is_static() ? dimension.get_length() : static_cast<int64_t>(free));
    bytes *= static_cast<size_t>(zeros.shape.back());
  }
  zeros.buffer = Buffer::Allocate(bytes);
  std::memset(zeros.buffer.data, 0, bytes);
  return zeros;
}

}  // namespace

ov::Core& OpenvinoCore() {
  static auto* const core = new ov::Core();  // outlives whatever ends with the process
  return *core;
}

CompiledModel::CompiledModel(const std::shared_ptr<const ov::Model>& model, const CompileOptions& options)
    : shapes_(*model) {
  for (int i = 0; i < options.callers; ++i) {
    models_.push_back(OpenvinoCore().compile_model(model, "CPU", PropertiesOf(options)));
    unused_.push_back(models_.back().create_infer_request());
  }
  if (!AttendsOverFreeLengths(*model)) return;
  // Its kernel of attention answers wrongly to 16 rows and more for good where the first run had one (seen in
  // 2026.4.1, fp32, without a mask); after a first run of more it does not.
  for (const size_t free : {32, 8, 2}) {
    try {
      RunOnce(*model, free);
      return;
    } catch (const std::exception&) {
      continue;  // there are fewer positions than that
    }
  }
  throw std::runtime_error("it attends over a length that is free, and cannot be run on zeros of any");
}

void CompiledModel::RunOnce(const ov::Model& model, size_t free) {
  std::vector<Tensor> inputs;
  std::vector<const Tensor*> pointers;
  inputs.reserve(model.inputs().size());
  for (const ov::Output<const ov::Node>& input : model.inputs()) {
    inputs.push_back(Zeros(input, free));
    pointers.push_back(&inputs.back());
  }
  shapes_.Check(pointers);
  for (ov::InferRequest& request : unused_) {
    for (size_t i = 0; i < inputs.size(); ++i) request.set_input_tensor(i, Wrap(inputs[i]));
    request.infer();
  }
}

std::vector<Tensor> CompiledModel::Run(const std::vector<const Tensor*>& inputs) {
  shapes_.Check(inputs);
  Request taken = Take();
  ov::InferRequest& request = taken.request;
  // Also where it throws: another request would have to share a model.
  const absl::Cleanup give_back = [&] { GiveBack(std::move(taken)); };
  for (size_t i = 0; i < inputs.size(); ++i) request.set_input_tensor(i, Wrap(*inputs[i]));
  request.infer();
  const size_t count = models_.front().outputs().size();
  std::vector<Tensor> outputs;
  outputs.reserve(count);
  for (size_t i = 0; i < count; ++i) outputs.push_back(CopyOf(request.get_output_tensor(i)));
  return outputs;
}

CompiledModel::Request CompiledModel::Take() {
  {
    MutexLock lock(&mutex_);
    if (!unused_.empty()) {
      Request request{.request = std::move(unused_.back()), .is_extra = false};
      unused_.pop_back();
      return request;
    }
  }
  return {.request = models_.front().create_infer_request(), .is_extra = true};
}

void CompiledModel::GiveBack(Request request) {
  // Kept, it would be taken in place of one that has a model to itself.
  if (request.is_extra) return;
  MutexLock lock(&mutex_);
  unused_.push_back(std::move(request.request));
}

}  // namespace modeld
