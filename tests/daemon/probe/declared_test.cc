#include "daemon/probe/declared.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_engine.h"
#include "tests/support/status_matchers.h"
#include "tests/support/values.h"

namespace modeld {
namespace {

using ::testing::ElementsAre;

TEST(DeclaredTest, WhatTheConfigLeavesOutIsAny) {
  v1::ModelConfig config;
  v1::TensorSpec* const x = config.add_inputs();
  x->set_name("x");
  x->set_dtype("FP32");
  x->add_shape(-1);
  config.add_inputs()->set_name("y");
  const std::vector<DeclaredTensor> declared = DeclaredTensors(config.inputs());
  ASSERT_EQ(declared.size(), 2u);
  EXPECT_EQ(declared[0].dtype, DType::kFp32);
  EXPECT_EQ(declared[0].shape, (std::vector<int64_t>{-1}));
  EXPECT_EQ(declared[1].dtype, std::nullopt);
  EXPECT_EQ(declared[1].shape, std::nullopt);
}

TEST(DeclaredTest, WarmUpSizes) {
  v1::ModelConfig config;
  EXPECT_THAT(WarmUpSizes(config), ElementsAre(1));
  config.mutable_batching()->set_max_batch_size(32);
  config.mutable_batching()->add_preferred_batch_sizes(8);
  EXPECT_THAT(WarmUpSizes(config), ElementsAre(1, 8, 32));
  config.mutable_warmup()->add_batch_sizes(4);
  config.mutable_warmup()->add_batch_sizes(16);
  EXPECT_THAT(WarmUpSizes(config), ElementsAre(4, 16));
}

TEST(DeclaredTest, TheEngine) {
  FakeEngine engine;
  v1::ModelConfig config;
  EXPECT_OK(CheckEngine(config, engine, ArtifactFormat::kTorchScript));
  config.mutable_execution()->set_engine("auto");
  EXPECT_OK(CheckEngine(config, engine, ArtifactFormat::kTorchScript));
  EXPECT_TRUE(AllowsEngine(config.execution(), "fake"));
  config.mutable_execution()->set_engine("fake");
  EXPECT_OK(CheckEngine(config, engine, ArtifactFormat::kTorchScript));
  config.mutable_execution()->set_engine("libtorch");
  EXPECT_FALSE(AllowsEngine(config.execution(), "fake"));
  EXPECT_THAT(CheckEngine(config, engine, ArtifactFormat::kTorchScript),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       R"(execution.engine is "libtorch", but this build runs torchscript with fake; )"
                       R"(name that, or "auto")"));
}

TEST(DeclaredTest, OutputsThatContradictAreNamed) {
  const std::vector<DeclaredTensor> declared = {
      {.name = "logits", .dtype = DType::kFp32, .shape = std::vector<int64_t>{-1, 10}},
      {.name = "any", .dtype = std::nullopt, .shape = std::nullopt}};
  const auto outputs = [](Value logits) {
    return NamedValues{{"logits", std::move(logits)}, {"any", Int(1)}};
  };
  EXPECT_EQ(OutputsContradiction(outputs(Value{Zeros(DType::kFp32, {7, 10})}), declared), "");
  EXPECT_EQ(OutputsContradiction(outputs(Str("no tensor")), declared), "");
  EXPECT_EQ(OutputsContradiction(outputs(Value{Zeros(DType::kFp32, {1, 9})}), declared),
            "output \"logits\" is FP32[1,9], declared FP32[-1,10] (dimension 1 is 9, not 10)");
  EXPECT_EQ(OutputsContradiction(outputs(Value{Zeros(DType::kFp32, {10})}), declared),
            "output \"logits\" is FP32[10], declared FP32[-1,10] (rank is 1, not 2)");
  EXPECT_EQ(OutputsContradiction(outputs(Value{Zeros(DType::kInt64, {1, 10})}), declared),
            "output \"logits\" is INT64[1,10], declared FP32[-1,10] (dtype is INT64, not FP32)");
  EXPECT_EQ(OutputsContradiction({{"any", Int(1)}}, declared),
            "there is no output \"logits\", which the config declares; it returned \"any\"");
}

}  // namespace
}  // namespace modeld
