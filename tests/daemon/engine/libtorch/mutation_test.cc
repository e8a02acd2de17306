#include "daemon/engine/libtorch/mutation.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/loaded_model.h"

namespace modeld {
namespace {

bool MayWrite(const std::string& model) {
  return MayWriteAttributes(torch::jit::load(ModelPath(model)).get_method("forward"));
}

TEST(MutationTest, SeesEveryWayToWriteAnAttribute) {
  for (const char* model : {"counter", "counter_in_place", "counter_in_list", "keeps_input"}) {
    EXPECT_TRUE(MayWrite(model)) << model;
  }
}

// These run concurrently.
TEST(MutationTest, OrdinaryModelsWriteNothing) {
  for (const char* model : {"add", "cnn", "frozen_cnn", "lstm", "control_flow", "busy", "detection",
                            "methods", "parameter", "tensor_list", "tensor_dict", "future", "raises"}) {
    EXPECT_FALSE(MayWrite(model)) << model;
  }
}

}  // namespace
}  // namespace modeld
