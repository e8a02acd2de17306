#include "daemon/rpc/admin_service.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "tests/daemon/rpc/rpc_fixture.h"
#include "tests/support/zip_builder.h"

namespace modeld {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class AdminServiceTest : public RpcTest {
 protected:
  void StartWithTwoVersions() {
    Start();
    Register("digits", "1.0", SayingModel("1.0"));
    Register("digits", "1.1", SayingModel("1.1"));
  }

  template <typename Request, typename Response>
  grpc::Status Call(grpc::Status (v1::AdminService::Stub::*method)(grpc::ClientContext*, const Request&,
                                                                   Response*),
                    const Request& request, Response* response) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(30)));
    return (admin_.get()->*method)(&context, request, response);
  }

  std::string Live() {
    v1::PredictResponse response;
    EXPECT_THAT(Predict(RequestFor("digits"), &response), RpcOk());
    return response.version();
  }

  std::vector<v1::Event> Events(int page_size = 0) {
    std::vector<v1::Event> events;
    v1::ListEventsRequest request;
    request.set_page_size(page_size);
    do {
      v1::ListEventsResponse response;
      EXPECT_THAT(Call(&v1::AdminService::Stub::ListEvents, request, &response), RpcOk());
      events.insert(events.end(), response.events().begin(), response.events().end());
      request.set_page_token(response.next_page_token());
    } while (!request.page_token().empty());
    return events;
  }
};

TEST_F(AdminServiceTest, RollbackIsInForceWhenItReturnsAndIsRecorded) {
  StartWithTwoVersions();
  v1::RollbackRequest request;
  request.set_model("digits");
  request.set_reason("worse on sevens");
  request.set_actor("ann");
  v1::RollbackResponse response;
  ASSERT_THAT(Call(&v1::AdminService::Stub::Rollback, request, &response), RpcOk());
  EXPECT_EQ(Live(), "1.0");
  EXPECT_EQ(response.change().model(), "digits");
  EXPECT_EQ(response.change().from_version(), "1.1");
  EXPECT_EQ(response.change().to_version(), "1.0");
  EXPECT_EQ(response.change().pinned_version(), "1.0");
  const v1::Event event = Events().front();
  EXPECT_EQ(event.action(), "rollback");
  EXPECT_EQ(event.actor(), "ann (unverified)");
  EXPECT_EQ(event.reason(), "worse on sevens");
  EXPECT_EQ(event.from_version(), "1.1");
  EXPECT_EQ(event.to_version(), "1.0");
}

TEST_F(AdminServiceTest, WhoDoesNotSayWhoHeIsIsUnknown) {
  StartWithTwoVersions();
  v1::RollbackRequest request;
  request.set_model("digits");
  v1::RollbackResponse response;
  ASSERT_THAT(Call(&v1::AdminService::Stub::Rollback, request, &response), RpcOk());
  EXPECT_EQ(Events().front().actor(), "unknown (unverified)");
}

TEST_F(AdminServiceTest, PromotePinUnpinAndRetireMoveLive) {
  StartWithTwoVersions();
  v1::PinRequest pin;
  pin.set_model("digits");
  pin.set_version("1.0");
  v1::PinResponse pinned;
  ASSERT_THAT(Call(&v1::AdminService::Stub::Pin, pin, &pinned), RpcOk());
  EXPECT_EQ(pinned.change().pinned_version(), "1.0");
  EXPECT_EQ(Live(), "1.0");

  v1::UnpinRequest unpin;
  unpin.set_model("digits");
  v1::UnpinResponse unpinned;
  ASSERT_THAT(Call(&v1::AdminService::Stub::Unpin, unpin, &unpinned), RpcOk());
  EXPECT_EQ(unpinned.change().pinned_version(), "");
  EXPECT_EQ(Live(), "1.1");

  v1::PromoteRequest promote;
  promote.set_model("digits");
  promote.set_version("1.0");
  v1::PromoteResponse promoted;
  ASSERT_THAT(Call(&v1::AdminService::Stub::Promote, promote, &promoted), RpcOk());
  EXPECT_EQ(Live(), "1.0");

  v1::RetireRequest retire;
  retire.set_model("digits");
  retire.set_version("1.1");
  v1::RetireResponse retired;
  ASSERT_THAT(Call(&v1::AdminService::Stub::Retire, retire, &retired), RpcOk());
  v1::PredictRequest request = RequestFor("digits");
  request.set_version("1.1");
  EXPECT_THAT(Predict(request), RpcStatusIs(grpc::FAILED_PRECONDITION, HasSubstr("retired")));
}

TEST_F(AdminServiceTest, ErrorsOfTheManagerReachTheCaller) {
  StartWithTwoVersions();
  v1::RetireRequest retire;
  retire.set_model("digits");
  retire.set_version("1.1");
  v1::RetireResponse retired;
  EXPECT_THAT(Call(&v1::AdminService::Stub::Retire, retire, &retired),
              RpcStatusIs(grpc::FAILED_PRECONDITION, HasSubstr("live")));
  v1::RollbackRequest rollback;
  rollback.set_model("letters");
  v1::RollbackResponse response;
  EXPECT_THAT(Call(&v1::AdminService::Stub::Rollback, rollback, &response),
              RpcStatusIs(grpc::NOT_FOUND, HasSubstr("letters")));
}

TEST_F(AdminServiceTest, RemarksThatNobodyCouldReadInAHistoryAreRefusedAndChangeNothing) {
  StartWithTwoVersions();
  v1::RollbackRequest request;
  v1::RollbackResponse response;
  request.set_model("digits");
  request.set_reason(std::string((4 << 10) + 1, 'r'));
  EXPECT_THAT(Call(&v1::AdminService::Stub::Rollback, request, &response),
              RpcStatusIs(grpc::INVALID_ARGUMENT, HasSubstr("`reason` has 4097 bytes; at most 4096")));
  request.set_reason(std::string(4 << 10, 'r'));
  request.set_actor(std::string(257, 'a'));
  EXPECT_THAT(Call(&v1::AdminService::Stub::Rollback, request, &response),
              RpcStatusIs(grpc::INVALID_ARGUMENT, HasSubstr("`actor` has 257 bytes; at most 256")));
  EXPECT_EQ(Live(), "1.1");
  request.set_actor(std::string(256, 'a'));
  EXPECT_THAT(Call(&v1::AdminService::Stub::Rollback, request, &response), RpcOk());
  EXPECT_EQ(Live(), "1.0");
}

TEST_F(AdminServiceTest, WhatIsNotNamedIsInvalid) {
  Start();
  const auto no_model = RpcStatusIs(grpc::INVALID_ARGUMENT, HasSubstr("names no model"));
  const auto no_version = RpcStatusIs(grpc::INVALID_ARGUMENT, HasSubstr("names no version"));
  v1::RollbackResponse rollback;
  EXPECT_THAT(Call(&v1::AdminService::Stub::Rollback, v1::RollbackRequest(), &rollback), no_model);
  v1::PromoteRequest promote_request;
  v1::PromoteResponse promote;
  EXPECT_THAT(Call(&v1::AdminService::Stub::Promote, promote_request, &promote), no_model);
  promote_request.set_model("digits");
  EXPECT_THAT(Call(&v1::AdminService::Stub::Promote, promote_request, &promote), no_version);
  v1::PinResponse pin;
  EXPECT_THAT(Call(&v1::AdminService::Stub::Pin, v1::PinRequest(), &pin), no_model);
  v1::UnpinResponse unpin;
  EXPECT_THAT(Call(&v1::AdminService::Stub::Unpin, v1::UnpinRequest(), &unpin), no_model);
  v1::RetireRequest retire_request;
  v1::RetireResponse retire;
  EXPECT_THAT(Call(&v1::AdminService::Stub::Retire, retire_request, &retire), no_model);
  retire_request.set_model("digits");
  EXPECT_THAT(Call(&v1::AdminService::Stub::Retire, retire_request, &retire), no_version);
}

TEST_F(AdminServiceTest, CommandWaitsForALoadNoLongerThanItsCaller) {
  StartWithTwoVersions();
  RegisterOnly("digits", "1.2");  // quarantined
  Notification never;
  loader_.WaitFor(&never);
  v1::PromoteRequest request;
  request.set_model("digits");
  request.set_version("1.2");
  v1::PromoteResponse response;
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Milliseconds(50)));
  EXPECT_EQ(admin_->Promote(&context, request, &response).error_code(), grpc::DEADLINE_EXCEEDED);
  EXPECT_EQ(Live(), "1.1");
  never.Notify();
  // The gate must outlive the load that waits at it.
  EXPECT_TRUE(manager_->WaitSettled(absl::Seconds(30)));
}

TEST_F(AdminServiceTest, EventsArePagedNewestFirst) {
  StartWithTwoVersions();
  const std::vector<v1::Event> all = Events();
  ASSERT_GE(all.size(), 4u);  // registered and published, twice
  for (size_t i = 1; i < all.size(); ++i) EXPECT_LT(all[i].id(), all[i - 1].id());
  const std::vector<v1::Event> paged = Events(/*page_size=*/1);
  ASSERT_EQ(paged.size(), all.size());
  for (size_t i = 0; i < all.size(); ++i) EXPECT_EQ(paged[i].DebugString(), all[i].DebugString());
  EXPECT_EQ(all.front().model(), "digits");
  EXPECT_GT(all.front().time().seconds(), 0);
}

TEST_F(AdminServiceTest, BadEventPagesAreInvalid) {
  Start();
  v1::ListEventsRequest request;
  v1::ListEventsResponse response;
  request.set_page_size(-1);
  EXPECT_THAT(Call(&v1::AdminService::Stub::ListEvents, request, &response),
              RpcStatusIs(grpc::INVALID_ARGUMENT, HasSubstr("page_size")));
  request.set_page_size(1);
  request.set_page_token("soon");
  EXPECT_THAT(Call(&v1::AdminService::Stub::ListEvents, request, &response),
              RpcStatusIs(grpc::INVALID_ARGUMENT, HasSubstr("page_token")));
}

TEST_F(AdminServiceTest, RescanTakesWhatLiesThere) {
  loader_.Give("digits", "2.0", EchoModel());
  Start();
  StartIntakeThread();
  drop_.Write("digits.pt", TorchScriptArchive(R"({"version": "2.0"})"));
  drop_.Write("broken.pt", TorchScriptArchive("{"));
  v1::RescanResponse response;
  ASSERT_THAT(Call(&v1::AdminService::Stub::Rescan, v1::RescanRequest(), &response), RpcOk());
  EXPECT_EQ(response.files(), 2);
  ASSERT_EQ(response.dropped_files_size(), 1);
  EXPECT_EQ(response.dropped_files(0).path(), "broken.pt");
  ASSERT_TRUE(manager_->WaitSettled(absl::Seconds(30)));
  EXPECT_EQ(Live(), "2.0");
}

TEST_F(AdminServiceTest, StatusIsNotReadyBeforeHealthSaysServingNorAfterItCeased) {
  Start();
  ASSERT_TRUE(manager_->ready());
  const auto ready = [&] {
    v1::GetStatusResponse status;
    EXPECT_THAT(Call(&v1::AdminService::Stub::GetStatus, v1::GetStatusRequest(), &status), RpcOk());
    return status.ready();
  };
  EXPECT_FALSE(ready());
  health_.SetServer(true);
  EXPECT_TRUE(ready());
  health_.Shutdown();
  EXPECT_FALSE(ready());
}

TEST_F(AdminServiceTest, StatusCountsAndNamesEverything) {
  StartWithTwoVersions();
  RegisterOnly("digits", "1.2");  // quarantined
  drop_.Write("broken.pt", TorchScriptArchive("{"));
  intake_->Step();
  intake_->Step();
  v1::GetStatusResponse status;
  ASSERT_THAT(Call(&v1::AdminService::Stub::GetStatus, v1::GetStatusRequest(), &status), RpcOk());
  EXPECT_EQ(status.version(), "1.2.3");
  EXPECT_EQ(status.started_at().seconds(), 1'700'000'000);
  EXPECT_EQ(status.drop_directory(), drop_.path());
  EXPECT_EQ(status.state_directory(), state_.path());
  EXPECT_EQ(status.source_error(), "");
  EXPECT_EQ(status.models(), 1);
  EXPECT_EQ(status.versions(), 3);
  EXPECT_EQ(status.ready_versions(), 2);
  EXPECT_EQ(status.quarantined_versions(), 1);
  EXPECT_EQ(status.dropped_files(), 1);
  EXPECT_THAT(status.addresses(), ElementsAre("127.0.0.1:8500"));
  EXPECT_THAT(status.engines(), ElementsAre("fake 1.0"));
  EXPECT_EQ(status.process_id(), ::getpid());
  EXPECT_EQ(status.requests_in_flight(), 0);
}

}  // namespace
}  // namespace modeld
