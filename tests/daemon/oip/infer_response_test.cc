#include "daemon/oip/infer_response.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_version.h"
#include "messages.h"
#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A model that returns two tensors, `scores` and then `boxes`.
class InferResponseTest : public ::testing::Test {
 protected:
  InferResponseTest() {
    Method forward = FakeForward({FakeArgument("x")});
    forward.returns = TypeOf(Type::Kind::kTuple, {TypeOf(Type::Kind::kTensor), TypeOf(Type::Kind::kTensor)},
                             {"scores", "boxes"});
    version_ = FakeVersion(std::move(forward));
    version_->labels["scores"] = {"cat", "dog"};
    predict_ = Parsed<v1::PredictResponse>(R"(
        model: "m" version: "1.0"
        outputs { key: "boxes" value { tensor { dtype: "INT32" shape: 1 raw: "\007\000\000\000" } } })");
    v1::Tensor& scores = *(*predict_.mutable_outputs())["scores"].mutable_tensor();
    scores.set_dtype("FP32");
    scores.add_shape(2);
    scores.set_raw(RawOf<float>({0.25, 0.75}));
  }
  absl::Status Fill(const InferOptions& options) {
    response_.Clear();
    v1::PredictResponse predict = predict_;
    return FillInferResponse(options, *version_, 0, predict, &response_);
  }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& output : response_.outputs()) names.push_back(output.name());
    return names;
  }

  std::unique_ptr<ServedVersion> version_;
  v1::PredictResponse predict_;
  inference::ModelInferResponse response_;
};

TEST_F(InferResponseTest, OutputsComeInTheMethodsOrder) {
  ASSERT_OK(Fill({.id = "42"}));
  EXPECT_EQ(response_.model_name(), "m");
  EXPECT_EQ(response_.model_version(), "1.0");
  EXPECT_EQ(response_.id(), "42");
  EXPECT_THAT(Names(), ElementsAre("scores", "boxes"));
  EXPECT_EQ(response_.outputs(0).datatype(), "FP32");
  EXPECT_THAT(response_.outputs(0).shape(), ElementsAre(2));
  ASSERT_EQ(response_.raw_output_contents_size(), 2);
  EXPECT_EQ(response_.raw_output_contents(0), RawOf<float>({0.25, 0.75}));
  EXPECT_EQ(response_.raw_output_contents(1), RawOf<int32_t>({7}));
}

TEST_F(InferResponseTest, OnlyWhatIsAskedForInThatOrder) {
  ASSERT_OK(Fill({.outputs = {{.name = "boxes"}, {.name = "scores"}, {.name = "boxes"}}}));
  EXPECT_THAT(Names(), ElementsAre("boxes", "scores", "boxes"));
  EXPECT_EQ(response_.raw_output_contents(2), RawOf<int32_t>({7}));
}

TEST_F(InferResponseTest, NumbersStandForOutputs) {
  ASSERT_OK(Fill({.outputs = {{.name = "OUTPUT__1"}, {.name = "OUTPUT__0"}}}));
  EXPECT_THAT(Names(), ElementsAre("OUTPUT__1", "OUTPUT__0"));
  EXPECT_EQ(response_.raw_output_contents(0), RawOf<int32_t>({7}));
}

TEST_F(InferResponseTest, WhatIsNotReturnedCannotBeAskedFor) {
  EXPECT_THAT(
      Fill({.outputs = {{.name = "score"}}}),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr(
                   R"(unknown output "score" (did you mean "scores"?); the model returned: scores, boxes)")));
  EXPECT_THAT(Fill({.outputs = {{.name = "OUTPUT__2"}}}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("unknown output")));
}

TEST_F(InferResponseTest, TypedElementsWhereTheRequestHadThem) {
  ASSERT_OK(Fill({.raw = false}));
  EXPECT_THAT(response_.raw_output_contents(), IsEmpty());
  EXPECT_THAT(response_.outputs(0).contents().fp32_contents(), ElementsAre(0.25f, 0.75f));
  EXPECT_THAT(response_.outputs(1).contents().int_contents(), ElementsAre(7));
}

TEST_F(InferResponseTest, HalvesHaveNoTypedElements) {
  (*predict_.mutable_outputs())["boxes"].mutable_tensor()->set_dtype("BF16");
  ASSERT_OK(Fill({.raw = false}));
  EXPECT_EQ(response_.raw_output_contents_size(), 2);
  EXPECT_FALSE(response_.outputs(0).has_contents());
}

TEST_F(InferResponseTest, ClassesAreNamedByTheLabels) {
  ASSERT_OK(Fill({.outputs = {{.name = "OUTPUT__0", .classes = 1}}}));
  EXPECT_EQ(response_.outputs(0).datatype(), "BYTES");
  EXPECT_THAT(response_.outputs(0).shape(), ElementsAre(1));
  EXPECT_EQ(response_.raw_output_contents(0), std::string("\016\0\0\0"
                                                          "0.750000:1:dog",
                                                          18));
}

TEST_F(InferResponseTest, ListsAndDictionariesAreTakenApart) {
  predict_ = Parsed<v1::PredictResponse>(R"(
      outputs { key: "output" value { list {
          items { tensor { dtype: "UINT8" shape: 1 raw: "a" } } items { tensor { dtype: "UINT8" shape: 1 raw: "b" } } } } })");
  ASSERT_OK(Fill({}));
  EXPECT_THAT(Names(), ElementsAre("output.0", "output.1"));
  ASSERT_OK(Fill({.outputs = {{.name = "output.1"}}}));
  EXPECT_THAT(Names(), ElementsAre("output.1"));
  ASSERT_OK(Fill({.outputs = {{.name = "output"}}}));
  EXPECT_THAT(Names(), ElementsAre("output.0", "output.1"));
}

TEST_F(InferResponseTest, NoneIsNoTensor) {
  predict_ = Parsed<v1::PredictResponse>(R"(outputs { key: "output" value { none {} } })");
  ASSERT_OK(Fill({}));
  EXPECT_THAT(Names(), IsEmpty());
  ASSERT_OK(Fill({.outputs = {{.name = "output"}}}));
  EXPECT_THAT(Names(), IsEmpty());
}

}  // namespace
}  // namespace modeld
