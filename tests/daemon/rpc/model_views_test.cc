// What ListModels and GetModel tell.
#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "daemon/rpc/view_codec.h"
#include "tests/daemon/rpc/rpc_fixture.h"
#include "tests/support/zip_builder.h"

namespace modeld {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(ViewCodecTest, TimesKeepTheirNanosecondsAlsoBeforeTheEpoch) {
  google::protobuf::Timestamp wire;
  ToWire(absl::FromUnixNanos(1'700'000'000'123'456'789), &wire);
  EXPECT_EQ(wire.seconds(), 1'700'000'000);
  EXPECT_EQ(wire.nanos(), 123'456'789);
  ToWire(absl::FromUnixNanos(-1), &wire);
  EXPECT_EQ(wire.seconds(), -1);
  EXPECT_EQ(wire.nanos(), 999'999'999);
}

TEST(ViewCodecTest, TextThatIsNotUtf8DoesNotSpoilTheMessage) {
  DroppedFileView file;
  file.path = "Z\xfcrich.pt";
  file.reason = "bad name \xff";
  v1::DroppedFile wire;
  ToWire(file, &wire);
  EXPECT_EQ(wire.path(), "Z\xef\xbf\xbdrich.pt");
  EXPECT_EQ(wire.reason(), "bad name \xef\xbf\xbd");
}

class ModelViewsTest : public RpcTest {
 protected:
  grpc::Status List(int page_size, const std::string& token, v1::ListModelsResponse* response) {
    v1::ListModelsRequest request;
    request.set_page_size(page_size);
    request.set_page_token(token);
    grpc::ClientContext context;
    return models_->ListModels(&context, request, response);
  }
  grpc::Status Get(const std::string& model, v1::GetModelResponse* response) {
    v1::GetModelRequest request;
    request.set_model(model);
    grpc::ClientContext context;
    return models_->GetModel(&context, request, response);
  }
};

TEST_F(ModelViewsTest, PagesHoldEveryModelOnceByName) {
  Start();
  for (const char* name : {"c", "a", "e", "b", "d"}) Register(name, "1", EchoModel());
  std::vector<std::vector<std::string>> pages;
  std::string token;
  do {
    v1::ListModelsResponse response;
    ASSERT_THAT(List(2, token, &response), RpcOk());
    std::vector<std::string>& page = pages.emplace_back();
    for (const v1::Model& model : response.models()) page.push_back(model.name());
    token = response.next_page_token();
  } while (!token.empty());
  EXPECT_THAT(pages, ElementsAre(ElementsAre("a", "b"), ElementsAre("c", "d"), ElementsAre("e")));
}

TEST_F(ModelViewsTest, PageThatEndsWithTheLastModelIsTheLastPage) {
  Start();
  for (const char* name : {"a", "b"}) Register(name, "1", EchoModel());
  v1::ListModelsResponse response;
  ASSERT_THAT(List(2, "", &response), RpcOk());
  EXPECT_EQ(response.models_size(), 2);
  EXPECT_EQ(response.next_page_token(), "");
}

TEST_F(ModelViewsTest, BadPagesAreInvalid) {
  Start();
  v1::ListModelsResponse response;
  EXPECT_THAT(List(-1, "", &response), RpcStatusIs(grpc::INVALID_ARGUMENT, HasSubstr("page_size")));
  EXPECT_THAT(List(0, "%%", &response), RpcStatusIs(grpc::INVALID_ARGUMENT, HasSubstr("page_token")));
}

TEST_F(ModelViewsTest, VersionsShowStatesReasonsAndLabels) {
  Start();
  Register("digits", "1.0", EchoModel());
  Register("digits", "1.1", EchoModel());
  RegisterOnly("digits", "1.2");  // refused by the loader
  v1::ListModelsResponse response;
  ASSERT_THAT(List(0, "", &response), RpcOk());
  ASSERT_EQ(response.models_size(), 1);
  const v1::Model& model = response.models(0);
  EXPECT_EQ(model.live_version(), "1.1");
  EXPECT_EQ(model.labels().at("live"), "1.1");
  EXPECT_EQ(model.labels().at("previous"), "1.0");
  ASSERT_EQ(model.versions_size(), 3);
  EXPECT_EQ(model.versions(0).version(), "1.2");
  EXPECT_EQ(model.versions(0).state(), v1::VERSION_STATE_QUARANTINED);
  EXPECT_THAT(model.versions(0).reason(), HasSubstr("broken artifact"));
  EXPECT_EQ(model.versions(1).version(), "1.1");
  EXPECT_EQ(model.versions(1).state(), v1::VERSION_STATE_READY);
  EXPECT_EQ(model.versions(1).engine(), "fake");
  EXPECT_EQ(model.versions(1).format(), "torchscript");
  EXPECT_EQ(model.versions(1).sha256(), std::string(64, 'a'));
  EXPECT_EQ(model.versions(1).size_bytes(), 4096);
  EXPECT_GT(model.versions(1).registered_at().seconds(), 0);
}

TEST_F(ModelViewsTest, DroppedFilesAreOnTheFirstPageOnly) {
  Start();
  for (const char* name : {"a", "b"}) Register(name, "1", EchoModel());
  drop_.Write("digits/model.pt", TorchScriptArchive(R"({"verison": "1"})"));
  intake_->Step();
  intake_->Step();
  v1::ListModelsResponse first;
  ASSERT_THAT(List(1, "", &first), RpcOk());
  ASSERT_EQ(first.dropped_files_size(), 1);
  EXPECT_EQ(first.dropped_files(0).path(), "digits/model.pt");
  EXPECT_EQ(first.dropped_files(0).state(), v1::DROPPED_FILE_STATE_QUARANTINED);
  EXPECT_THAT(first.dropped_files(0).reason(), HasSubstr("version"));
  EXPECT_GT(first.dropped_files(0).since().seconds(), 0);
  v1::ListModelsResponse second;
  ASSERT_THAT(List(1, first.next_page_token(), &second), RpcOk());
  EXPECT_THAT(second.dropped_files(), IsEmpty());
}

TEST_F(ModelViewsTest, FileNameThatIsNotUtf8DoesNotSpoilTheList) {
  Start();
  drop_.Write("Z\xfcrich.pt", "no archive");
  intake_->Step();
  intake_->Step();
  v1::ListModelsResponse response;
  ASSERT_THAT(List(0, "", &response), RpcOk());
  ASSERT_EQ(response.dropped_files_size(), 1);
  EXPECT_EQ(response.dropped_files(0).path(), "Z\\xfcrich.pt");
}

TEST_F(ModelViewsTest, LostDropDirectoryIsToldAndModelsStay) {
  Start();
  Register("digits", "1.0", EchoModel());
  std::filesystem::remove_all(drop_.path());
  intake_->Step();
  v1::ListModelsResponse response;
  ASSERT_THAT(List(0, "", &response), RpcOk());
  EXPECT_THAT(response.source_error(), HasSubstr(drop_.path()));
  EXPECT_EQ(response.models(0).live_version(), "1.0");
}

TEST_F(ModelViewsTest, GetModelTellsSignaturesConfigAndDroppedFiles) {
  Start();
  FakeModel model;
  Method forward;
  forward.name = "forward";
  forward.arguments = {{.name = "x", .type = TypeOfKind(Type::Kind::kTensor), .default_value = std::nullopt},
                       {.name = "flag", .type = TypeOfKind(Type::Kind::kBool), .default_value = Value{true}}};
  forward.returns = TypeOfKind(Type::Kind::kTensor);
  model.Add(forward, [](std::vector<Value>) -> absl::StatusOr<Value> { return Value{}; });
  model.Add(UnaryMethod("embed"), [](std::vector<Value>) -> absl::StatusOr<Value> { return Value{}; });
  model.inputs = {{.name = "x", .dtype = DType::kFp32, .shape = {{-1, 64}}}};
  model.outputs = {{.name = "logits", .dtype = DType::kFp32, .shape = {{-1, 10}}}};
  loader_.Give("digits", "1.0", model);
  ASSERT_OK(manager_->Register(TestVersion("digits", "1.0"),
                               R"({"description":"handwritten","mine":1,"version":"1.0"})"));
  ASSERT_TRUE(manager_->WaitSettled(absl::Seconds(30)));
  drop_.Write("digits/broken.pt", TorchScriptArchive("{"));
  drop_.Write("other/broken.pt", TorchScriptArchive("{"));
  intake_->Step();
  intake_->Step();

  v1::GetModelResponse response;
  ASSERT_THAT(Get("digits", &response), RpcOk());
  EXPECT_EQ(response.model().name(), "digits");
  EXPECT_EQ(response.config().description(), "handwritten");
  ASSERT_EQ(response.dropped_files_size(), 1);
  EXPECT_EQ(response.dropped_files(0).path(), "digits/broken.pt");

  ASSERT_EQ(response.methods_size(), 2);
  const v1::MethodSignature& first = response.methods(0);
  EXPECT_EQ(first.name(), "forward");
  ASSERT_EQ(first.inputs_size(), 2);
  EXPECT_EQ(first.inputs(0).name(), "x");
  EXPECT_EQ(first.inputs(0).type(), "Tensor");
  EXPECT_FALSE(first.inputs(0).optional());
  EXPECT_EQ(first.inputs(0).dtype(), "FP32");
  EXPECT_THAT(first.inputs(0).shape(), ElementsAre(-1, 64));
  EXPECT_EQ(first.inputs(1).name(), "flag");
  EXPECT_EQ(first.inputs(1).type(), "bool");
  EXPECT_TRUE(first.inputs(1).optional());
  EXPECT_EQ(first.inputs(1).dtype(), "");
  ASSERT_EQ(first.outputs_size(), 1);
  EXPECT_EQ(first.outputs(0).name(), "logits");
  EXPECT_EQ(first.outputs(0).type(), "Tensor");
  EXPECT_THAT(first.outputs(0).shape(), ElementsAre(-1, 10));
  // The config declares forward's tensors only.
  EXPECT_EQ(response.methods(1).inputs(0).name(), "x");
  EXPECT_EQ(response.methods(1).inputs(0).dtype(), "");
}

TEST_F(ModelViewsTest, GetModelWithoutLiveVersionHasNoMethods) {
  Start();
  RegisterOnly("digits", "1.0");  // refused by the loader
  v1::GetModelResponse response;
  ASSERT_THAT(Get("digits", &response), RpcOk());
  EXPECT_EQ(response.model().live_version(), "");
  EXPECT_THAT(response.methods(), IsEmpty());
}

TEST_F(ModelViewsTest, GetModelNamesWhatItCannotFind) {
  Start();
  v1::GetModelResponse response;
  EXPECT_THAT(Get("digits", &response), RpcStatusIs(grpc::NOT_FOUND, HasSubstr("\"digits\"")));
  EXPECT_THAT(Get("", &response), RpcStatusIs(grpc::INVALID_ARGUMENT, HasSubstr("names no model")));
}

}  // namespace
}  // namespace modeld
