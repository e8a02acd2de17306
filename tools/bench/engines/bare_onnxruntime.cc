#include <onnxruntime_cxx_api.h>
#include <onnxruntime_session_options_config_keys.h>

#include <memory>

#include "bare.h"

namespace modeld {
namespace {

// With the session's own memory arena and patterns, as is the library's default.
struct Session {
  Ort::Env environment{ORT_LOGGING_LEVEL_FATAL, "bare"};
  Ort::Session session{nullptr};
  std::string input_name, output_name;
  Ort::Value input{nullptr};
};

}  // namespace

BareRun BareOnnxruntime(const std::string& path, const std::string& name, const Tensor& input) {
  Ort::SessionOptions options;
  options.SetIntraOpNumThreads(1);
  options.SetInterOpNumThreads(1);
  options.AddConfigEntry(kOrtSessionOptionsConfigSetDenormalAsZero, "1");
  auto bare = std::make_shared<Session>();
  bare->session = Ort::Session(bare->environment, path.c_str(), options);
  bare->input_name = name;
  bare->output_name = bare->session.GetOutputNameAllocated(0, Ort::AllocatorWithDefaultOptions()).get();
  const auto cpu = Ort::MemoryInfo::CreateCpu(OrtDeviceAllocator, OrtMemTypeCPU);
  bare->input = Ort::Value::CreateTensor<float>(cpu, static_cast<float*>(input.buffer.data),
                                                input.buffer.size / sizeof(float), input.shape.data(),
                                                input.shape.size());
  return [bare, input] {
    const char* const in = bare->input_name.c_str();
    const char* const out = bare->output_name.c_str();
    bare->session.Run(Ort::RunOptions(nullptr), &in, &bare->input, 1, &out, 1);
  };
}

}  // namespace modeld
