// The whole daemon within one process, with a fake engine.
#include "daemon/server/server.h"

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "registry/base/log.h"
#include "tests/support/notification.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/zip_builder.h"

namespace modeld {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;
using testing::SizeIs;

// `forward()` returns "hello".
class HelloExecutable final : public Executable {
 public:
  HelloExecutable() : methods_(1) { methods_[0].name = "forward"; }
  const std::vector<Method>& methods() const override { return methods_; }
  absl::StatusOr<Value> Run(size_t, std::vector<Value>) override {
    if (gate != nullptr) gate->Wait();
    return Value{std::string("hello")};
  }

  inline static Notification* gate = nullptr;  // requests wait for it

 private:
  std::vector<Method> methods_;
};

class HelloEngine final : public Engine {
 public:
  std::vector<EngineLibrary> libraries() const override { return {{"hello", "1.0"}}; }
  std::vector<Plan> plans(ArtifactFormat) const override {
    return {{.engine = "hello", .variant = "", .precision = Precision::kAsSaved}};
  }
  absl::StatusOr<std::unique_ptr<Executable>> Load(const LoadRequest&) override {
    return std::make_unique<HelloExecutable>();
  }
  void PrepareThread(int) override {}
};

// A client that watches the server's health until the server ends that.
class HealthWatch {
 public:
  explicit HealthWatch(const std::string& address)
      : stub_(grpc::CreateChannel(address, grpc::InsecureChannelCredentials())),
        call_(stub_.PrepareCall(&context_, "/grpc.health.v1.Health/Watch", &events_)) {
    call_->StartCall(nullptr);
    EXPECT_TRUE(Next());
    const grpc::Slice nothing;  // the request, about the server
    call_->WriteLast(grpc::ByteBuffer(&nothing, 1), grpc::WriteOptions(), nullptr);
    EXPECT_TRUE(Next());
    grpc::ByteBuffer answer;
    call_->Read(&answer, nullptr);
    EXPECT_TRUE(Next());
  }
  ~HealthWatch() {
    context_.TryCancel();  // it has not read all answers
    grpc::Status status;
    call_->Finish(&status, nullptr);
    Next();
  }

 private:
  bool Next() {
    void* tag;
    bool ok = false;
    return events_.Next(&tag, &ok) && ok;
  }

  grpc::CompletionQueue events_;
  grpc::ClientContext context_;
  grpc::GenericStub stub_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
};

class ServerTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    ::umask(0077);
    SetLogLevel(LogLevel::kError);
    ConfigureGrpc();
  }

  ServerTest() {
    options_.drop_directory = dir_ / "models";
    options_.state_directory = dir_ / "state";
    options_.admin_socket = dir_ / "state/admin.sock";
    options_.listen = {"127.0.0.1:0"};
    options_.http_listen = "127.0.0.1:0";
    options_.settle_ms = 0;
    options_.instances = 2;
    options_.probe = false;  // it would start this program again, which is not modeld
    std::filesystem::create_directory(options_.drop_directory);
  }

  absl::StatusOr<std::unique_ptr<Server>> Start() { return Start(options_); }
  absl::StatusOr<std::unique_ptr<Server>> Start(const Options& options) {
    return Server::Start(options, std::make_unique<HelloEngine>(), "1.2.3");
  }

  v1::GetStatusResponse Status() {
    const auto admin = v1::AdminService::NewStub(
        grpc::CreateChannel("unix:" + options_.admin_socket, grpc::InsecureChannelCredentials()));
    v1::GetStatusResponse response;
    grpc::ClientContext context;
    const grpc::Status status = admin->GetStatus(&context, {}, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

  // What `digits` answers at `address`, or the error.
  std::string Predict(const std::string& address) {
    const auto stub =
        v1::ModelService::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
    v1::PredictRequest request;
    request.set_model("digits");
    v1::PredictResponse response;
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    const grpc::Status status = stub->Predict(&context, request, &response);
    return status.ok() ? response.outputs().at("output").string_value() : status.error_message();
  }

  void RescanAndWait() {
    const auto admin = v1::AdminService::NewStub(
        grpc::CreateChannel("unix:" + options_.admin_socket, grpc::InsecureChannelCredentials()));
    v1::RescanResponse response;
    grpc::ClientContext context;
    ASSERT_TRUE(admin->Rescan(&context, {}, &response).ok());
    while (Status().ready_versions() == 0) std::this_thread::yield();
  }

  TempDir dir_;
  Options options_;
};

TEST_F(ServerTest, DroppedFileIsServedOnBothListenersAndAgainAfterARestart) {
  {
    ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Server> server, Start());
    dir_.Write("models/digits.pt", TorchScriptArchive(R"({"version": "1.0"})"));
    RescanAndWait();
    const v1::GetStatusResponse status = Status();
    EXPECT_EQ(status.version(), "1.2.3");
    EXPECT_EQ(status.engines(0), "hello 1.0");
    EXPECT_EQ(Predict(status.addresses(0)), "hello");
    EXPECT_EQ(Predict("unix:" + options_.admin_socket), "hello");
    server->Stop(absl::Now() + absl::Seconds(30));
  }
  std::filesystem::remove_all(options_.drop_directory);
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Server> server, Start());
  while (!server->ready()) std::this_thread::yield();
  EXPECT_EQ(Predict(Status().addresses(0)), "hello");
}

TEST_F(ServerTest, MissingDropDirectoryIsToldNotFatal) {
  std::filesystem::remove(options_.drop_directory);
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Server> server, Start());
  while (Status().source_error().empty()) std::this_thread::yield();
  EXPECT_THAT(Status().source_error(), HasSubstr(options_.drop_directory));
  EXPECT_THAT(server->MetricsText(), HasSubstr("modeld_drop_directory_readable 0\n"));
}

TEST_F(ServerTest, MetricsSayWhatIsServedAndWhatBecameOfRequests) {
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Server> server, Start());
  EXPECT_THAT(server->MetricsText(), testing::AllOf(HasSubstr("modeld_build_info{version=\"1.2.3\"} 1\n"),
                                                    HasSubstr("modeld_models 0\n")));
  dir_.Write("models/digits.pt", TorchScriptArchive(R"({"version": "1.0"})"));
  RescanAndWait();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Predict(Status().addresses(0)), "hello");
  EXPECT_THAT(
      server->MetricsText(),
      testing::AllOf(HasSubstr("modeld_requests_total{model=\"digits\",version=\"1.0\",code=\"OK\"} 3\n"),
                     HasSubstr("modeld_version_live{model=\"digits\",version=\"1.0\"} 1\n"),
                     HasSubstr("modeld_swaps_total 1\n"), HasSubstr("modeld_drop_directory_readable 1\n"),
                     HasSubstr("modeld_ready 1\n")));
}

TEST_F(ServerTest, StateIsItsUsersOwn) {
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Server> server, Start());
  struct stat found;
  ASSERT_EQ(::stat(options_.state_directory.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0700u);
  ASSERT_EQ(::stat(options_.admin_socket.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600u);
}

TEST_F(ServerTest, StartAndStopAreRecorded) {
  ASSERT_OK_AND_ASSIGN(std::unique_ptr<Server> server, Start());
  server.reset();
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Registry> registry,
                       Registry::Open(options_.state_directory + "/registry.db"));
  ASSERT_OK_AND_ASSIGN(const std::vector<EventRecord> events, registry->ListEvents({}));
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_EQ(events[0].action, action::kStopped);
  EXPECT_EQ(events[1].action, action::kStarted);
  EXPECT_EQ(events[1].reason, "modeld 1.2.3, hello 1.0");
}

TEST_F(ServerTest, SecondDaemonOnTheSameStateIsRefusedWithTheFirstOnesProcessId) {
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Server> server, Start());
  EXPECT_THAT(Start(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                AllOf(HasSubstr(options_.state_directory), HasSubstr("is in use"),
                                      HasSubstr(std::to_string(::getpid())))));
  EXPECT_EQ(Status().version(), "1.2.3");
}

TEST_F(ServerTest, PortInUseIsNamed) {
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Server> server, Start());
  Options other = options_;
  other.state_directory = dir_ / "other";
  other.admin_socket = dir_ / "other/admin.sock";
  other.listen = {"127.0.0.1:0", Status().addresses(0)};
  EXPECT_THAT(Start(other),
              StatusIs(absl::StatusCode::kUnavailable,
                       AllOf(HasSubstr("cannot listen on " + other.listen[1]), HasSubstr("already in use"))));
}

TEST_F(ServerTest, AdminSocketOfARunningDaemonIsNotTakenOver) {
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Server> server, Start());
  Options other = options_;
  other.state_directory = dir_ / "other";
  EXPECT_THAT(Start(other), StatusIs(absl::StatusCode::kFailedPrecondition,
                                     AllOf(HasSubstr("another process listens"), HasSubstr("admin.sock"))));
  EXPECT_EQ(Status().version(), "1.2.3");
}

TEST_F(ServerTest, AdminSocketOfAKilledDaemonIsReplaced) {
  std::filesystem::create_directory(options_.state_directory);
  {
    const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    options_.admin_socket.copy(address.sun_path, sizeof(address.sun_path) - 1);
    ASSERT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  }
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Server> server, Start());
  EXPECT_EQ(Status().version(), "1.2.3");
}

TEST_F(ServerTest, FileInTheAdminSocketsPlaceIsLeftAlone) {
  dir_.Write("state/admin.sock", "precious");
  EXPECT_THAT(Start(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("is not a socket")));
  EXPECT_EQ(std::filesystem::file_size(options_.admin_socket), 8u);
}

TEST_F(ServerTest, AdminSocketInAMissingDirectoryIsAnError) {
  options_.admin_socket = dir_ / "nowhere/admin.sock";
  EXPECT_THAT(Start(), StatusIs(absl::StatusCode::kNotFound, HasSubstr("nowhere/admin.sock")));
}

TEST_F(ServerTest, DamagedRegistryIsRefusedAndLeftAsItIs) {
  const std::string path = dir_.Write("state/registry.db", std::string(8192, 'x'));
  EXPECT_THAT(Start(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("registry.db")));
  EXPECT_EQ(std::filesystem::file_size(path), 8192u);
}

TEST_F(ServerTest, IdleClientThatWatchesHealthDoesNotHoldUpTheStop) {
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Server> server, Start());
  const HealthWatch watch(Status().addresses(0));
  const absl::Time begin = absl::Now();
  server->Stop(begin + absl::Hours(1));
  EXPECT_LT(absl::Now() - begin, absl::Minutes(1));
}

TEST_F(ServerTest, IdleClientThatWatchesEventsDoesNotHoldUpTheStop) {
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Server> server, Start());
  const auto admin = v1::AdminService::NewStub(
      grpc::CreateChannel("unix:" + options_.admin_socket, grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  const auto stream = admin->WatchEvents(&context, {});
  stream->WaitForInitialMetadata();
  const absl::Time begin = absl::Now();
  server->Stop(begin + absl::Hours(1));
  EXPECT_LT(absl::Now() - begin, absl::Seconds(10));
  v1::WatchEventsResponse response;
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(ServerTest, TheActorIsTheUserWhateverTheRequestClaims) {
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Server> server, Start());
  dir_.Write("models/digits.pt", TorchScriptArchive(R"({"version": "1.0"})"));
  RescanAndWait();
  const auto admin = v1::AdminService::NewStub(
      grpc::CreateChannel("unix:" + options_.admin_socket, grpc::InsecureChannelCredentials()));
  v1::PinRequest request;
  request.set_model("digits");
  request.set_version("1.0");
  request.set_actor("somebody else");
  v1::PinResponse response;
  grpc::ClientContext context;
  ASSERT_TRUE(admin->Pin(&context, request, &response).ok());
  v1::ListEventsResponse events;
  grpc::ClientContext second;
  ASSERT_TRUE(admin->ListEvents(&second, {}, &events).ok());
  EXPECT_EQ(events.events(0).action(), "pin");
  const passwd* const user = ::getpwuid(::geteuid());
  ASSERT_NE(user, nullptr);
  EXPECT_EQ(events.events(0).actor(), std::string(user->pw_name) + ", as somebody else");
}

TEST_F(ServerTest, DestructionCancelsRequestsInFlightAtOnce) {
  ASSERT_OK_AND_ASSIGN(std::unique_ptr<Server> server, Start());
  dir_.Write("models/digits.pt", TorchScriptArchive(R"({"version": "1.0"})"));
  RescanAndWait();
  Notification gate;
  HelloExecutable::gate = &gate;  // not before: warming up runs the model too
  const std::string address = Status().addresses(0);
  std::string answer;
  std::thread client([&] { answer = Predict(address); });
  while (Status().requests_in_flight() == 0) std::this_thread::yield();
  std::thread stopper([&] { server.reset(); });
  client.join();  // while the model has not come back
  EXPECT_THAT(answer, AnyOf(HasSubstr("Cancelling"), HasSubstr("Socket closed")));
  gate.Notify();
  stopper.join();
  HelloExecutable::gate = nullptr;
}

}  // namespace
}  // namespace modeld
