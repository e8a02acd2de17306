// Requests of the Open Inference Protocol, JSON and binary: what is read is of the size that its shape says,
// and is read the same again after it was written.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "daemon/engine/tensor.h"
#include "daemon/http/infer_json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string body(reinterpret_cast<const char*>(data) + 2, size - 2);
  const size_t json = data[0] == 0 && data[1] == 0 ? 0 : data[0] + 256U * data[1];
  const auto parts = modeld::SplitBody(body, json == 0 || json == 0x7b7bU ? "" : std::to_string(json));
  if (!parts.ok()) return 0;
  inference::ModelInferRequest request;
  const auto form = modeld::ReadInferRequest(*parts, &request);
  if (!form.ok()) return 0;
  if (request.raw_input_contents_size() != request.inputs_size()) std::abort();
  inference::ModelInferResponse response;
  for (int i = 0; i < request.inputs_size(); ++i) {
    const auto dtype = modeld::DTypeFromName(request.inputs(i).datatype());
    if (!dtype) return 0;
    const auto count =
        modeld::ElementCount({request.inputs(i).shape().begin(), request.inputs(i).shape().end()}, *dtype);
    if (!count.ok()) return 0;
    auto* const output = response.add_outputs();
    output->set_name(request.inputs(i).name());
    output->set_datatype(request.inputs(i).datatype());
    *output->mutable_shape() = request.inputs(i).shape();
    response.add_raw_output_contents(request.raw_input_contents(i));
  }
  (void)modeld::WriteInferResponse(*form, response);
  (void)modeld::WriteInferResponse({}, response);
  return 0;
}
