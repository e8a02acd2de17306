#include "daemon/engine/libtorch/mutation.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/loaded_model.h"

namespace modeld {
namespace {

// As the daemon holds them.
AttributeWrites WritesOf(const std::string& model) {
  torch::jit::Module module = torch::jit::load(ModelPath(model));
  module.eval();
  return FindAttributeWrites(module.get_methods());
}

bool MayWrite(const std::string& model) { return WritesOf(model).any; }

TEST(MutationTest, SeesEveryWayToWriteAnAttribute) {
  for (const char* model : {"counter", "counter_in_place", "counter_in_list", "keeps_input"}) {
    EXPECT_TRUE(MayWrite(model)) << model;
  }
}

TEST(MutationTest, TellsParametersFromTheRest) {
  for (const char* model : {"counter", "counter_in_place", "counter_in_list", "keeps_input"}) {
    EXPECT_FALSE(WritesOf(model).parameters) << model;
  }
  EXPECT_TRUE(WritesOf("writes_parameter").parameters);
}

// These are run as they were loaded, by any number of threads.
TEST(MutationTest, OrdinaryModelsWriteNothing) {
  for (const char* model : {"add", "cnn", "frozen_cnn", "lstm", "control_flow", "busy", "detection",
                            "methods", "parameter", "tensor_list", "tensor_dict", "future", "raises"}) {
    EXPECT_FALSE(MayWrite(model)) << model;
  }
}

// A ResNet that counted as writing copied all its weights for each run.
TEST(MutationTest, WhatIsWrittenInTrainingOnlyIsNotWritten) {
  EXPECT_FALSE(MayWrite("batch_norm"));
  torch::jit::Module training = torch::jit::load(ModelPath("batch_norm"));
  training.train();
  EXPECT_TRUE(FindAttributeWrites(training.get_methods()).any);
}

TEST(MutationTest, StatisticsThatAreLearnedAreWritten) {
  EXPECT_TRUE(MayWrite("adapting_norm"));
  EXPECT_TRUE(MayWrite("trainable_norm")) << "a method assigns `training`";
}

}  // namespace
}  // namespace modeld
