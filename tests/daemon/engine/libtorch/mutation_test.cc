#include "daemon/engine/libtorch/mutation.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/loaded_model.h"

namespace modeld {
namespace {

bool MayWrite(const std::string& model) {
  return FindAttributeWrites(torch::jit::load(ModelPath(model)).get_method("forward")).any;
}

TEST(MutationTest, SeesEveryWayToWriteAnAttribute) {
  for (const char* model : {"counter", "counter_in_place", "counter_in_list", "keeps_input"}) {
    EXPECT_TRUE(MayWrite(model)) << model;
  }
}

TEST(MutationTest, TellsParametersFromTheRest) {
  for (const char* model : {"counter", "counter_in_place", "counter_in_list", "keeps_input"}) {
    EXPECT_FALSE(FindAttributeWrites(torch::jit::load(ModelPath(model)).get_method("forward")).parameters)
        << model;
  }
  EXPECT_TRUE(
      FindAttributeWrites(torch::jit::load(ModelPath("writes_parameter")).get_method("forward")).parameters);
}

// These are run as they were loaded, by any number of threads.
TEST(MutationTest, OrdinaryModelsWriteNothing) {
  for (const char* model : {"add", "cnn", "frozen_cnn", "lstm", "control_flow", "busy", "detection",
                            "methods", "parameter", "tensor_list", "tensor_dict", "future", "raises"}) {
    EXPECT_FALSE(MayWrite(model)) << model;
  }
}

}  // namespace
}  // namespace modeld
