// GetVersion, WaitVersion and WatchEvents.
#include <gmock/gmock.h>

#include <string>
#include <thread>
#include <vector>

#include "tests/daemon/rpc/rpc_fixture.h"
#include "tests/support/zip_builder.h"

namespace modeld {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

void SetTimeout(grpc::ClientContext& context, absl::Duration timeout = absl::Seconds(60)) {
  context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
}

class AdminWatchTest : public RpcTest {
 protected:
  grpc::Status Wait(const std::string& version, v1::WaitVersionResponse* response,
                    absl::Duration timeout = absl::Seconds(60)) {
    grpc::ClientContext context;
    SetTimeout(context, timeout);
    v1::WaitVersionRequest request;
    request.set_model("digits");
    request.set_version(version);
    return admin_->WaitVersion(&context, request, response);
  }

  void RecordEvent(const std::string& reason, const std::string& model = "digits") {
    EventRecord event;
    event.time = absl::FromUnixSeconds(1'700'000'000);
    event.actor = "ann";
    event.action = action::kLabel;
    event.model = model;
    event.reason = reason;
    ASSERT_OK(registry_->RecordEvent(event));
  }

  grpc::Status Rollback() {
    grpc::ClientContext context;
    SetTimeout(context);
    v1::RollbackRequest request;
    request.set_model("digits");
    v1::RollbackResponse response;
    return admin_->Rollback(&context, request, &response);
  }
};

// A call of WatchEvents that has begun when it is made.
class EventStream {
 public:
  EventStream(v1::AdminService::Stub* admin, int64_t after_id, const std::string& model = "") {
    SetTimeout(context);
    v1::WatchEventsRequest request;
    request.set_after_id(after_id);
    request.set_model(model);
    reader = admin->WatchEvents(&context, request);
    reader->WaitForInitialMetadata();
  }

  std::vector<v1::Event> Read(size_t count) {
    std::vector<v1::Event> events;
    v1::WatchEventsResponse response;
    while (events.size() < count && reader->Read(&response)) events.push_back(response.event());
    return events;
  }
  std::vector<std::string> Reasons(size_t count) {
    std::vector<std::string> reasons;
    for (const v1::Event& event : Read(count)) reasons.push_back(event.reason());
    return reasons;
  }

  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReader<v1::WatchEventsResponse>> reader;
};

TEST_F(AdminWatchTest, GetVersionTellsAllThatIsKnown) {
  Start();
  Register("digits", "1.0", EchoModel());
  Register("digits", "1.1", EchoModel());
  v1::ProbeReport probe;
  probe.set_outcome(v1::PROBE_OUTCOME_PASSED);
  probe.set_resident_bytes(1000);
  ASSERT_OK(registry_->RecordProbe("digits", "1.0", probe, TestEvent(action::kProbed)));

  const auto get = [&](const std::string& version, v1::GetVersionResponse* response) {
    grpc::ClientContext context;
    v1::GetVersionRequest request;
    request.set_model("digits");
    request.set_version(version);
    return admin_->GetVersion(&context, request, response);
  };
  v1::GetVersionResponse first, second;
  ASSERT_THAT(get("1.0", &first), RpcOk());
  EXPECT_EQ(first.model(), "digits");
  EXPECT_EQ(first.version().version(), "1.0");
  EXPECT_EQ(first.version().state(), v1::VERSION_STATE_READY);
  EXPECT_EQ(first.config_json(), R"({"version":"1.0"})");
  EXPECT_EQ(first.probe().resident_bytes(), 1000);
  EXPECT_FALSE(first.live());
  ASSERT_THAT(get("1.1", &second), RpcOk());
  EXPECT_FALSE(second.has_probe());
  EXPECT_TRUE(second.live());

  v1::GetVersionResponse none;
  EXPECT_THAT(get("9", &none),
              RpcStatusIs(grpc::NOT_FOUND, AllOf(HasSubstr("\"9\""), HasSubstr("1.1, 1.0"))));
  EXPECT_THAT(get("", &none), RpcStatusIs(grpc::INVALID_ARGUMENT, HasSubstr("names no version")));
}

TEST_F(AdminWatchTest, WaitEndsWithTheVersionsFate) {
  Start();
  Register("digits", "1.0", EchoModel());
  v1::WaitVersionResponse response;
  ASSERT_THAT(Wait("1.0", &response), RpcOk());
  EXPECT_EQ(response.fate(), v1::VERSION_FATE_LIVE);
  EXPECT_EQ(response.version().state(), v1::VERSION_STATE_READY);

  RegisterOnly("digits", "1.1");  // nobody gave it, so it is broken
  ASSERT_THAT(Wait("1.1", &response), RpcOk());
  EXPECT_EQ(response.fate(), v1::VERSION_FATE_REFUSED);
  EXPECT_THAT(response.reason(), HasSubstr("broken artifact"));

  ASSERT_OK(
      manager_->Pin({.model = "digits", .version = "1.0", .actor = "ann", .reason = ""}, absl::Seconds(60)));
  Register("digits", "1.2", EchoModel());
  ASSERT_THAT(Wait("1.2", &response), RpcOk());
  EXPECT_EQ(response.fate(), v1::VERSION_FATE_READY);
  EXPECT_EQ(response.reason(), "live is pinned to 1.0");
}

TEST_F(AdminWatchTest, WaitsForAVersionThatComesLater) {
  Start();
  v1::WaitVersionResponse response;
  grpc::Status status;
  std::thread waiter([&] { status = Wait("1.0", &response); });
  Register("digits", "1.0", EchoModel());
  waiter.join();
  ASSERT_THAT(status, RpcOk());
  EXPECT_EQ(response.fate(), v1::VERSION_FATE_LIVE);
}

TEST_F(AdminWatchTest, AFileThatIsRefusedForThatVersionEndsTheWait) {
  Start();
  // Its config gives a name and a version, and is no config all the same.
  drop_.Write("digits/3/model.pt", TorchScriptArchive(R"({"version": "3", "inputs": 7})"));
  intake_->Step();
  intake_->Step();
  v1::WaitVersionResponse response;
  ASSERT_THAT(Wait("3", &response), RpcOk());
  EXPECT_EQ(response.fate(), v1::VERSION_FATE_REFUSED);
  EXPECT_THAT(response.reason(), AllOf(HasSubstr("digits/3/model.pt"), HasSubstr("inputs")));
}

TEST_F(AdminWatchTest, WaitSaysWhatItWaitedForWhenTheTimeIsOver) {
  Start();
  v1::WaitVersionResponse response;
  // The client's own clock may be first, with no more than its own words.
  EXPECT_EQ(Wait("1.0", &response, absl::Milliseconds(300)).error_code(), grpc::DEADLINE_EXCEEDED);
}

TEST_F(AdminWatchTest, WaitEndsWhenTheDaemonStops) {
  Start();
  v1::WaitVersionResponse response;
  grpc::Status status;
  std::thread waiter([&] { status = Wait("1.0", &response); });
  manager_->Stop();
  waiter.join();
  EXPECT_THAT(status, RpcStatusIs(grpc::UNAVAILABLE, HasSubstr("shutting down")));
}

TEST_F(AdminWatchTest, WatchSeesWhatIsMadeFromThenOnOnceAndInOrder) {
  Start();
  RecordEvent("before");
  EventStream stream(admin_.get(), 0);
  for (int i = 0; i < 250; ++i) RecordEvent(std::to_string(i));
  const std::vector<v1::Event> events = stream.Read(250);
  ASSERT_EQ(events.size(), 250u);
  for (int i = 0; i < 250; ++i) {
    EXPECT_EQ(events[i].reason(), std::to_string(i));
    EXPECT_EQ(events[i].id(), events[0].id() + i);
  }
  EXPECT_EQ(events[0].actor(), "ann");
  EXPECT_EQ(events[0].time().seconds(), 1'700'000'000);
}

TEST_F(AdminWatchTest, WatchGoesOnAfterTheEventThatIsNamed) {
  Start();
  for (const char* reason : {"one", "two", "three"}) RecordEvent(reason);
  ASSERT_OK_AND_ASSIGN(const std::vector<EventRecord> known, registry_->ListEvents({}));
  EventStream stream(admin_.get(), known[2].id);  // "one"
  EXPECT_THAT(stream.Reasons(2), ElementsAre("two", "three"));
  RecordEvent("four");
  EXPECT_THAT(stream.Reasons(1), ElementsAre("four"));
}

TEST_F(AdminWatchTest, WatchOfOneModelSeesOnlyThat) {
  Start();
  EventStream stream(admin_.get(), 0, "letters");
  for (int i = 0; i < 300; ++i) RecordEvent(std::to_string(i), i % 100 == 99 ? "letters" : "digits");
  EXPECT_THAT(stream.Reasons(3), ElementsAre("99", "199", "299"));
  RecordEvent("last", "letters");
  EXPECT_THAT(stream.Reasons(1), ElementsAre("last"));
}

TEST_F(AdminWatchTest, EventsOfSeveralWritersReachEveryWatchOnceAndInOrder) {
  Start();
  constexpr int kWatches = 8, kWriters = 4, kEvents = 100;
  std::vector<std::unique_ptr<EventStream>> streams;
  for (int i = 0; i < kWatches; ++i) streams.push_back(std::make_unique<EventStream>(admin_.get(), 0));
  std::vector<std::thread> writers;
  for (int i = 0; i < kWriters; ++i) {
    writers.emplace_back([&] {
      for (int event = 0; event < kEvents; ++event) RecordEvent("event");
    });
  }
  for (std::thread& writer : writers) writer.join();
  for (const auto& stream : streams) {
    const std::vector<v1::Event> events = stream->Read(kWriters * kEvents);
    ASSERT_EQ(events.size(), static_cast<size_t>(kWriters * kEvents));
    for (size_t i = 1; i < events.size(); ++i) EXPECT_EQ(events[i].id(), events[i - 1].id() + 1);
  }
}

TEST_F(AdminWatchTest, AnIdThatNoEventHasYetIsRefused) {
  Start();
  RecordEvent("one");
  for (const int64_t id : {int64_t{-1}, int64_t{1'000'000}}) {
    EventStream stream(admin_.get(), id);
    EXPECT_THAT(stream.Read(1), testing::IsEmpty());
    EXPECT_THAT(stream.reader->Finish(), RpcStatusIs(grpc::INVALID_ARGUMENT, HasSubstr("after_id")));
  }
}

TEST_F(AdminWatchTest, FiftyIdleWatchesDoNotHoldUpACommand) {
  Start();
  Register("digits", "1.0", EchoModel());
  Register("digits", "1.1", EchoModel());
  std::vector<std::unique_ptr<EventStream>> streams;
  for (int i = 0; i < 50; ++i) streams.push_back(std::make_unique<EventStream>(admin_.get(), 0));
  ASSERT_THAT(Rollback(), RpcOk());
  for (const auto& stream : streams) {
    const std::vector<v1::Event> events = stream->Read(1);
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].action(), "rollback");
  }
}

TEST_F(AdminWatchTest, WatchesEndWhenTheirClientsGo) {
  Start();
  for (int i = 0; i < 50; ++i) {
    EventStream stream(admin_.get(), 0);
    if (i % 2 == 0) RecordEvent("in the middle");
    stream.context.TryCancel();
    stream.Read(2);
    EXPECT_THAT(stream.reader->Finish(), RpcStatusIs(grpc::CANCELLED, testing::_));
  }
  // That they ended at the daemon too shows when the server is shut down, which waits for them.
}

TEST_F(AdminWatchTest, AWatchThatDoesNotReadHoldsUpNobody) {
  Start();
  EventStream slow(admin_.get(), 0);
  EventStream quick(admin_.get(), 0);
  const std::string long_reason(10'000, 'x');
  for (int i = 0; i < 300; ++i) RecordEvent(long_reason);
  EXPECT_EQ(quick.Read(300).size(), 300u);
  EXPECT_EQ(slow.Read(300).size(), 300u);
}

}  // namespace
}  // namespace modeld
