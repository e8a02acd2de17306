#include "daemon/http/plain_json.h"

#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class NamedMethods final : public Executable {
 public:
  explicit NamedMethods(std::vector<Method> methods) : methods_(std::move(methods)) {}
  const std::vector<Method>& methods() const override { return methods_; }
  absl::StatusOr<Value> Run(size_t, std::vector<Value>) override { return absl::InternalError("not run"); }

 private:
  const std::vector<Method> methods_;
};

class PlainJsonTest : public testing::Test {
 protected:
  PlainJsonTest() {
    const auto argument = [](const char* name, Type::Kind kind) {
      Argument made;
      made.name = name;
      made.type.kind = kind;
      return made;
    };
    Method forward;
    forward.name = "forward";
    forward.arguments = {argument("x", Type::Kind::kTensor), argument("flag", Type::Kind::kBool),
                         argument("any", Type::Kind::kAny), argument("text", Type::Kind::kString)};
    version_.model = "m";
    version_.version = "1";
    version_.executable = std::make_unique<NamedMethods>(std::vector<Method>{forward});
  }
  // The input of the request.
  v1::Value Input(const std::string& json, const std::string& name) {
    absl::StatusOr<PlainRequest> request = ReadPlainRequest(json, version_);
    EXPECT_OK(request.status());
    return request.ok() ? request->predict.inputs().at(name) : v1::Value();
  }
  absl::Status Error(const std::string& json) { return ReadPlainRequest(json, version_).status(); }

  ServedVersion version_;
};

TEST_F(PlainJsonTest, NestedArraysBecomeTensors) {
  const v1::Tensor floats = Input(R"({"inputs":{"x":[[1,2.5],[3,4]]}})", "x").tensor();
  EXPECT_EQ(floats.dtype(), "FP32");
  EXPECT_THAT(floats.shape(), ElementsAre(2, 2));
  const std::vector<float> expected = {1, 2.5, 3, 4};
  EXPECT_EQ(floats.raw(), std::string(reinterpret_cast<const char*>(expected.data()), 4 * sizeof(float)));
  EXPECT_EQ(Input(R"({"inputs":[1,2]})", "x").tensor().dtype(), "INT64");
  EXPECT_EQ(Input(R"({"inputs":{"x":[true]}})", "x").tensor().dtype(), "BOOL");
  EXPECT_EQ(Input(R"({"inputs":{"x":["a"]}})", "x").tensor().dtype(), "BYTES");
  EXPECT_EQ(Input(R"({"inputs":{"x":{"b64":"AP8="}}})", "x").tensor().raw(),
            std::string("\2\0\0\0\0\xff", 6));
  EXPECT_THAT(Input(R"({"inputs":{"x":{"b64":"AP8="}}})", "x").tensor().shape(), ElementsAre());
  version_.inputs = {{.name = "x", .dtype = DType::kFp32, .shape = std::nullopt}};
  EXPECT_EQ(Input(R"({"inputs":{"x":[1,2]}})", "x").tensor().dtype(), "FP32");
}

// Of several images, of which an input of numbers is made, only one could be sent.
TEST_F(PlainJsonTest, ArraysOfBytesAreBytesWhateverIsDeclared) {
  version_.inputs = {{.name = "x", .dtype = DType::kFp32, .shape = std::nullopt}};
  for (const char* json : {R"({"inputs":{"x":[{"b64":"AP8="},{"b64":"AQ=="}]}})",
                           R"({"instances":[{"b64":"AP8="},{"b64":"AQ=="}]})",
                           R"({"instances":[{"x":{"b64":"AP8="}},{"x":{"b64":"AQ=="}}]})"}) {
    const v1::Tensor tensor = Input(json, "x").tensor();
    EXPECT_EQ(tensor.dtype(), "BYTES") << json;
    EXPECT_THAT(tensor.shape(), ElementsAre(2)) << json;
    EXPECT_EQ(tensor.raw(), std::string("\2\0\0\0\0\xff\1\0\0\0\1", 11)) << json;
  }
}

TEST_F(PlainJsonTest, OtherArgumentsBecomeWhatTheyAre) {
  EXPECT_TRUE(Input(R"({"inputs":{"flag":true}})", "flag").bool_value());
  EXPECT_EQ(Input(R"({"inputs":{"text":"a"}})", "text").string_value(), "a");
  EXPECT_EQ(Input(R"({"inputs":{"any":{"k":[1]}}})", "any").dict().entries(0).key().string_value(), "k");
  EXPECT_EQ(Input(R"({"inputs":{"any":[1,["a"]]}})", "any").list().items_size(), 2);
}

TEST_F(PlainJsonTest, RowsBecomeColumns) {
  ASSERT_OK_AND_ASSIGN(
      const PlainRequest request,
      ReadPlainRequest(R"({"instances":[{"x":[1,2],"any":1},{"x":[3,4],"any":2}]})", version_));
  EXPECT_TRUE(request.rows);
  EXPECT_THAT(request.predict.inputs().at("x").tensor().shape(), ElementsAre(2, 2));
  EXPECT_EQ(request.predict.inputs().at("any").tensor().dtype(), "INT64");
  EXPECT_THAT(Input(R"({"instances":[[1,2],[3,4]]})", "x").tensor().shape(), ElementsAre(2, 2));
}

TEST_F(PlainJsonTest, FaultsSayWhatWasExpected) {
  for (const auto& [json, message] : std::vector<std::pair<const char*, const char*>>{
           {"{", "malformed JSON"},
           {"[]", "`inputs` or `instances`"},
           {"{}", "either `inputs` or `instances`"},
           {R"({"inputs":{},"instances":[]})", "either"},
           {R"({"input":{}})", "unknown key \"input\""},
           {R"({"inputs":{"x":[[1],[2,3]]}})", "ragged"},
           {R"({"inputs":{"x":[[1],2]}})", "ragged"},
           {R"({"inputs":{"x":[1,"a"]}})", R"(element "\"a\"" is no FP32)"},
           {R"({"inputs":{"x":[1,null]}})", R"(element "null" is no FP32)"},
           {R"({"inputs":{"x":[1,{"b64":"_"}]}})", "is no FP32"},
           {R"({"inputs":{"x":["a",{"b64":"_"}]}})", R"(element "{\"b64\":\"_\"}" is no BYTES)"},
           {R"({"inputs":{"x":[[],1]}})", "ragged"},
           {R"({"inputs":{"x":[1,[]]}})", "ragged"},
           {R"({"inputs":{"x":[[[]],[[],[]]]}})", "dimension 1 is 1 at first, then 2"},
           {R"({"inputs":{"any":1e999}})", "out of the range"},
           {R"({"inputs":{"x":[NaN]}})", "no NaN"},
           {R"({"instances":[]})", "a row at least"},
           {R"({"instances":[{"x":1},{"y":1}]})", "row 0 has no \"y\""},
           {R"({"instances":[{"x":1},{"x":1,"y":1}]})", "row 0 has no \"y\""},
           {R"({"instances":[{"x":1,"y":1},{"x":1}]})", "row 1 has other inputs"},
           {R"({"instances":[{"x":1},1]})", "row 1 is no object"},
           {R"({"inputs":{},"timeout_ms":-1})", "timeout_ms"},
           {R"({"inputs":{},"method":1})", "`method`"}}) {
    EXPECT_THAT(Error(json), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message))) << json;
  }
  EXPECT_THAT(Error(std::string("{\"inputs\":{}}\0x", 15)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("expected the end")));
  EXPECT_THAT(Error(R"({"inputs":{},"method":"other"})"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("other")));
}

TEST_F(PlainJsonTest, OfKeysThatComeTwiceTheLastOneCounts) {
  EXPECT_EQ(Input(R"({"inputs":{"any":"a","any":1}})", "any").int_value(), 1);
  EXPECT_EQ(Input(R"({"inputs":{"any":1},"inputs":{"any":2}})", "any").int_value(), 2);
  EXPECT_THAT(Input(R"({"instances":[{"x":1,"x":2}]})", "x").tensor().shape(), ElementsAre(1));
}

TEST_F(PlainJsonTest, NarrowFloatsAreSentAsFloats) {
  version_.inputs = {{.name = "x", .dtype = DType::kFp16, .shape = std::nullopt}};
  const v1::Tensor tensor = Input(R"({"inputs":{"x":[1,2.5]}})", "x").tensor();
  EXPECT_EQ(tensor.dtype(), "FP16");
  EXPECT_THAT(tensor.float_values(), ElementsAre(1, 2.5));
}

// A tree of the text took eighty times its size.
TEST_F(PlainJsonTest, ManySmallItemsAreRefused) {
  std::string items = "{}";
  while (items.size() < (4 << 20)) items += "," + items;
  EXPECT_THAT(Error(R"({"inputs":{"any":[)" + items + "]}}"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("send numbers as a tensor")));
}

TEST_F(PlainJsonTest, MixedItemsNestedDeepAreNotLookedAtForEver) {
  std::string ones = "1";
  while (ones.size() < (1 << 20)) ones += "," + ones;
  const std::string nested = std::string(30, '[') + ones + ",\"a\"" + std::string(30, ']');
  EXPECT_THAT(Error(R"({"inputs":{"any":)" + nested + "}}"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("mixed items")));
}

// The parser's own message repeated the whole string, control characters as six each.
TEST_F(PlainJsonTest, AFaultIsToldInFewBytes) {
  const std::string text(1 << 20, '\x7f');
  for (const std::string& json :
       {"{\"inputs\":\"" + text + "\n\"}", "{\"inputs\":\"" + text, "{\"inputs\":[\"" + text + "\",1]}"}) {
    EXPECT_LT(Error(json).message().size(), 1000);
  }
}

TEST_F(PlainJsonTest, AnswersAreNestedArrays) {
  v1::PredictResponse response;
  v1::Tensor* const y = (*response.mutable_outputs())["y"].mutable_tensor();
  y->set_dtype("INT8");
  y->add_shape(2);
  y->add_shape(1);
  y->set_raw("\1\2");
  ASSERT_OK_AND_ASSIGN(std::string json, WritePlainResponse(false, response));
  EXPECT_EQ(json, R"({"outputs":{"y":[[1],[2]]}})");
  ASSERT_OK_AND_ASSIGN(json, WritePlainResponse(true, response));
  EXPECT_EQ(json, R"({"predictions":[[1],[2]]})");
  (*response.mutable_outputs())["z"] = response.outputs().at("y");
  ASSERT_OK_AND_ASSIGN(json, WritePlainResponse(true, response));
  EXPECT_EQ(json, R"({"predictions":[{"y":[1],"z":[1]},{"y":[2],"z":[2]}]})");
  (*response.mutable_outputs())["z"].set_int_value(1);
  EXPECT_THAT(WritePlainResponse(true, response).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("has no rows")));
}

}  // namespace
}  // namespace modeld
