// SetLabel, SetCanary and SetShadow.
#include <gmock/gmock.h>

#include <string>

#include "tests/daemon/rpc/rpc_fixture.h"

namespace modeld {
namespace {

using testing::HasSubstr;

class AdminRoutingTest : public RpcTest {
 protected:
  void StartWithTwoVersions() {
    Start();
    Register("digits", "1.0", SayingModel("1.0"));
    Register("digits", "1.1", SayingModel("1.1"));
  }

  grpc::Status SetLabel(const std::string& label, const std::string& version,
                        v1::SetLabelResponse* response) {
    v1::SetLabelRequest request;
    request.set_model("digits");
    request.set_label(label);
    request.set_version(version);
    request.set_reason("for the tests");
    request.set_actor("ann");
    grpc::ClientContext context;
    return admin_->SetLabel(&context, request, response);
  }
  template <typename Request, typename Response>
  grpc::Status SetTraffic(grpc::Status (v1::AdminService::Stub::*method)(grpc::ClientContext*, const Request&,
                                                                         Response*),
                          const std::string& version, double share, v1::Traffic* traffic) {
    Request request;
    request.set_model("digits");
    request.set_version(version);
    request.set_share(share);
    request.set_actor("ann");
    Response response;
    grpc::ClientContext context;
    const grpc::Status status = (admin_.get()->*method)(&context, request, &response);
    *traffic = response.traffic();
    return status;
  }
  grpc::Status SetCanary(const std::string& version, double share, v1::Traffic* traffic) {
    return SetTraffic(&v1::AdminService::Stub::SetCanary, version, share, traffic);
  }
  grpc::Status SetShadow(const std::string& version, double share, v1::Traffic* traffic) {
    return SetTraffic(&v1::AdminService::Stub::SetShadow, version, share, traffic);
  }

  EventRecord LastEvent() {
    absl::StatusOr<std::vector<EventRecord>> events = registry_->ListEvents({});
    EXPECT_OK(events);
    return events->front();
  }
};

TEST_F(AdminRoutingTest, ALabelIsInForceWhenTheCallReturns) {
  StartWithTwoVersions();
  v1::SetLabelResponse response;
  ASSERT_THAT(SetLabel("stable", "1.0", &response), RpcOk());
  EXPECT_EQ(response.from_version(), "");
  v1::PredictRequest request = RequestFor("digits");
  request.set_label("stable");
  v1::PredictResponse answer;
  ASSERT_THAT(Predict(request, &answer), RpcOk());
  EXPECT_EQ(answer.version(), "1.0");
  EXPECT_EQ(LastEvent().action, action::kLabel);
  EXPECT_EQ(LastEvent().actor, "ann (unverified)");

  ASSERT_THAT(SetLabel("stable", "1.1", &response), RpcOk());
  EXPECT_EQ(response.from_version(), "1.0");
  ASSERT_THAT(SetLabel("stable", "", &response), RpcOk());
  EXPECT_EQ(response.from_version(), "1.1");
  EXPECT_THAT(Predict(request, &answer), RpcStatusIs(grpc::NOT_FOUND, HasSubstr("stable")));
}

TEST_F(AdminRoutingTest, CanaryAndShadowAreToldAsTheyAreThen) {
  StartWithTwoVersions();
  v1::Traffic traffic;
  ASSERT_THAT(SetCanary("1.0", 0.05, &traffic), RpcOk());
  EXPECT_EQ(traffic.canary_version(), "1.0");
  EXPECT_EQ(traffic.canary_share(), 0.05);
  ASSERT_THAT(SetShadow("1.0", 1, &traffic), RpcOk());
  EXPECT_EQ(traffic.canary_version(), "1.0");
  EXPECT_EQ(traffic.shadow_version(), "1.0");
  EXPECT_EQ(traffic.shadow_share(), 1);
  ASSERT_THAT(SetCanary("", 0, &traffic), RpcOk());
  EXPECT_EQ(traffic.canary_version(), "");
  EXPECT_EQ(traffic.shadow_version(), "1.0");
  ASSERT_THAT(SetShadow("", 0, &traffic), RpcOk());
  EXPECT_EQ(traffic.shadow_version(), "");
}

TEST_F(AdminRoutingTest, WhatIsNotPossibleIsRefused) {
  StartWithTwoVersions();
  v1::SetLabelResponse response;
  EXPECT_THAT(SetLabel("live", "1.0", &response), RpcStatusIs(grpc::INVALID_ARGUMENT, HasSubstr("live")));
  EXPECT_THAT(SetLabel("stable", "9", &response), RpcStatusIs(grpc::NOT_FOUND, HasSubstr("\"9\"")));
  EXPECT_THAT(SetLabel("stable", "", &response), RpcStatusIs(grpc::NOT_FOUND, HasSubstr("stable")));
  v1::Traffic traffic;
  EXPECT_THAT(SetCanary("1.0", 5, &traffic), RpcStatusIs(grpc::INVALID_ARGUMENT, HasSubstr("share")));
  EXPECT_THAT(SetCanary("1.1", 0.1, &traffic), RpcStatusIs(grpc::FAILED_PRECONDITION, HasSubstr("is live")));
  grpc::ClientContext context;
  v1::SetShadowResponse none;
  EXPECT_THAT(admin_->SetShadow(&context, {}, &none),
              RpcStatusIs(grpc::INVALID_ARGUMENT, HasSubstr("names no model")));
}

}  // namespace
}  // namespace modeld
