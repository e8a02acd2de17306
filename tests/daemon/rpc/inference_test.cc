// The Open Inference Protocol over gRPC: what it answers, and which error each fault is.
#include <gmock/gmock.h>

#include <complex>
#include <string>
#include <string_view>
#include <vector>

#include "tests/daemon/rpc/rpc_fixture.h"
#include "tests/support/values.h"

namespace modeld {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class InferenceTest : public RpcTest {
 protected:
  // forward(x) returns x, a tensor.
  static FakeModel Echo() {
    FakeModel model;
    model.Add(UnaryMethod("forward", Type::Kind::kTensor),
              [](std::vector<Value> arguments) -> absl::StatusOr<Value> { return arguments[0]; });
    model.inputs = {{.name = "x", .dtype = DType::kInt64, .shape = std::vector<int64_t>{-1}}};
    return model;
  }
  static inference::ModelInferRequest Request(const std::string& input = "x", int64_t x = 7) {
    inference::ModelInferRequest request;
    request.set_model_name("digits");
    request.set_id("42");
    auto* const tensor = request.add_inputs();
    tensor->set_name(input);
    tensor->set_datatype("INT64");
    tensor->add_shape(1);
    request.add_raw_input_contents(std::string(reinterpret_cast<const char*>(&x), sizeof(x)));
    return request;
  }
  grpc::Status Infer(const inference::ModelInferRequest& request,
                     inference::ModelInferResponse* response = nullptr) {
    grpc::ClientContext context;
    inference::ModelInferResponse unused;
    return inference_->ModelInfer(&context, request, response == nullptr ? &unused : response);
  }
  template <typename Call, typename AskedFor, typename Answer>
  grpc::Status Ask(Call call, const AskedFor& request, Answer* response) {
    grpc::ClientContext context;
    return (inference_.get()->*call)(&context, request, response);
  }
};

TEST_F(InferenceTest, InfersByTheArgumentsNameOrItsNumber) {
  Start();
  Register("digits", "1.0", Echo());
  for (const char* const name : {"x", "INPUT__0"}) {
    inference::ModelInferResponse response;
    ASSERT_THAT(Infer(Request(name), &response), RpcOk());
    EXPECT_EQ(response.model_name(), "digits");
    EXPECT_EQ(response.model_version(), "1.0");
    EXPECT_EQ(response.id(), "42");
    ASSERT_EQ(response.outputs_size(), 1);
    EXPECT_EQ(response.outputs(0).name(), "output");
    EXPECT_EQ(response.outputs(0).datatype(), "INT64");
    EXPECT_THAT(response.raw_output_contents(), ElementsAre(Request().raw_input_contents(0)));
  }
}

// It was logged as an error of the model.
TEST_F(InferenceTest, WhatTheProtocolCannotCarryIsNotTheModelsFault) {
  Start();
  std::vector<std::string> lines;
  RequestLog log(Clock::Real(), {},
                 [&](LogLevel level, std::string_view message, const std::vector<LogField>& fields) {
                   lines.push_back(FormatLogLine(level, message, fields));
                 });
  jobs_.log = &log;
  FakeModel complex;
  complex.Add(UnaryMethod("forward", Type::Kind::kTensor),
              [](const std::vector<Value>&) -> absl::StatusOr<Value> {
                return Value{.data = std::complex<double>(1, 2)};
              });
  Register("digits", "1.0", complex);
  EXPECT_THAT(Infer(Request()), RpcStatusIs(grpc::UNIMPLEMENTED, HasSubstr("is complex")));
  EXPECT_THAT(lines, IsEmpty());
  FakeModel raising;
  raising.Add(
      UnaryMethod("forward", Type::Kind::kTensor),
      [](const std::vector<Value>&) -> absl::StatusOr<Value> { return absl::InternalError("it raised"); });
  Register("digits", "1.1", raising);
  EXPECT_THAT(Infer(Request()), RpcStatusIs(grpc::INTERNAL, HasSubstr("it raised")));
  EXPECT_THAT(lines, ElementsAre(HasSubstr("by the model's fault")));
}

TEST_F(InferenceTest, AVersionOrALabelIsNamed) {
  Start();
  Register("digits", "1.0", Echo());
  Register("digits", "1.1", Echo());
  const auto answered_by = [&](const std::string& version) {
    inference::ModelInferRequest request = Request();
    request.set_model_version(version);
    inference::ModelInferResponse response;
    EXPECT_THAT(Infer(request, &response), RpcOk());
    return response.model_version();
  };
  EXPECT_EQ(answered_by("1.0"), "1.0");
  EXPECT_EQ(answered_by("live"), "1.1");
  EXPECT_EQ(answered_by("previous"), "1.0");
  EXPECT_EQ(answered_by(""), "1.1");
  inference::ModelInferRequest request = Request();
  request.set_model_version("2");
  EXPECT_THAT(Infer(request), RpcStatusIs(grpc::NOT_FOUND, HasSubstr("no version \"2\"")));
}

TEST_F(InferenceTest, FaultsAreTheSameErrorsAsOfPredict) {
  Start();
  Register("digits", "1.0", Echo());
  inference::ModelInferRequest unknown = Request();
  unknown.set_model_name("digit");
  EXPECT_THAT(Infer(unknown), RpcStatusIs(grpc::NOT_FOUND, HasSubstr("did you mean \"digits\"")));
  EXPECT_THAT(Infer(Request("y")), RpcStatusIs(grpc::INVALID_ARGUMENT, HasSubstr("unknown input \"y\"")));
  inference::ModelInferRequest nameless = Request();
  nameless.clear_model_name();
  EXPECT_THAT(Infer(nameless), RpcStatusIs(grpc::INVALID_ARGUMENT, HasSubstr("names no model")));
  inference::ModelInferRequest wrong = Request();
  wrong.mutable_inputs(0)->set_datatype("FP32");
  wrong.set_raw_input_contents(0, "1234");
  EXPECT_THAT(Infer(wrong),
              RpcStatusIs(grpc::INVALID_ARGUMENT, HasSubstr("expected INT64[-1], got FP32[1]")));
  wrong.set_raw_input_contents(0, "123");
  EXPECT_THAT(Infer(wrong), RpcStatusIs(grpc::INVALID_ARGUMENT, HasSubstr("takes 4")));
  inference::ModelInferRequest twice = Request();
  *twice.add_inputs() = twice.inputs(0);
  twice.mutable_inputs(1)->set_name("INPUT__0");
  twice.add_raw_input_contents(twice.raw_input_contents(0));
  EXPECT_THAT(Infer(twice), RpcStatusIs(grpc::INVALID_ARGUMENT, HasSubstr("given twice")));
}

TEST_F(InferenceTest, ATimeoutThatHasPassedIsADeadline) {
  Start({.instances = 1});
  FakeModel slow;
  slow.Add(UnaryMethod("forward", Type::Kind::kTensor), [](std::vector<Value> x) -> absl::StatusOr<Value> {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    return x[0];
  });
  Register("digits", "1.0", slow);
  std::thread first([&] { EXPECT_THAT(Infer(Request()), RpcOk()); });
  while (scheduler_.in_flight() == 0) std::this_thread::yield();
  inference::ModelInferRequest hasty = Request();
  (*hasty.mutable_parameters())["timeout"].set_int64_param(1000);
  EXPECT_THAT(Infer(hasty), RpcStatusIs(grpc::DEADLINE_EXCEEDED, testing::_));
  first.join();
}

TEST_F(InferenceTest, StreamsAnswerInOrderAndGoOnAfterAFailure) {
  Start();
  Register("digits", "1.0", Echo());
  grpc::ClientContext context;
  const auto stream = inference_->ModelStreamInfer(&context);
  for (int i = 0; i < 5; ++i) {
    inference::ModelInferRequest request = Request(i == 2 ? "wrong" : "x", i);
    request.set_id(std::to_string(i));
    ASSERT_TRUE(stream->Write(request));
  }
  stream->WritesDone();
  inference::ModelStreamInferResponse response;
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(stream->Read(&response));
    EXPECT_EQ(response.infer_response().id(), std::to_string(i));
    if (i == 2) {
      EXPECT_THAT(response.error_message(), HasSubstr("unknown input \"wrong\""));
      EXPECT_THAT(response.infer_response().outputs(), IsEmpty());
    } else {
      EXPECT_EQ(response.error_message(), "");
      EXPECT_EQ(response.infer_response().raw_output_contents_size(), 1);
    }
  }
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_THAT(stream->Finish(), RpcOk());
}

TEST_F(InferenceTest, SaysWhatIsReady) {
  Start();
  Register("digits", "1.0", Echo());
  inference::ServerLiveResponse live;
  ASSERT_THAT(Ask(&inference::GRPCInferenceService::Stub::ServerLive, inference::ServerLiveRequest(), &live),
              RpcOk());
  EXPECT_TRUE(live.live());
  inference::ServerReadyResponse ready;
  ASSERT_THAT(
      Ask(&inference::GRPCInferenceService::Stub::ServerReady, inference::ServerReadyRequest(), &ready),
      RpcOk());
  EXPECT_FALSE(ready.ready()) << "health does not say so";
  health_.SetServer(true);
  ASSERT_THAT(
      Ask(&inference::GRPCInferenceService::Stub::ServerReady, inference::ServerReadyRequest(), &ready),
      RpcOk());
  EXPECT_TRUE(ready.ready());
  const auto is_ready = [&](const std::string& name, const std::string& version) {
    inference::ModelReadyRequest request;
    request.set_name(name);
    request.set_version(version);
    inference::ModelReadyResponse response;
    EXPECT_THAT(Ask(&inference::GRPCInferenceService::Stub::ModelReady, request, &response), RpcOk());
    return response.ready();
  };
  EXPECT_TRUE(is_ready("digits", ""));
  EXPECT_TRUE(is_ready("digits", "1.0"));
  EXPECT_TRUE(is_ready("digits", "live"));
  EXPECT_FALSE(is_ready("digits", "2.0"));
  EXPECT_FALSE(is_ready("other", ""));
}

TEST_F(InferenceTest, SaysWhatThereIs) {
  Start();
  Register("digits", "1.0", Echo());
  inference::ServerMetadataResponse server;
  ASSERT_THAT(Ask(&inference::GRPCInferenceService::Stub::ServerMetadata, inference::ServerMetadataRequest(),
                  &server),
              RpcOk());
  EXPECT_EQ(server.name(), "modeld");
  EXPECT_EQ(server.version(), "1.2.3");
  EXPECT_THAT(server.extensions(), testing::Contains("classification"));

  inference::ModelMetadataRequest request;
  request.set_name("digits");
  inference::ModelMetadataResponse metadata;
  ASSERT_THAT(Ask(&inference::GRPCInferenceService::Stub::ModelMetadata, request, &metadata), RpcOk());
  EXPECT_EQ(metadata.platform(), "pytorch_libtorch");
  EXPECT_THAT(metadata.versions(), ElementsAre("1.0"));
  EXPECT_EQ(metadata.inputs(0).datatype(), "INT64");
  request.set_name("other");
  EXPECT_THAT(Ask(&inference::GRPCInferenceService::Stub::ModelMetadata, request, &metadata),
              RpcStatusIs(grpc::NOT_FOUND, HasSubstr("other")));

  inference::ModelConfigRequest config_request;
  config_request.set_name("digits");
  inference::ModelConfigResponse config;
  ASSERT_THAT(Ask(&inference::GRPCInferenceService::Stub::ModelConfig, config_request, &config), RpcOk());
  EXPECT_THAT(config.config().input(0).dims(), ElementsAre(-1));

  inference::RepositoryIndexResponse index;
  ASSERT_THAT(Ask(&inference::GRPCInferenceService::Stub::RepositoryIndex,
                  inference::RepositoryIndexRequest(), &index),
              RpcOk());
  ASSERT_EQ(index.models_size(), 1);
  EXPECT_EQ(index.models(0).state(), "READY");
}

TEST_F(InferenceTest, CountsWhatItAnswered) {
  Start();
  Register("digits", "1.0", Echo());
  for (int i = 0; i < 3; ++i) ASSERT_THAT(Infer(Request()), RpcOk());
  for (const char* const name : {"", "digits"}) {
    inference::ModelStatisticsRequest request;
    request.set_name(name);
    inference::ModelStatisticsResponse response;
    ASSERT_THAT(Ask(&inference::GRPCInferenceService::Stub::ModelStatistics, request, &response), RpcOk());
    ASSERT_EQ(response.model_stats_size(), 1);
    EXPECT_EQ(response.model_stats(0).name(), "digits");
    EXPECT_EQ(response.model_stats(0).inference_stats().success().count(), 3u);
  }
}

TEST_F(InferenceTest, ModelsAreNotLoadedByWhoeverCalls) {
  Start();
  Register("digits", "1.0", Echo());
  inference::RepositoryModelLoadRequest load;
  load.set_model_name("digits");
  inference::RepositoryModelLoadResponse loaded;
  EXPECT_THAT(Ask(&inference::GRPCInferenceService::Stub::RepositoryModelLoad, load, &loaded),
              RpcStatusIs(grpc::UNIMPLEMENTED, HasSubstr("administrative socket")));
  inference::RepositoryModelUnloadRequest unload;
  unload.set_model_name("digits");
  inference::RepositoryModelUnloadResponse unloaded;
  EXPECT_THAT(Ask(&inference::GRPCInferenceService::Stub::RepositoryModelUnload, unload, &unloaded),
              RpcStatusIs(grpc::UNIMPLEMENTED, HasSubstr("administrative socket")));
}

TEST_F(InferenceTest, OnTheAdministrativeListenerVersionsAreLoadedAndUnloaded) {
  Start({.is_administrative = true});
  Register("digits", "1.0", Echo());
  Register("digits", "1.1", Echo());
  inference::RepositoryModelLoadRequest load;
  load.set_model_name("digits");
  inference::RepositoryModelLoadResponse loaded;
  EXPECT_THAT(Ask(&inference::GRPCInferenceService::Stub::RepositoryModelLoad, load, &loaded), RpcOk());
  EXPECT_EQ(manager_->GetModel("digits")->live, "1.1");
  (*load.mutable_parameters())["version"].set_string_param("1.0");
  EXPECT_THAT(Ask(&inference::GRPCInferenceService::Stub::RepositoryModelLoad, load, &loaded), RpcOk());
  EXPECT_EQ(manager_->GetModel("digits")->live, "1.0");

  inference::RepositoryModelUnloadRequest unload;
  unload.set_model_name("digits");
  inference::RepositoryModelUnloadResponse unloaded;
  EXPECT_THAT(Ask(&inference::GRPCInferenceService::Stub::RepositoryModelUnload, unload, &unloaded),
              RpcStatusIs(grpc::FAILED_PRECONDITION, HasSubstr("`version`")));
  (*unload.mutable_parameters())["version"].set_string_param("1.1");
  EXPECT_THAT(Ask(&inference::GRPCInferenceService::Stub::RepositoryModelUnload, unload, &unloaded), RpcOk());
  EXPECT_EQ(manager_->GetModel("digits")->versions[0].state, VersionState::kRetired);
  (*load.mutable_parameters())["config"].set_string_param("{}");
  EXPECT_THAT(Ask(&inference::GRPCInferenceService::Stub::RepositoryModelLoad, load, &loaded),
              RpcStatusIs(grpc::UNIMPLEMENTED, HasSubstr("`config`")));
}

TEST_F(InferenceTest, WhatItHasNothingOfIsSaid) {
  Start();
  inference::SystemSharedMemoryRegisterResponse registered;
  EXPECT_THAT(Ask(&inference::GRPCInferenceService::Stub::SystemSharedMemoryRegister,
                  inference::SystemSharedMemoryRegisterRequest(), &registered),
              RpcStatusIs(grpc::UNIMPLEMENTED, HasSubstr("shared memory")));
  inference::CudaSharedMemoryRegisterResponse cuda;
  EXPECT_THAT(Ask(&inference::GRPCInferenceService::Stub::CudaSharedMemoryRegister,
                  inference::CudaSharedMemoryRegisterRequest(), &cuda),
              RpcStatusIs(grpc::UNIMPLEMENTED, HasSubstr("shared memory")));
  inference::SystemSharedMemoryStatusResponse status;
  EXPECT_THAT(Ask(&inference::GRPCInferenceService::Stub::SystemSharedMemoryStatus,
                  inference::SystemSharedMemoryStatusRequest(), &status),
              RpcOk());
  inference::TraceSettingRequest trace;
  inference::TraceSettingResponse traced;
  EXPECT_THAT(Ask(&inference::GRPCInferenceService::Stub::TraceSetting, trace, &traced), RpcOk());
  EXPECT_THAT(traced.settings().at("trace_level").value(), ElementsAre("OFF"));
  (*trace.mutable_settings())["trace_level"].add_value("TIMESTAMPS");
  EXPECT_THAT(Ask(&inference::GRPCInferenceService::Stub::TraceSetting, trace, &traced),
              RpcStatusIs(grpc::UNIMPLEMENTED, HasSubstr("not traced")));
  inference::LogSettingsResponse logged;
  EXPECT_THAT(
      Ask(&inference::GRPCInferenceService::Stub::LogSettings, inference::LogSettingsRequest(), &logged),
      RpcOk());
  EXPECT_TRUE(logged.settings().at("log_info").bool_param());
}

}  // namespace
}  // namespace modeld
