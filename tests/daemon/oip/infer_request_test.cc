#include "daemon/oip/infer_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "messages.h"
#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class InferRequestTest : public ::testing::Test {
 protected:
  absl::StatusOr<InferOptions> Take(const std::string& text) {
    auto request = Parsed<inference::ModelInferRequest>(text);
    predict_.Clear();
    return TakeInferRequest(request, &predict_);
  }
  absl::Status Error(const std::string& text) { return Take(text).status(); }

  v1::PredictRequest predict_;
};

TEST_F(InferRequestTest, RawElementsAreTaken) {
  ASSERT_OK_AND_ASSIGN(const InferOptions options, Take(R"(
      model_name: "digits" model_version: "canary" id: "42"
      inputs { name: "x" datatype: "FP32" shape: 1 shape: 2 } inputs { name: "flag" datatype: "BOOL" shape: 1 }
      raw_input_contents: "12345678" raw_input_contents: "\001")"));
  EXPECT_EQ(predict_.model(), "digits");
  EXPECT_EQ(predict_.version(), "canary");
  const v1::Tensor& x = predict_.inputs().at("x").tensor();
  EXPECT_EQ(x.dtype(), "FP32");
  EXPECT_THAT(x.shape(), ElementsAre(1, 2));
  EXPECT_EQ(x.raw(), "12345678");
  EXPECT_EQ(predict_.inputs().at("flag").tensor().raw(), "\1");
  EXPECT_EQ(options.id, "42");
  EXPECT_TRUE(options.raw);
  EXPECT_EQ(options.timeout, absl::InfiniteDuration());
}

TEST_F(InferRequestTest, TypedElementsAreTakenFromTheFieldOfTheirDtype) {
  ASSERT_OK_AND_ASSIGN(const InferOptions options, Take(R"(
      model_name: "m"
      inputs { name: "a" datatype: "INT8" shape: 2 contents { int_contents: -1 int_contents: 2 } }
      inputs { name: "b" datatype: "INT64" shape: 1 contents { int64_contents: 3 } }
      inputs { name: "c" datatype: "UINT16" shape: 1 contents { uint_contents: 4 } }
      inputs { name: "d" datatype: "UINT64" shape: 1 contents { uint64_contents: 5 } }
      inputs { name: "e" datatype: "FP32" shape: 1 contents { fp32_contents: 6 } }
      inputs { name: "f" datatype: "FP64" shape: 1 contents { fp64_contents: 7 } }
      inputs { name: "g" datatype: "BYTES" shape: 1 contents { bytes_contents: "8" } }
      inputs { name: "h" datatype: "BOOL" shape: 1 contents { bool_contents: true } }
      inputs { name: "i" datatype: "FP16" shape: 1 contents { fp32_contents: 9 } }
      inputs { name: "j" datatype: "FP32" shape: 0 contents {} })"));
  EXPECT_FALSE(options.raw);
  const auto tensor = [this](const char* name) { return predict_.inputs().at(name).tensor(); };
  EXPECT_THAT(tensor("a").int_values(), ElementsAre(-1, 2));
  EXPECT_THAT(tensor("b").int_values(), ElementsAre(3));
  EXPECT_THAT(tensor("c").uint_values(), ElementsAre(4));
  EXPECT_THAT(tensor("d").uint_values(), ElementsAre(5));
  EXPECT_THAT(tensor("e").float_values(), ElementsAre(6));
  EXPECT_THAT(tensor("f").double_values(), ElementsAre(7));
  EXPECT_THAT(tensor("g").bytes_values(), ElementsAre("8"));
  EXPECT_THAT(tensor("h").bool_values(), ElementsAre(true));
  EXPECT_THAT(tensor("i").float_values(), ElementsAre(9));
}

TEST_F(InferRequestTest, ElementsThatDoNotFitAreErrors) {
  EXPECT_THAT(Error(R"(inputs { name: "x" datatype: "FP32" shape: 2 contents { fp32_contents: 1 } })"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr(R"(input "x": its contents have 1 elements, but FP32[2] takes 2)")));
  EXPECT_THAT(Error(R"(inputs { name: "x" datatype: "FP32" shape: 1 contents { int_contents: 1 } })"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("elements stand in int_contents, which is not for FP32")));
  EXPECT_THAT(Error(R"(inputs { name: "x" datatype: "FP32" shape: 1 } inputs { name: "y" }
                       raw_input_contents: "1234")"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("raw_input_contents has 1 entries for 2 inputs")));
  EXPECT_THAT(Error(R"(inputs { name: "x" datatype: "FP32" shape: 1 contents { fp32_contents: 1 } }
                       raw_input_contents: "1234")"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("beside raw_input_contents")));
  EXPECT_THAT(
      Error(R"(inputs { name: "x" datatype: "BOOL" shape: 1 } inputs { name: "x" datatype: "BOOL" shape: 1 }
                       raw_input_contents: "a" raw_input_contents: "b")"),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(R"(input "x" is given twice)")));
}

TEST_F(InferRequestTest, ParametersSayHowItRuns) {
  ASSERT_OK_AND_ASSIGN(const InferOptions options, Take(R"(
      model_name: "m"
      parameters { key: "priority" value { uint64_param: 1 } }
      parameters { key: "timeout" value { int64_param: 2500 } }
      parameters { key: "sequence_id" value { int64_param: 42 } }
      parameters { key: "sequence_start" value { bool_param: true } }
      parameters { key: "sequence_end" value { bool_param: false } }
      parameters { key: "method" value { string_param: "embed" } }
      parameters { key: "sticky_key" value { string_param: "ann" } }
      parameters { key: "anything else" value { double_param: 0.5 } })"));
  EXPECT_EQ(predict_.priority(), v1::PRIORITY_HIGH);
  EXPECT_EQ(predict_.sequence_id(), "42");
  EXPECT_TRUE(predict_.sequence_start());
  EXPECT_FALSE(predict_.sequence_end());
  EXPECT_EQ(predict_.method(), "embed");
  EXPECT_EQ(predict_.sticky_key(), "ann");
  EXPECT_EQ(options.timeout, absl::Microseconds(2500));
}

// tritony sends 30, and means seconds.
TEST_F(InferRequestTest, ATimeoutThatNothingCanMeetIsAnotherUnit) {
  for (const auto& [sent, taken] : {std::pair{30, absl::InfiniteDuration()},
                                    {999, absl::InfiniteDuration()},
                                    {1000, absl::Milliseconds(1)}}) {
    ASSERT_OK_AND_ASSIGN(
        const InferOptions options,
        Take("parameters { key: 'timeout' value { int64_param: " + std::to_string(sent) + " } }"));
    EXPECT_EQ(options.timeout, taken) << sent;
  }
}

TEST_F(InferRequestTest, PrioritiesAreTritons) {
  const auto priority = [this](int level) {
    EXPECT_OK(Take("parameters { key: 'priority' value { int64_param: " + std::to_string(level) + " } }"));
    return predict_.priority();
  };
  EXPECT_EQ(priority(0), v1::PRIORITY_NORMAL);
  EXPECT_EQ(priority(1), v1::PRIORITY_HIGH);
  EXPECT_EQ(priority(2), v1::PRIORITY_NORMAL);
  EXPECT_EQ(priority(3), v1::PRIORITY_LOW);
}

TEST_F(InferRequestTest, SequencesMayBeNamedByText) {
  EXPECT_OK(Take(R"(parameters { key: "sequence_id" value { string_param: "ann" } })"));
  EXPECT_EQ(predict_.sequence_id(), "ann");
  EXPECT_OK(Take(R"(parameters { key: "sequence_id" value { int64_param: 0 } })"));
  EXPECT_EQ(predict_.sequence_id(), "") << "0 is none";
}

TEST_F(InferRequestTest, ParametersOfTheWrongKindAreErrors) {
  for (const char* const parameter :
       {"key: 'priority' value { string_param: 'high' }", "key: 'priority' value { int64_param: -1 }",
        "key: 'timeout' value { bool_param: true }", "key: 'sequence_start' value { int64_param: 1 }",
        "key: 'sequence_id' value { int64_param: -1 }", "key: 'method' value { int64_param: 1 }"}) {
    EXPECT_THAT(Error(std::string("parameters { ") + parameter + " }"),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr("the parameter `"), HasSubstr("has to be"))))
        << parameter;
  }
}

TEST_F(InferRequestTest, SharedMemoryIsNotUsed) {
  const std::string region = R"(parameters { key: "shared_memory_region" value { string_param: "r" } })";
  EXPECT_THAT(
      Error("inputs { name: 'x' datatype: 'FP32' shape: 1 " + region + " }"),
      StatusIs(absl::StatusCode::kUnimplemented, HasSubstr(R"(input "x" is to be in shared memory)")));
  EXPECT_THAT(
      Error("inputs { name: 'a' datatype: 'FP32' shape: 1 } inputs { name: 'x' datatype: 'FP32' shape: 1 " +
            region + " } raw_input_contents: 'abcd'"),
      StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("shared memory")));
  EXPECT_THAT(Error("outputs { name: 'y' " + region + " }"),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr(R"(output "y")")));
}

TEST_F(InferRequestTest, OutputsAreAskedFor) {
  ASSERT_OK_AND_ASSIGN(const InferOptions options,
                       Take(R"(outputs { name: "b" } outputs { name: "a" parameters {
                               key: "classification" value { int64_param: 3 } } })"));
  ASSERT_EQ(options.outputs.size(), 2u);
  EXPECT_EQ(options.outputs[0].name, "b");
  EXPECT_EQ(options.outputs[0].classes, 0);
  EXPECT_EQ(options.outputs[1].name, "a");
  EXPECT_EQ(options.outputs[1].classes, 3);
}

// Each was a copy of it in the answer: a small request made a huge one.
TEST_F(InferRequestTest, AnOutputIsAskedForOnce) {
  EXPECT_THAT(Take(R"(outputs { name: "b" } outputs { name: "a" } outputs { name: "b" })").status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("output \"b\" is asked for twice")));
  EXPECT_OK(Take(R"(outputs { name: "a" } outputs { name: "a" parameters {
                       key: "classification" value { int64_param: 3 } } })")
                .status());
}

}  // namespace
}  // namespace modeld
