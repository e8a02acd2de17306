// ModelService.Predict: what it answers, and which error each fault is.
#include <gmock/gmock.h>

#include <cstring>
#include <new>
#include <string>

#include "tests/daemon/rpc/rpc_fixture.h"
#include "tests/support/values.h"

namespace modeld {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

class PredictTest : public RpcTest {};

TEST_F(PredictTest, AnswersWithTheOutputAndWhoAnswered) {
  Start();
  Register("digits", "1.0", EchoModel());
  v1::PredictResponse response;
  ASSERT_THAT(Predict(RequestFor("digits", 42), &response), RpcOk());
  EXPECT_EQ(response.model(), "digits");
  EXPECT_EQ(response.version(), "1.0");
  ASSERT_EQ(response.outputs_size(), 1);
  EXPECT_EQ(response.outputs().at("output").int_value(), 42);
}

TEST_F(PredictTest, TensorsOfAMegabyteGoThroughUnchanged) {
  Start({.max_message_bytes = 4 << 20});
  Register("digits", "1.0", EchoModel());
  v1::PredictRequest request = RequestFor("digits");
  v1::Tensor& tensor = *(*request.mutable_inputs())["x"].mutable_tensor();
  tensor.set_dtype("FP32");
  tensor.add_shape(512);
  tensor.add_shape(512);
  for (int i = 0; i < 512 * 512; ++i) {
    const float element = static_cast<float>(i);
    tensor.mutable_raw()->append(reinterpret_cast<const char*>(&element), sizeof(element));
  }
  v1::PredictResponse response;
  ASSERT_THAT(Predict(request, &response), RpcOk());
  EXPECT_TRUE(response.outputs().at("output").tensor().raw() == tensor.raw());
}

TEST_F(PredictTest, OutputsAreNamedByTheConfig) {
  Start();
  FakeModel model;
  model.Add(UnaryMethod("forward"), [](std::vector<Value>) -> absl::StatusOr<Value> {
    return TupleOf({Int(1), Int(2)});
  });
  model.outputs = {{.name = "left", .dtype = {}, .shape = {}}, {.name = "right", .dtype = {}, .shape = {}}};
  Register("pair", "1", model);
  v1::PredictResponse response;
  ASSERT_THAT(Predict(RequestFor("pair"), &response), RpcOk());
  EXPECT_EQ(response.outputs().at("left").int_value(), 1);
  EXPECT_EQ(response.outputs().at("right").int_value(), 2);
}

TEST_F(PredictTest, OutputNameThatIsNotUtf8DoesNotSpoilTheAnswer) {
  Start();
  FakeModel model;
  model.Add(UnaryMethod("forward"), [](std::vector<Value>) -> absl::StatusOr<Value> {
    return DictOf({{Str("Z\xfcrich"), Int(1)}});
  });
  model.methods[0].returns =
      Type{Type::Kind::kDict, {TypeOfKind(Type::Kind::kString), TypeOfKind(Type::Kind::kInt)}, {}, {}};
  Register("cities", "1", model);
  v1::PredictResponse response;
  ASSERT_THAT(Predict(RequestFor("cities"), &response), RpcOk());
  EXPECT_EQ(response.outputs().at("Z\xef\xbf\xbdrich").int_value(), 1);
}

TEST_F(PredictTest, VersionAndLabelSelect) {
  Start();
  Register("digits", "1.0", SayingModel("one"));
  Register("digits", "1.1", SayingModel("two"));
  const auto answer = [&](auto select) {
    v1::PredictRequest request = RequestFor("digits");
    select(request);
    v1::PredictResponse response;
    EXPECT_THAT(Predict(request, &response), RpcOk());
    return response.version() + " " + response.outputs().at("output").string_value();
  };
  EXPECT_EQ(answer([](v1::PredictRequest&) {}), "1.1 two");
  EXPECT_EQ(answer([](v1::PredictRequest& request) { request.set_version("1.0"); }), "1.0 one");
  EXPECT_EQ(answer([](v1::PredictRequest& request) { request.set_label("live"); }), "1.1 two");
  EXPECT_EQ(answer([](v1::PredictRequest& request) { request.set_label("previous"); }), "1.0 one");
}

TEST_F(PredictTest, MethodSelects) {
  Start();
  FakeModel model = SayingModel("forward");
  model.Add(UnaryMethod("embed"), [](std::vector<Value>) -> absl::StatusOr<Value> { return Str("embed"); });
  Register("digits", "1.0", model);
  v1::PredictRequest request = RequestFor("digits");
  request.set_method("embed");
  v1::PredictResponse response;
  ASSERT_THAT(Predict(request, &response), RpcOk());
  EXPECT_EQ(response.outputs().at("output").string_value(), "embed");

  request.set_method("embeds");
  EXPECT_THAT(Predict(request),
              RpcStatusIs(grpc::NOT_FOUND,
                          AllOf(HasSubstr("model \"digits\" version 1.0 has no method \"embeds\""),
                                HasSubstr("did you mean \"embed\""), HasSubstr("methods: forward, embed"))));
}

TEST_F(PredictTest, DeclaredInputsBindForwardOnly) {
  Start();
  FakeModel model;
  const auto say_ok = [](std::vector<Value>) -> absl::StatusOr<Value> { return Str("ok"); };
  model.Add(UnaryMethod("forward", Type::Kind::kTensor), say_ok);
  model.Add(UnaryMethod("embed", Type::Kind::kTensor), say_ok);
  model.inputs = {{.name = "x", .dtype = DType::kFp32, .shape = {{-1, 64}}}};
  Register("digits", "1.0", model);

  v1::PredictRequest request = RequestFor("digits");
  v1::Tensor& tensor = *(*request.mutable_inputs())["x"].mutable_tensor();
  tensor.set_dtype("FP32");
  tensor.add_shape(1);
  tensor.set_raw(std::string(4, '\0'));
  EXPECT_THAT(Predict(request),
              RpcStatusIs(grpc::INVALID_ARGUMENT, AllOf(StartsWith("model \"digits\" version 1.0: "),
                                                        HasSubstr("\"x\""), HasSubstr("FP32[1]"))));
  request.set_method("embed");
  EXPECT_THAT(Predict(request), RpcOk());
}

TEST_F(PredictTest, ModelThatIsNotNamedIsInvalid) {
  Start();
  EXPECT_THAT(Predict(RequestFor("")), RpcStatusIs(grpc::INVALID_ARGUMENT, HasSubstr("names no model")));
}

TEST_F(PredictTest, UnknownModelVersionAndLabelAreNotFound) {
  Start();
  Register("digits", "1.0", EchoModel());
  EXPECT_THAT(Predict(RequestFor("digit")), RpcStatusIs(grpc::NOT_FOUND, HasSubstr("\"digit\"")));
  v1::PredictRequest request = RequestFor("digits");
  request.set_version("1.4");
  EXPECT_THAT(Predict(request), RpcStatusIs(grpc::NOT_FOUND, AllOf(HasSubstr("1.4"), HasSubstr("1.0"))));
  request.set_label("canary");
  EXPECT_THAT(Predict(request), RpcStatusIs(grpc::NOT_FOUND, HasSubstr("canary")));
}

TEST_F(PredictTest, QuarantinedVersionIsAFailedPreconditionWithItsReason) {
  Start();
  RegisterOnly("digits", "1.0");  // the loader refuses it
  v1::PredictRequest request = RequestFor("digits");
  request.set_version("1.0");
  EXPECT_THAT(Predict(request), RpcStatusIs(grpc::FAILED_PRECONDITION, HasSubstr("broken artifact")));
}

TEST_F(PredictTest, BadInputsAreInvalidAndNamed) {
  Start();
  Register("digits", "1.0", EchoModel());
  v1::PredictRequest request = RequestFor("digits");
  (*request.mutable_inputs())["x"].mutable_tensor()->set_dtype("FP31");
  EXPECT_THAT(Predict(request),
              RpcStatusIs(grpc::INVALID_ARGUMENT,
                          StartsWith("model \"digits\" version 1.0: input \"x\": unknown dtype")));
  request = RequestFor("digits");
  (*request.mutable_inputs())["y"].mutable_none();
  EXPECT_THAT(Predict(request), RpcStatusIs(grpc::INVALID_ARGUMENT, HasSubstr("\"y\"")));
  request.clear_inputs();
  EXPECT_THAT(Predict(request), RpcStatusIs(grpc::INVALID_ARGUMENT, HasSubstr("\"x\"")));
}

TEST_F(PredictTest, ModelThatRaisesIsInternalWithItsMessage) {
  Start();
  FakeModel model;
  model.Add(UnaryMethod("forward"), [](std::vector<Value>) -> absl::StatusOr<Value> {
    return absl::InternalError("RuntimeError: expected 64 features");
  });
  Register("digits", "1.0", model);
  EXPECT_THAT(Predict(RequestFor("digits")),
              RpcStatusIs(grpc::INTERNAL,
                          AllOf(HasSubstr("model \"digits\" version 1.0: RuntimeError: expected 64 features"),
                                HasSubstr("config.json declares no inputs"))));
  model.inputs = {{.name = "x", .dtype = std::nullopt, .shape = std::nullopt}};
  Register("digits", "1.1", model);
  EXPECT_THAT(
      Predict(RequestFor("digits")),
      RpcStatusIs(grpc::INTERNAL, "model \"digits\" version 1.1: RuntimeError: expected 64 features"));
}

TEST_F(PredictTest, RunningOutOfMemoryEndsOneRequestNotTheDaemon) {
  Start();
  FakeModel model;
  model.Add(UnaryMethod("forward"),
            [](std::vector<Value>) -> absl::StatusOr<Value> { throw std::bad_alloc(); });
  Register("huge", "1.0", model);
  Register("digits", "1.0", EchoModel());
  EXPECT_THAT(Predict(RequestFor("huge")), RpcStatusIs(grpc::RESOURCE_EXHAUSTED, HasSubstr("out of memory")));
  EXPECT_THAT(Predict(RequestFor("digits")), RpcOk());
}

TEST_F(PredictTest, RequestOverTheLimitIsResourceExhausted) {
  Start({.max_message_bytes = 4096});
  Register("digits", "1.0", EchoModel());
  v1::PredictRequest request = RequestFor("digits");
  (*request.mutable_inputs())["x"].set_string_value(std::string(5000, 'x'));
  EXPECT_THAT(Predict(request), RpcStatusIs(grpc::RESOURCE_EXHAUSTED, HasSubstr("larger than max")));
  EXPECT_THAT(Predict(RequestFor("digits")), RpcOk());
}

TEST_F(PredictTest, AnswerOverTheLimitIsResourceExhausted) {
  Start({.max_message_bytes = 4096});
  Register("digits", "1.0", SayingModel(std::string(5000, 'x')));
  EXPECT_THAT(Predict(RequestFor("digits")),
              RpcStatusIs(grpc::RESOURCE_EXHAUSTED,
                          AllOf(HasSubstr("the answer takes 50"), HasSubstr("--max-message-bytes"))));
}

}  // namespace
}  // namespace modeld
