#include "daemon/probe/golden_sample.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "daemon/codec/value_codec.h"
#include "modeld/v1/value.pb.h"
#include "tests/support/fake_engine.h"
#include "tests/support/status_matchers.h"
#include "tests/support/values.h"

namespace modeld {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Code = absl::StatusCode;

std::string SampleBytes(const NamedValues& inputs, const NamedValues& outputs,
                        const std::string& method = "") {
  v1::GoldenSample wire;
  wire.set_method(method);
  for (const auto& [name, value] : inputs) ToWire(value, &(*wire.mutable_inputs())[name]);
  for (const auto& [name, value] : outputs) ToWire(value, &(*wire.mutable_outputs())[name]);
  return wire.SerializeAsString();
}

TEST(DecodeGoldenSampleTest, GivesBackWhatWasWritten) {
  ASSERT_OK_AND_ASSIGN(const GoldenSample sample,
                       DecodeGoldenSample("golden/0", SampleBytes({{"x", Value{FloatTensor({2}, {1, 2})}}},
                                                                  {{"y", Str("cat")}}, "classify")));
  EXPECT_EQ(sample.name, "golden/0");
  EXPECT_EQ(sample.method, "classify");
  EXPECT_EQ(Dump(sample.inputs.at("x")), Dump(Value{FloatTensor({2}, {1, 2})}));
  EXPECT_EQ(Dump(sample.outputs.at("y")), "\"cat\"");
}

TEST(DecodeGoldenSampleTest, RefusesByName) {
  EXPECT_THAT(DecodeGoldenSample("golden/0", "\xff\xff\xff"),
              StatusIs(Code::kInvalidArgument,
                       HasSubstr("golden sample \"golden/0\": it is no serialized modeld.v1.GoldenSample")));
  EXPECT_THAT(DecodeGoldenSample("golden/1", SampleBytes({{"x", Int(1)}}, {})),
              StatusIs(Code::kInvalidArgument, HasSubstr("golden sample \"golden/1\": it has no outputs")));
  // What only the codec finds: a BOOL that is 2.
  v1::GoldenSample wire;
  (*wire.mutable_outputs())["y"].set_int_value(1);
  v1::Tensor* const tensor = (*wire.mutable_inputs())["x"].mutable_tensor();
  tensor->set_dtype("BOOL");
  tensor->set_raw("\2");
  EXPECT_THAT(DecodeGoldenSample("golden/2", wire.SerializeAsString()),
              StatusIs(Code::kInvalidArgument, HasSubstr("golden sample \"golden/2\": input \"x\"")));
}

class RunGoldenTest : public ::testing::Test {
 protected:
  RecordingExecutable Model(RecordingExecutable::RunFn run) {
    Method other = FakeForward({FakeArgument("words")});
    other.name = "classify";
    return RecordingExecutable({FakeForward({FakeArgument("x")}), other}, &runs_, std::move(run));
  }
  std::vector<std::string> runs_;
  const std::vector<DeclaredTensor> inputs_ = {
      {.name = "x", .dtype = DType::kFp32, .shape = std::vector<int64_t>{2}}};
  const std::vector<DeclaredTensor> outputs_ = {
      {.name = "logits", .dtype = std::nullopt, .shape = std::nullopt}};
  const Declarations declared_{.inputs = inputs_, .outputs = outputs_};
  const GoldenSample sample_{.name = "golden/0",
                             .method = "",
                             .inputs = {{"x", Value{FloatTensor({2}, {1, 2})}}},
                             .outputs = {{"logits", Value{FloatTensor({2}, {2, 4})}}}};
};

TEST_F(RunGoldenTest, ComparesTheNamedOutputs) {
  RecordingExecutable right = Model([](const auto&) { return Value{FloatTensor({2}, {2, 4})}; });
  ASSERT_OK_AND_ASSIGN(const v1::GoldenResult passed, RunGolden(right, declared_, sample_, {}));
  EXPECT_EQ(passed.sample(), "golden/0");
  EXPECT_TRUE(passed.passed());
  EXPECT_THAT(runs_, ElementsAre("FP32[2]"));

  RecordingExecutable wrong = Model([](const auto&) { return Value{FloatTensor({2}, {2, 5})}; });
  ASSERT_OK_AND_ASSIGN(const v1::GoldenResult failed, RunGolden(wrong, declared_, sample_, {}));
  EXPECT_FALSE(failed.passed());
  EXPECT_EQ(failed.output(), "logits");
  EXPECT_THAT(CheckGolden(wrong, declared_, {sample_}, {}),
              StatusIs(Code::kInvalidArgument,
                       HasSubstr("golden sample \"golden/0\": logits[1] is 5, expected 4 (off by 1")));
}

TEST_F(RunGoldenTest, ModelsThatWorkInPlaceLeaveTheSampleAsItIs) {
  RecordingExecutable model = Model([](const std::vector<Value>& arguments) {
    const Tensor& x = *arguments[0].get_if<Tensor>();
    float first;
    std::memcpy(&first, x.buffer.data, sizeof(first));
    std::memset(x.buffer.data, 0xff, x.buffer.size);
    return Value{FloatTensor({2}, {first * 2, 4})};
  });
  for (int round = 0; round < 3; ++round) EXPECT_OK(CheckGolden(model, declared_, {sample_}, {}));
}

TEST_F(RunGoldenTest, OtherMethodsAreFoundAndTheConfigDoesNotSpeakOfThem) {
  RecordingExecutable model = Model([](const auto&) { return Int(1); });
  GoldenSample sample{.name = "golden/0",
                      .method = "classify",
                      .inputs = {{"words", Int(3)}},
                      .outputs = {{"output", Int(1)}}};
  sample.inputs["words"] = Value{IntTensor({1}, {1})};
  EXPECT_OK(CheckGolden(model, declared_, {sample}, {}));
  sample.method = "clasify";
  EXPECT_THAT(CheckGolden(model, declared_, {sample}, {}),
              StatusIs(Code::kInvalidArgument,
                       HasSubstr("the model has no method \"clasify\" (did you mean \"classify\"?)")));
}

TEST_F(RunGoldenTest, ErrorsAreToldApart) {
  GoldenSample unfit = sample_;
  unfit.inputs["x"] = Value{FloatTensor({3}, {1, 2, 3})};
  RecordingExecutable model = Model([](const auto&) { return absl::InternalError("ValueError: no"); });
  EXPECT_THAT(RunGolden(model, declared_, unfit, {}),
              StatusIs(Code::kInvalidArgument, HasSubstr("expected FP32[2], got FP32[3]")));
  EXPECT_THAT(RunGolden(model, declared_, sample_, {}), StatusIs(Code::kInternal, "ValueError: no"));
  EXPECT_THAT(CheckGolden(model, declared_, {sample_}, {}),
              StatusIs(Code::kInvalidArgument, "golden sample \"golden/0\": ValueError: no"));
  RecordingExecutable poor = Model([](const auto&) { return absl::ResourceExhaustedError("out of memory"); });
  EXPECT_THAT(CheckGolden(poor, declared_, {sample_}, {}),
              StatusIs(Code::kResourceExhausted, HasSubstr("out of memory")));
}

}  // namespace
}  // namespace modeld
