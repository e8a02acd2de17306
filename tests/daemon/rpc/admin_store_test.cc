// The care of the store, over gRPC and with the Manager behind it.
#include <gmock/gmock.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/daemon/rpc/rpc_fixture.h"

namespace modeld {
namespace {

using testing::HasSubstr;

class AdminStoreTest : public RpcTest {
 protected:
  // digits 1.0 to 1.3 with artifacts of their own; 1.3 is live and 1.2 was before.
  void SetUp() override {
    Start();
    for (const char* version : {"1.0", "1.1", "1.2", "1.3"}) {
      loader_.Give("digits", version, SayingModel(version));
      VersionRecord record = TestVersion("digits", version);
      record.sha256 = Put(version);
      ASSERT_OK(manager_->Register(record, "{}"));
      ASSERT_TRUE(manager_->WaitSettled(absl::Seconds(30)));
      hashes_.push_back(record.sha256);
    }
  }
  std::string Put(const std::string& content) {
    absl::StatusOr<ArtifactWriter> writer = store_->Begin();
    EXPECT_OK(writer);
    EXPECT_OK(writer->Append(content));
    absl::StatusOr<StagedArtifact> staged = writer->Finish();
    EXPECT_OK(staged);
    EXPECT_OK(staged->Commit());
    return staged->sha256();
  }
  grpc::Status Collect(bool apply, v1::CollectGarbageResponse* response) {
    v1::CollectGarbageRequest request;
    request.set_keep_last(1);
    request.set_apply(apply);
    request.set_actor("ann");
    grpc::ClientContext context;
    return admin_->CollectGarbage(&context, request, response);
  }
  std::string StateOf(const std::string& version) {
    const absl::StatusOr<ModelView> view = manager_->GetModel("digits");
    EXPECT_OK(view);
    for (const VersionView& known : view->versions) {
      if (known.record.version == version) return std::string(VersionStateName(known.state));
    }
    return "unknown";
  }

  std::vector<std::string> hashes_;
};

TEST_F(AdminStoreTest, CollectsWhatIsNeitherKeptNorInMemory) {
  v1::CollectGarbageResponse response;
  ASSERT_THAT(Collect(/*apply=*/false, &response), RpcOk());
  ASSERT_EQ(response.versions_size(), 2);
  EXPECT_EQ(StateOf("1.0"), "available");

  ASSERT_THAT(Collect(/*apply=*/true, &response), RpcOk());
  ASSERT_EQ(response.versions_size(), 2);
  EXPECT_EQ(response.versions(0).version(), "1.0");
  EXPECT_EQ(response.versions(1).version(), "1.1");
  EXPECT_EQ(StateOf("1.0"), "retired");
  EXPECT_FALSE(store_->Contains(hashes_[0]));
  EXPECT_TRUE(store_->Contains(hashes_[2]));
  EXPECT_EQ(StateOf("1.2"), "ready");
}

TEST_F(AdminStoreTest, VerifyRepairsThroughTheManager) {
  std::filesystem::remove(store_->PathOf(hashes_[0]));
  std::filesystem::remove(store_->PathOf(hashes_[3]));
  v1::VerifyStoreRequest request;
  request.set_repair(true);
  v1::VerifyStoreResponse response;
  grpc::ClientContext context;
  ASSERT_THAT(admin_->VerifyStore(&context, request, &response), RpcOk());
  EXPECT_EQ(response.findings_size(), 2) << response.DebugString();
  EXPECT_EQ(response.artifacts(), 4);
  EXPECT_EQ(StateOf("1.0"), "quarantined");
  EXPECT_EQ(StateOf("1.3"), "ready");
}

TEST_F(AdminStoreTest, WrongNumbersAreInvalid) {
  v1::CollectGarbageRequest request;
  request.set_keep_younger_seconds(-5);
  v1::CollectGarbageResponse response;
  grpc::ClientContext context;
  EXPECT_THAT(admin_->CollectGarbage(&context, request, &response),
              RpcStatusIs(grpc::StatusCode::INVALID_ARGUMENT, HasSubstr("keep_younger_seconds is -5")));
}

}  // namespace
}  // namespace modeld
