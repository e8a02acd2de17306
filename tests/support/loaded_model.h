// A model of make_models.py, loaded and called. For tests that link the LibTorch engine, with
// MODELD_TEST_MODELS defined as the directory of the models.
#pragma once

#include <string>

#include "daemon/engine/libtorch/libtorch_engine.h"
#include "tests/support/called_model.h"

namespace modeld {

inline std::string ModelPath(const std::string& name) {
  return std::string(MODELD_TEST_MODELS) + "/" + name + ".pt";
}

// Throws if it cannot be loaded.
class LoadedModel : public CalledModel {
 public:
  explicit LoadedModel(const std::string& name, const Plan& plan = {})
      : CalledModel(NewLibtorchEngine(), {.artifact_path = ModelPath(name), .plan = plan}) {}
};

}  // namespace modeld
