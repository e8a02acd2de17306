// ModelService.Predict with a canary and a shadow, and what it counts.
#include <gmock/gmock.h>

#include <atomic>
#include <limits>
#include <set>
#include <string>

#include "daemon/lifecycle/reaper.h"
#include "tests/daemon/rpc/rpc_fixture.h"
#include "tests/support/values.h"

namespace modeld {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

FakeModel RaisingModel() {
  return FakeModel().Add(UnaryMethod("forward"), [](std::vector<Value>) -> absl::StatusOr<Value> {
    return absl::InternalError("ValueError: no");
  });
}

// Versions are published by the test, without the manager.
class PredictTrafficTest : public RpcTest {
 protected:
  void SetUp() override { Start(); }
  ~PredictTrafficTest() override {
    if (server_ != nullptr) server_->Shutdown();
    scheduler_.Stop();
    shadows_->Stop();
    table_.Clear();
  }

  VersionHandle Version(const std::string& version, FakeModel fake) {
    loader_.Give("digits", version, std::move(fake));
    return reaper_.MakeHandle(
        std::move(loader_.Load(TestVersion("digits", version), /*awaited=*/false)->version));
  }
  void Publish(std::shared_ptr<ServingEntry> entry) {
    for (const VersionHandle& version : {entry->live, entry->canary, entry->shadow}) {
      if (version != nullptr) entry->ready[version->version] = version;
    }
    if (entry->shadow != nullptr && entry->shadow_stats == nullptr) entry->shadow_stats = stats_;
    table_.Publish("digits", std::move(entry));
  }
  std::shared_ptr<ServingEntry> LiveAndCanary(FakeModel live, FakeModel canary, double share) {
    auto entry = std::make_shared<ServingEntry>();
    entry->live = Version("1", std::move(live));
    entry->canary = Version("2", std::move(canary));
    entry->canary_share = share;
    return entry;
  }
  std::shared_ptr<ServingEntry> LiveAndShadow(FakeModel live, FakeModel shadow) {
    auto entry = std::make_shared<ServingEntry>();
    entry->live = Version("1", std::move(live));
    entry->shadow = Version("3", std::move(shadow));
    entry->shadow_share = 1;
    return entry;
  }
  std::string AnsweredBy(v1::PredictRequest request) {
    v1::PredictResponse response;
    const grpc::Status status = Predict(std::move(request), &response);
    return status.ok() ? response.version() : status.error_message();
  }
  ShadowStatsView AfterShadow() {
    // The copy is handed over after the answer was sent: wait for who hands it over first.
    WaitUntilIdle();
    EXPECT_TRUE(shadows_->WaitIdle(absl::Seconds(30)));
    return stats_->View();
  }

  Reaper reaper_{nullptr};
  const std::shared_ptr<ShadowStats> stats_ = std::make_shared<ShadowStats>();
};

v1::PredictRequest Keyed(const std::string& key, int64_t x = 7) {
  v1::PredictRequest request = RequestFor("digits", x);
  request.set_sticky_key(key);
  return request;
}

TEST_F(PredictTrafficTest, TheCanaryAnswersItsShareAndTheAnswerSaysSo) {
  Publish(LiveAndCanary(SayingModel("1"), SayingModel("2"), 0.3));
  int canary = 0;
  for (int x = 0; x < 500; ++x) {
    v1::PredictResponse response;
    ASSERT_THAT(Predict(RequestFor("digits", x), &response), RpcOk());
    ASSERT_EQ(response.outputs().at("output").string_value(), response.version());
    canary += response.version() == "2" ? 1 : 0;
  }
  EXPECT_NEAR(canary, 150, 52);  // five standard deviations
}

TEST_F(PredictTrafficTest, WithoutAKeyTheSameContentGoesTheSameWay) {
  Publish(LiveAndCanary(SayingModel("1"), SayingModel("2"), 0.5));
  std::set<std::string> all;
  for (int x = 0; x < 30; ++x) {
    const std::string first = AnsweredBy(RequestFor("digits", x));
    EXPECT_EQ(AnsweredBy(RequestFor("digits", x)), first);
    all.insert(first);
  }
  EXPECT_EQ(all, (std::set<std::string>{"1", "2"}));
}

TEST_F(PredictTrafficTest, AStickyKeyGoesTheSameWayWhateverIsAsked) {
  Publish(LiveAndCanary(SayingModel("1"), SayingModel("2"), 0.5));
  std::set<std::string> all;
  for (int user = 0; user < 20; ++user) {
    const std::string key = "user-" + std::to_string(user);
    const std::string first = AnsweredBy(Keyed(key));
    for (int x = 0; x < 5; ++x) EXPECT_EQ(AnsweredBy(Keyed(key, x)), first);
    all.insert(first);
  }
  EXPECT_EQ(all, (std::set<std::string>{"1", "2"}));
}

TEST_F(PredictTrafficTest, LabelsAndVersionsNeverGoToTheCanary) {
  Publish(LiveAndCanary(SayingModel("1"), SayingModel("2"), 1));
  EXPECT_EQ(AnsweredBy(RequestFor("digits")), "2");
  v1::PredictRequest request = RequestFor("digits");
  request.set_label("live");
  EXPECT_EQ(AnsweredBy(request), "1");
  request.set_version("1");
  EXPECT_EQ(AnsweredBy(request), "1");
}

TEST_F(PredictTrafficTest, AStickyKeyOfMoreThanAKibibyteIsInvalid) {
  Publish(LiveAndCanary(SayingModel("1"), SayingModel("2"), 1));
  EXPECT_THAT(Predict(Keyed(std::string(1024, 'k'))), RpcOk());
  EXPECT_THAT(Predict(Keyed(std::string(1025, 'k'))),
              RpcStatusIs(grpc::INVALID_ARGUMENT,
                          AllOf(HasSubstr("sticky_key takes 1025 bytes"), HasSubstr("at most 1024"))));
}

TEST_F(PredictTrafficTest, ACanarysErrorIsTheAnswer) {
  const auto entry = LiveAndCanary(EchoModel(), RaisingModel(), 1);
  const VersionHandle live = entry->live;
  Publish(entry);
  EXPECT_THAT(Predict(RequestFor("digits")),
              RpcStatusIs(grpc::INTERNAL, HasSubstr("version 2: ValueError: no")));
  EXPECT_EQ(live->stats.Snapshot().requests, 0) << "live is not asked in its place";
}

TEST_F(PredictTrafficTest, RequestsAndTheModelsOwnErrorsAreCounted) {
  FakeModel model;
  model.Add(UnaryMethod("forward"), [](std::vector<Value> arguments) -> absl::StatusOr<Value> {
    const int64_t x = *arguments[0].get_if<int64_t>();
    if (x == 1) return absl::InternalError("raised");
    if (x == 2) return absl::UnimplementedError("returned an object");
    if (x == 3) return absl::ResourceExhaustedError("out of memory");
    return Value{x};
  });
  auto entry = std::make_shared<ServingEntry>();
  const VersionHandle live = entry->live = Version("1", model);
  Publish(entry);
  for (int x = 0; x < 5; ++x) (void)Predict(RequestFor("digits", x));
  v1::PredictRequest unknown_input = RequestFor("digits");
  (*unknown_input.mutable_inputs())["y"].set_int_value(1);
  EXPECT_THAT(Predict(unknown_input), RpcStatusIs(grpc::INVALID_ARGUMENT, HasSubstr("y")));
  const StatsSnapshot stats = live->stats.Snapshot();
  EXPECT_EQ(stats.requests, 5) << "a request that is invalid was not run";
  EXPECT_EQ(stats.errors, 2);
  EXPECT_EQ(stats.latency.total(), 2);
  EXPECT_EQ(stats.looked_for_nan, 0) << "nobody asked to look";
}

TEST_F(PredictTrafficTest, NanIsTheModelsOnlyIfItWasNotGiven) {
  FakeModel model;
  model.Add(UnaryMethod("forward"), [](std::vector<Value> arguments) -> absl::StatusOr<Value> {
    const double x = *arguments[0].get_if<double>();
    return Value{FloatTensor({2}, {1, static_cast<float>(x == 0 ? kNan : x)})};
  });
  auto entry = std::make_shared<ServingEntry>();
  const VersionHandle live = entry->live = Version("1", model);
  Publish(entry);
  const auto predict = [&](double x) {
    v1::PredictRequest request = RequestFor("digits");
    (*request.mutable_inputs())["x"].set_float_value(x);
    EXPECT_THAT(Predict(request), RpcOk());
  };
  predict(0);
  EXPECT_EQ(live->stats.Snapshot().looked_for_nan, 0);
  live->stats.set_look_for_nan(true);
  predict(1);
  predict(0);
  predict(kNan);
  const StatsSnapshot stats = live->stats.Snapshot();
  EXPECT_EQ(stats.looked_for_nan, 2);
  EXPECT_EQ(stats.not_a_number, 1);
  EXPECT_EQ(stats.requests, 4);
}

TEST_F(PredictTrafficTest, TheShadowIsComparedAndNeverAnswers) {
  Publish(
      LiveAndShadow(EchoModel(), FakeModel().Add(UnaryMethod("forward"), [](std::vector<Value> arguments) {
        const int64_t x = *arguments[0].get_if<int64_t>();
        return absl::StatusOr<Value>(Value{x == 3 ? int64_t{-1} : x});
      })));
  for (int x = 0; x < 5; ++x) {
    v1::PredictResponse response;
    ASSERT_THAT(Predict(RequestFor("digits", x), &response), RpcOk());
    EXPECT_EQ(response.version(), "1");
    EXPECT_EQ(response.outputs().at("output").int_value(), x);
    (void)AfterShadow();
  }
  const ShadowStatsView stats = AfterShadow();
  EXPECT_EQ(stats.compared, 5);
  EXPECT_EQ(stats.agreed, 4);
  EXPECT_THAT(stats.last_difference, AllOf(HasSubstr("output"), HasSubstr("-1"), HasSubstr("3")));
  EXPECT_GT(stats.live_seconds, 0);
  EXPECT_GT(stats.shadow_seconds, 0);
}

TEST_F(PredictTrafficTest, AShadowThatRaisesOrLacksTheMethodIsCountedAndNothingElse) {
  const auto entry = LiveAndShadow(EchoModel().Add(UnaryMethod("embed"),
                                                   [](std::vector<Value> arguments) -> absl::StatusOr<Value> {
                                                     return std::move(arguments[0]);
                                                   }),
                                   RaisingModel());
  const VersionHandle shadow = entry->shadow;
  Publish(entry);
  EXPECT_EQ(AnsweredBy(RequestFor("digits")), "1");
  ShadowStatsView stats = AfterShadow();
  EXPECT_EQ(stats.failed, 1);
  EXPECT_THAT(stats.last_difference, HasSubstr("version 3: ValueError: no"));
  v1::PredictRequest embed = RequestFor("digits");
  embed.set_method("embed");
  EXPECT_EQ(AnsweredBy(embed), "1");
  stats = AfterShadow();
  EXPECT_EQ(stats.failed, 2);
  EXPECT_THAT(stats.last_difference, HasSubstr("has no method \"embed\""));
  EXPECT_EQ(stats.compared, 0);
  EXPECT_EQ(shadow->stats.Snapshot().requests, 0) << "copies are no requests";
}

TEST_F(PredictTrafficTest, WhatLiveFailsOnIsNotCopied) {
  Publish(LiveAndShadow(RaisingModel(), EchoModel()));
  EXPECT_THAT(Predict(RequestFor("digits")), RpcStatusIs(grpc::INTERNAL, HasSubstr("version 1")));
  const ShadowStatsView stats = AfterShadow();
  EXPECT_EQ(stats.compared + stats.failed + stats.skipped, 0);
}

// TorchScript may work in place on its inputs; the shadow must get them as they came.
TEST_F(PredictTrafficTest, TheShadowGetsTheInputsAsTheyCame) {
  const auto first_element = [](const std::vector<Value>& arguments) {
    return static_cast<float*>(arguments[0].get_if<Tensor>()->buffer.data);
  };
  Publish(LiveAndShadow(
      FakeModel().Add(UnaryMethod("forward"),
                      [&](std::vector<Value> arguments) -> absl::StatusOr<Value> {
                        float* const element = first_element(arguments);
                        const double came = *element;
                        *element = -1;
                        return Value{came};
                      }),
      FakeModel().Add(UnaryMethod("forward"), [&](std::vector<Value> arguments) -> absl::StatusOr<Value> {
        return Value{static_cast<double>(*first_element(arguments))};
      })));
  v1::PredictRequest request = RequestFor("digits");
  v1::Tensor& tensor = *(*request.mutable_inputs())["x"].mutable_tensor();
  tensor.set_dtype("FP32");
  tensor.add_shape(1);
  tensor.add_float_values(5);
  EXPECT_EQ(AnsweredBy(request), "1");
  const ShadowStatsView stats = AfterShadow();
  EXPECT_EQ(stats.compared, 1);
  EXPECT_EQ(stats.agreed, 1) << stats.last_difference;
}

// A shadow that does not come back costs live nothing; what does not fit is counted.
TEST_F(PredictTrafficTest, ASlowShadowDelaysNoAnswer) {
  Notification gate;
  Publish(
      LiveAndShadow(EchoModel(), FakeModel().Add(UnaryMethod("forward"), [&](std::vector<Value> arguments) {
        gate.Wait();
        return absl::StatusOr<Value>(std::move(arguments[0]));
      })));
  constexpr int kRequests = 50;
  for (int x = 0; x < kRequests; ++x) EXPECT_EQ(AnsweredBy(RequestFor("digits", x)), "1");
  EXPECT_GE(stats_->View().skipped, kRequests - static_cast<int>(ShadowRunnerOptions{}.max_copies));
  gate.Notify();
  const ShadowStatsView stats = AfterShadow();
  EXPECT_EQ(stats.compared + stats.skipped, kRequests);
  EXPECT_EQ(stats.agreed, stats.compared);
  EXPECT_GT(stats.compared, 0);
}

}  // namespace
}  // namespace modeld
