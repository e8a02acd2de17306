#include "daemon/http/infer_json.h"

#include <gmock/gmock.h>

#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

class InferJsonTest : public testing::Test {
 protected:
  absl::StatusOr<InferForm> Read(const std::string& json, const std::string& binary = "") {
    request_.Clear();
    return ReadInferRequest({.json = json, .binary = binary}, &request_);
  }
  // Of one input `x`.
  std::string Input(const std::string& datatype, const std::string& shape, const std::string& data) {
    return absl::StrCat(R"({"inputs":[{"name":"x","datatype":")", datatype, R"(","shape":)", shape,
                        R"(,"data":)", data, "}]}");
  }
  std::string Raw(const std::string& datatype, const std::string& shape, const std::string& data) {
    const absl::Status status = Read(Input(datatype, shape, data)).status();
    EXPECT_OK(status);
    return status.ok() ? request_.raw_input_contents(0) : "";
  }
  absl::Status Error(const std::string& datatype, const std::string& shape, const std::string& data) {
    return Read(Input(datatype, shape, data)).status();
  }
  template <typename T>
  static std::string Of(const std::vector<T>& elements) {
    return {reinterpret_cast<const char*>(elements.data()), elements.size() * sizeof(T)};
  }

  inference::ModelInferRequest request_;
};

TEST_F(InferJsonTest, ElementsAreExact) {
  EXPECT_EQ(Raw("INT64", "[2]", "[9007199254740993, -9223372036854775808]"),
            Of<int64_t>({9007199254740993, std::numeric_limits<int64_t>::min()}));
  EXPECT_EQ(Raw("UINT64", "[1]", "[18446744073709551615]"), Of<uint64_t>({18446744073709551615U}));
  EXPECT_EQ(Raw("FP32", "[4]", "[0.1, 1, -2e2, 1e-60]"), Of<float>({0.1F, 1, -200, 0}));
  EXPECT_EQ(Raw("FP64", "[1]", "[0.1]"), Of<double>({0.1}));
  EXPECT_EQ(Raw("BOOL", "[2]", "[true,false]"), std::string("\1\0", 2));
  EXPECT_EQ(Raw("INT8", "[1]", "[-128]"), "\x80");
  EXPECT_EQ(Raw("BYTES", "[2]", R"(["ab",""])"), std::string("\2\0\0\0ab\0\0\0\0", 10));
}

TEST_F(InferJsonTest, DataMayBeNestedAsTheShapeIs) {
  for (const char* const data : {"[1,2,3,4]", "[[1,2],[3,4]]"}) {
    EXPECT_EQ(Raw("INT8", "[2,2]", data), "\1\2\3\4");
  }
  EXPECT_EQ(Raw("INT8", "[]", "[7]"), "\7");
  EXPECT_EQ(Raw("INT8", "[2,0]", "[[],[]]"), "");
  EXPECT_EQ(Raw("INT8", "[0]", "[]"), "");
}

TEST_F(InferJsonTest, DataThatIsNotAsTheShapeSaysIsRefused) {
  for (const auto& [shape, data, message] :
       std::vector<std::array<const char*, 3>>{{"[3]", "[1,2]", "has 2 elements, but INT8[3] takes 3"},
                                               {"[2,2]", "[[1,2],[3]]", "array of 1 items in dimension 1"},
                                               {"[2,2]", "[[1,2,3,4]]", "array of 4 items in dimension 1"},
                                               {"[4]", "[[1,2],[3,4]]", "nested deeper"},
                                               {"[2,1]", "[1,[2]]", "ragged"},
                                               {"[1,1,1]", "[[1]]", "nested 2 deep"},
                                               {"[9999999999]", "[1]", "takes 9999999999"}}) {
    EXPECT_THAT(Error("INT8", shape, data), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message)))
        << data;
  }
}

TEST_F(InferJsonTest, ElementsOfAnotherKindAreRefused) {
  for (const auto& [dtype, data, message] :
       std::vector<std::array<const char*, 3>>{{"INT8", "[128]", "is no INT8"},
                                               {"INT64", "[1.5]", "is no INT64"},
                                               {"UINT8", "[-1]", "is no UINT8"},
                                               {"FP32", "[1e39]", "is no FP32"},
                                               {"FP32", "[NaN]", "JSON has no NaN"},
                                               {"FP32", "[-Infinity]", "JSON has no NaN and no Infinity"},
                                               {"FP32", "[null]", "expected a number"},
                                               {"FP16", "[1]", "send the tensor as binary data"},
                                               {"BOOL", "[1]", "expected true or false"},
                                               {"BYTES", "[1]", "expected a string"}}) {
    EXPECT_THAT(Error(dtype, "[1]", data),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         testing::AllOf(HasSubstr(message), HasSubstr("input \"x\""))))
        << data;
  }
}

TEST_F(InferJsonTest, TheOrderOfKeysDoesNotMatter) {
  ASSERT_OK(
      Read(R"({"inputs":[{"data":[[1,2]],"shape":[1,2],"datatype":"INT8","name":"x"}],"id":"7"})").status());
  EXPECT_EQ(request_.raw_input_contents(0), "\1\2");
  EXPECT_EQ(request_.id(), "7");
}

TEST_F(InferJsonTest, ParametersAndOutputsAreTaken) {
  ASSERT_OK_AND_ASSIGN(const InferForm form, Read(R"({"inputs":[],
      "parameters":{"priority":1,"sequence_id":"s","big":18446744073709551615,"f":0.5,"b":true,"binary_data_output":true},
      "outputs":[{"name":"y","parameters":{"binary_data":false,"classification":3}},{"name":"z"}]})"));
  EXPECT_TRUE(form.binary);
  EXPECT_THAT(form.outputs, ElementsAre(Pair("y", false)));
  EXPECT_EQ(request_.parameters().size(), 5U);
  EXPECT_EQ(request_.parameters().at("priority").int64_param(), 1);
  EXPECT_EQ(request_.parameters().at("big").uint64_param(), 18446744073709551615U);
  EXPECT_EQ(request_.parameters().at("f").double_param(), 0.5);
  EXPECT_EQ(request_.outputs(0).parameters().at("classification").int64_param(), 3);
}

TEST_F(InferJsonTest, BinaryInputsStandBehindTheJson) {
  const std::string json = R"({"inputs":[
      {"name":"a","datatype":"FP16","shape":[1],"parameters":{"binary_data_size":2}},
      {"name":"b","datatype":"INT8","shape":[1],"data":[1]},
      {"name":"c","datatype":"INT8","shape":[1],"parameters":{"binary_data_size":1}}]})";
  ASSERT_OK(Read(json, "abc").status());
  EXPECT_THAT(request_.raw_input_contents(), ElementsAre("ab", "\1", "c"));
  EXPECT_THAT(Read(json, "ab").status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("only 0 bytes are left")));
  EXPECT_THAT(Read(json, "abcd").status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("1 bytes behind the JSON")));
}

// The elements of the first datatype were read as those of the second.
TEST_F(InferJsonTest, KeysOfAnInputComeOnce) {
  EXPECT_THAT(
      Read(R"({"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[1.0],"datatype":"INT32"}]})")
          .status(),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("input \"x\": has \"datatype\" twice")));
}

TEST_F(InferJsonTest, FaultsNameTheKey) {
  EXPECT_THAT(Read(R"({"input":[]})").status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("unknown key \"input\"")));
  EXPECT_THAT(Read(R"({"inputs":[{"name":"x","datatype":"INT8","shape":[1]}]})").status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("expected `data`")));
  EXPECT_THAT(Read(R"({"inputs":[{"name":"x","shape":[1],"data":[1]}]})").status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("datatype")));
  EXPECT_THAT(Read("[]").status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("expected an object")));
  EXPECT_THAT(Read("{}x").status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("expected the end")));
}

TEST_F(InferJsonTest, AnswersAreWrittenAsAskedFor) {
  inference::ModelInferResponse response;
  response.set_model_name("m");
  response.set_model_version("1");
  for (const char* const name : {"y", "z"}) {
    auto* const output = response.add_outputs();
    output->set_name(name);
    output->set_datatype("INT8");
    output->add_shape(2);
    response.add_raw_output_contents("\1\2");
  }
  ASSERT_OK_AND_ASSIGN(InferAnswer answer,
                       WriteInferResponse({.binary = false, .outputs = {{"z", true}}}, response));
  EXPECT_EQ(
      answer.body.substr(0, answer.json_bytes),
      R"({"model_name":"m","model_version":"1","outputs":[{"name":"y","datatype":"INT8","shape":[2],)"
      R"("data":[1,2]},{"name":"z","datatype":"INT8","shape":[2],"parameters":{"binary_data_size":2}}]})");
  EXPECT_EQ(answer.body.substr(answer.json_bytes), "\1\2");
  ASSERT_OK_AND_ASSIGN(answer, WriteInferResponse({}, response));
  EXPECT_EQ(answer.json_bytes, 0U);
}

}  // namespace
}  // namespace modeld
