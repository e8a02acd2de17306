#include "daemon/rpc/health_reporter.h"

#include <gmock/gmock.h>

#include <map>
#include <string>

namespace modeld {
namespace {

using testing::ElementsAre;
using testing::Pair;

class FakeHealthService final : public grpc::HealthCheckServiceInterface {
 public:
  void SetServingStatus(const std::string& name, bool serving) override { statuses[name] = serving; }
  void SetServingStatus(bool serving) override {
    for (auto& [name, status] : statuses) status = serving;
  }
  void Shutdown() override {
    SetServingStatus(false);
    shut_down = true;
  }

  std::map<std::string, bool> statuses = {{"", true}};  // as gRPC begins
  bool shut_down = false;
};

TEST(HealthReporterTest, ServerIsNotServingUntilSet) {
  FakeHealthService service;
  HealthReporter health;
  health.Attach(&service);
  EXPECT_THAT(service.statuses, ElementsAre(Pair("", false), Pair("inference.GRPCInferenceService", false),
                                            Pair("modeld.v1.ModelService", false)));
  health.SetServer(true);
  EXPECT_THAT(service.statuses, ElementsAre(Pair("", true), Pair("inference.GRPCInferenceService", true),
                                            Pair("modeld.v1.ModelService", true)));
}

TEST(HealthReporterTest, EveryServiceHearsWhatWasSetBeforeAndAfter) {
  FakeHealthService early;
  FakeHealthService late;
  HealthReporter health;
  health.Attach(&early);
  health.SetModel("digits", true);
  health.SetModel("letters", false);
  health.Attach(&late);
  health.SetModel("letters", true);
  EXPECT_EQ(early.statuses, late.statuses);
  EXPECT_TRUE(late.statuses.at("digits"));
  EXPECT_TRUE(late.statuses.at("letters"));
}

TEST(HealthReporterTest, AfterShutdownNothingIsServingAgain) {
  FakeHealthService service;
  HealthReporter health;
  health.Attach(&service);
  health.SetServer(true);
  health.SetModel("digits", true);
  health.Shutdown();
  EXPECT_TRUE(service.shut_down);
  health.SetModel("digits", true);
  health.SetServer(true);
  EXPECT_FALSE(service.statuses.at("digits"));
  EXPECT_FALSE(service.statuses.at(""));
}

}  // namespace
}  // namespace modeld
