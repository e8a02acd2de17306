// A model of make_onnx_models.py, loaded and called. For tests that link the ONNX Runtime engine, with
// MODELD_TEST_ONNX_MODELS defined as the directory of the models.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "daemon/engine/onnxruntime/onnxruntime_engine.h"
#include "tests/support/called_model.h"

namespace modeld {

inline std::string OnnxModelPath(const std::string& name) {
  return std::string(MODELD_TEST_ONNX_MODELS) + "/" + name + ".onnx";
}

// Throws if it cannot be made.
inline std::unique_ptr<Engine> OnnxruntimeOnCpu() {
  auto engine = NewOnnxruntimeEngine();
  if (!engine.ok()) throw std::runtime_error(engine.status().ToString());
  return *std::move(engine);
}

inline LoadRequest OnnxRequest(std::string path, int threads = 1) {
  return {.artifact_path = std::move(path), .format = ArtifactFormat::kOnnx, .threads_per_run = threads};
}

// Throws if it cannot be loaded.
class OnnxModel : public CalledModel {
 public:
  explicit OnnxModel(const std::string& name, int threads = 1)
      : CalledModel(OnnxruntimeOnCpu(), OnnxRequest(OnnxModelPath(name), threads)) {}

  // Of the only output, or its status.
  std::string OnlyAnswer(NamedValues inputs) {
    const absl::StatusOr<Value> result = Call(std::move(inputs));
    return result.ok() ? Dump(result->get_if<Tuple>()->items.at(0)) : result.status().ToString();
  }
};

}  // namespace modeld
