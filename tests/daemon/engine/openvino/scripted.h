// TorchScript functions, written in tests and run on LibTorch and on OpenVINO.
#pragma once

#include <torch/script.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/engine/libtorch/libtorch_engine.h"
#include "daemon/engine/openvino/openvino_engine.h"
#include "tests/support/temp_dir.h"
#include "tests/support/values.h"

namespace modeld {

// LibTorch, with a count of what was loaded.
class CountingLibtorch final : public Engine {
 public:
  std::vector<EngineLibrary> libraries() const override { return engine_->libraries(); }
  std::vector<Plan> plans(ArtifactFormat format) const override { return engine_->plans(format); }
  absl::StatusOr<std::unique_ptr<Executable>> Load(const LoadRequest& request) override {
    ++loads;
    return engine_->Load(request);
  }
  void PrepareThread(int threads) override { engine_->PrepareThread(threads); }

  int loads = 0;

 private:
  const std::unique_ptr<Engine> engine_ = NewLibtorchEngine();
};

// A module whose forward is `source`: "def forward(self, x: Tensor):\n  return x + 1\n", saved.
class Scripted {
 public:
  Scripted(const std::string& source, std::vector<KnownInput> inputs) : inputs_(std::move(inputs)) {
    torch::jit::Module module("m");
    module.define(source);
    module.save(path());
  }

  std::string path() const { return dir_.path() + "/m.pt"; }

  absl::StatusOr<std::unique_ptr<Executable>> LoadOnOpenvino(Precision precision = Precision::kAsSaved) {
    return openvino_->Load({.artifact_path = path(),
                            .format = ArtifactFormat::kTorchScript,
                            .plan = {.engine = "openvino", .variant = "", .precision = precision},
                            .inputs = inputs_});
  }
  std::unique_ptr<Executable> LoadOnLibtorch() {
    auto loaded = NewLibtorchEngine()->Load({.artifact_path = path()});
    if (!loaded.ok()) throw std::runtime_error(loaded.status().ToString());
    return *std::move(loaded);
  }
  // Whether a call ran on LibTorch.
  bool fell_back() const { return libtorch_.loads > 0; }

 private:
  const TempDir dir_;
  const std::vector<KnownInput> inputs_;
  CountingLibtorch libtorch_;
  const std::unique_ptr<Engine> openvino_ = NewOpenvinoEngine(&libtorch_);
};

inline KnownInput Known(std::string name, DType dtype, std::vector<int64_t> shape) {
  return {.name = std::move(name), .dtype = dtype, .shape = std::move(shape), .always = true};
}

}  // namespace modeld
