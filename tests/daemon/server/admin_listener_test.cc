#include "daemon/server/admin_listener.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/create_channel_posix.h>
#include <grpcpp/server_builder.h>
#include <pwd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "modeld/v1/admin_service.grpc.pb.h"
#include "registry/base/log.h"
#include "tests/support/notification.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace modeld {
namespace {

using testing::Each;
using testing::HasSubstr;
using testing::SizeIs;
using testing::StartsWith;

// Answers GetStatus with who asks: the version is the user, the drop directory gRPC's name of the peer.
class WhoService final : public v1::AdminService::Service {
 public:
  explicit WhoService(const PeerNames* names) : names_(names) {}

  grpc::Status GetStatus(grpc::ServerContext* context, const v1::GetStatusRequest*,
                         v1::GetStatusResponse* response) override {
    response->set_version(names_->NameOf(context->peer()).value_or("nobody"));
    response->set_drop_directory(context->peer());
    return grpc::Status::OK;
  }

  // Sends one message, waits for the gate, sends another.
  grpc::Status WatchEvents(grpc::ServerContext* context, const v1::WatchEventsRequest*,
                           grpc::ServerWriter<v1::WatchEventsResponse>* writer) override {
    v1::WatchEventsResponse response;
    response.mutable_event()->set_actor(names_->NameOf(context->peer()).value_or("nobody"));
    writer->Write(response);
    gate.Wait();
    writer->Write(response);
    return grpc::Status::OK;
  }

  Notification gate;

 private:
  const PeerNames* const names_;
};

class AdminListenerTest : public testing::Test {
 protected:
  AdminListenerTest() : path_(dir_ / "admin.sock") {
    SetLogLevel(LogLevel::kError);
    ::umask(0077);
  }
  ~AdminListenerTest() override { Stop(); }

  void Start() {
    ASSERT_OK_AND_ASSIGN(listener_, AdminListener::Bind(path_));
    service_ = std::make_unique<WhoService>(listener_.get());
    grpc::ServerBuilder builder;
    builder.RegisterService(service_.get());
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
    listener_->Serve(server_.get());
  }

  void Stop() {
    if (listener_ == nullptr) return;
    listener_->Stop();
    server_->Shutdown(std::chrono::system_clock::now() + std::chrono::minutes(5));
    server_.reset();
    listener_.reset();
  }

  std::unique_ptr<v1::AdminService::Stub> NewConnection() const {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // else channels to one address share it
    return v1::AdminService::NewStub(
        grpc::CreateCustomChannel("unix:" + path_, grpc::InsecureChannelCredentials(), arguments));
  }

  static v1::GetStatusResponse Ask(v1::AdminService::Stub& stub) {
    v1::GetStatusResponse response;
    grpc::ClientContext context;
    const grpc::Status status = stub.GetStatus(&context, {}, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

  // A connection on which nothing is ever said.
  UniqueFd ConnectSilently() const {
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    return fd;
  }

  static std::string Me() {
    const passwd* const entry = ::getpwuid(::geteuid());
    return entry == nullptr ? absl::StrCat("uid ", ::geteuid()) : entry->pw_name;
  }

  TempDir dir_;
  const std::string path_;
  std::unique_ptr<AdminListener> listener_;
  std::unique_ptr<WhoService> service_;
  std::unique_ptr<grpc::Server> server_;
};

TEST_F(AdminListenerTest, EachCallsUserIsKnown) {
  Start();
  const auto stub = NewConnection();
  EXPECT_EQ(Ask(*stub).version(), Me());
  EXPECT_EQ(Ask(*stub).version(), Me());
}

TEST_F(AdminListenerTest, AnotherUserIsTold) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  // Who may not open the socket cannot come; so the user changes with the socket already passed on.
  Start();
  ASSERT_EQ(::chmod(path_.c_str(), 0666), 0);
  ASSERT_EQ(::chmod(dir_.path().c_str(), 0711), 0);
  // A child's connection, with the child's credentials, that outlives it here: descriptors can be passed on.
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    // Only async-signal-safe calls: the parent has threads.
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
    char ok = 'y';
    if (::setresuid(54321, 54321, 54321) != 0) ok = 'u';
    if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) ok = 'c';
    iovec data = {&ok, 1};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message = {};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &fd, sizeof(fd));
    ::_exit(::sendmsg(pair[1], &message, 0) == 1 ? 0 : 1);
  }
  char ok = 0;
  iovec data = {&ok, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message = {};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  ASSERT_EQ(::recvmsg(pair[0], &message, 0), 1);
  int status = 0;
  ::waitpid(child, &status, 0);
  ::close(pair[0]);
  ::close(pair[1]);
  ASSERT_EQ(ok, 'y');
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
  ::fcntl(fd, F_SETFL, O_NONBLOCK);
  const auto stub = v1::AdminService::NewStub(grpc::CreateInsecureChannelFromFd("child", fd));
  EXPECT_EQ(Ask(*stub).version(), "uid 54321");
  EXPECT_EQ(Ask(*NewConnection()).version(), Me());
}

TEST_F(AdminListenerTest, OtherPeersAreUnknown) {
  Start();
  for (const std::string peer : {"", "unix:", "fd:", "fd:-1", "fd:999999", "ipv4:127.0.0.1:80", "inproc"}) {
    EXPECT_EQ(listener_->NameOf(peer), std::nullopt) << peer;
  }
}

TEST_F(AdminListenerTest, NumbersOfClosedConnectionsAreNotUsedAgainSoon) {
  Start();
  std::set<std::string> peers;
  for (int i = 0; i < 100; ++i) peers.insert(Ask(*NewConnection()).drop_directory());
  EXPECT_THAT(peers, SizeIs(100));
  EXPECT_THAT(peers, Each(StartsWith("fd:")));
}

TEST_F(AdminListenerTest, NumbersGoRoundWhereFewAreAllowed) {
  rlimit limit;
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit few = {.rlim_cur = 200, .rlim_max = limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  Start();
  std::set<std::string> peers;
  for (int i = 0; i < 300; ++i) {
    const v1::GetStatusResponse answer = Ask(*NewConnection());
    EXPECT_EQ(answer.version(), Me());
    peers.insert(answer.drop_directory());
  }
  EXPECT_GT(peers.size(), 90u);
  EXPECT_LE(peers.size(), 100u);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
}

TEST_F(AdminListenerTest, ManyConnectionsAtOnce) {
  Start();
  std::vector<std::unique_ptr<v1::AdminService::Stub>> stubs;
  std::set<std::string> peers;
  for (int i = 0; i < 200; ++i) stubs.push_back(NewConnection());
  for (const auto& stub : stubs) {
    const v1::GetStatusResponse answer = Ask(*stub);
    EXPECT_EQ(answer.version(), Me());
    peers.insert(answer.drop_directory());
  }
  EXPECT_THAT(peers, SizeIs(200));
}

TEST_F(AdminListenerTest, StreamsGoOnWhileOthersCall) {
  Start();
  const auto stub = NewConnection();
  grpc::ClientContext context;
  const auto stream = stub->WatchEvents(&context, {});
  v1::WatchEventsResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.event().actor(), Me());
  EXPECT_EQ(Ask(*NewConnection()).version(), Me());
  service_->gate.Notify();
  EXPECT_TRUE(stream->Read(&response));
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(AdminListenerTest, IdleAndSilentConnectionsDoNotHoldUpTheStop) {
  Start();
  const auto idle = NewConnection();
  Ask(*idle);
  const UniqueFd silent = ConnectSilently();
  Ask(*NewConnection());  // the silent one was accepted before
  const absl::Time begin = absl::Now();
  Stop();
  EXPECT_LT(absl::Now() - begin, absl::Seconds(10));  // gRPC would give a silent one 20
}

TEST_F(AdminListenerTest, ConnectionsAreRefusedAfterTheStopAndTheSocketIsGone) {
  Start();
  ASSERT_TRUE(std::filesystem::exists(path_));
  listener_->Stop();
  v1::GetStatusResponse response;
  grpc::ClientContext context;
  EXPECT_EQ(NewConnection()->GetStatus(&context, {}, &response).error_code(), grpc::UNAVAILABLE);
  Stop();
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(AdminListenerTest, ClientsThatHangUpAtOnceDoNoHarm) {
  Start();
  for (int i = 0; i < 100; ++i) ConnectSilently();
  EXPECT_EQ(Ask(*NewConnection()).version(), Me());
}

TEST_F(AdminListenerTest, APathThatNoSocketCanHaveIsRefused) {
  const std::string path = absl::StrCat(dir_.path(), "/", std::string(120, 'x'));
  EXPECT_THAT(AdminListener::Bind(path),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("at most 107")));
}

}  // namespace
}  // namespace modeld
