#include "daemon/server/service_manager.h"

#include <gmock/gmock.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <string>

#include "registry/base/unique_fd.h"
#include "tests/support/temp_dir.h"

namespace modeld {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

// Listens in systemd's place.
class ServiceManagerTest : public testing::Test {
 protected:
  void SetUp() override {
    socket_ = UniqueFd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const std::string path = dir_ / "notify";
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    ASSERT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  }
  ~ServiceManagerTest() override {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) ::unsetenv(name);
  }

  std::string Heard() {
    char buffer[256];
    const ssize_t size = ::recv(socket_.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
    return size < 0 ? "nothing" : std::string(buffer, static_cast<size_t>(size));
  }

  TempDir dir_;
  UniqueFd socket_;
};

TEST_F(ServiceManagerTest, TellsEveryState) {
  ServiceManager manager;
  manager.Starting();
  EXPECT_EQ(Heard(), "EXTEND_TIMEOUT_USEC=60000000");
  manager.Ready();
  EXPECT_EQ(Heard(), "READY=1");
  manager.Status("serving");
  EXPECT_EQ(Heard(), "STATUS=serving");
  manager.Reloading();
  EXPECT_THAT(Heard(), AllOf(StartsWith("RELOADING=1\n"), HasSubstr("MONOTONIC_USEC=")));
  manager.Ping();
  EXPECT_EQ(Heard(), "WATCHDOG=1");
  manager.Stopping();
  EXPECT_EQ(Heard(), "STOPPING=1");
}

TEST_F(ServiceManagerTest, PingIsDueAtHalfOfTheWatchdogsTime) {
  EXPECT_EQ(ServiceManager().ping_interval(), absl::InfiniteDuration());
  ::setenv("WATCHDOG_USEC", "30000000", 1);
  ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  EXPECT_EQ(ServiceManager().ping_interval(), absl::Seconds(15));
  ::setenv("WATCHDOG_PID", "1", 1);  // another process's
  EXPECT_EQ(ServiceManager().ping_interval(), absl::InfiniteDuration());
}

}  // namespace
}  // namespace modeld
