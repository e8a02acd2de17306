#include "daemon/server/listen_address.h"

#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <string>

#include "registry/base/unique_fd.h"
#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(ListenAddressTest, HostsAndPortsAreValid) {
  for (const char* address : {"127.0.0.1:8500", "0.0.0.0:0", "localhost:65535", "[::1]:1", "[::]:8500",
                              "model-host.example.com:8500"}) {
    EXPECT_OK(ValidateListenAddress(address)) << address;
  }
}

struct Bad {
  const char* address;
  const char* message;
};

TEST(ListenAddressTest, EverythingElseIsInvalidWithTheExpectedForm) {
  for (const auto& [address, message] : {
           Bad{"", "has no port"},
           Bad{"8500", "has no port"},
           Bad{":8500", "has no host"},
           Bad{"[]:8500", "has no host"},
           Bad{"localhost:", "number from 0 to 65535"},
           Bad{"localhost:http", "number from 0 to 65535"},
           Bad{"localhost:65536", "number from 0 to 65535"},
           Bad{"localhost:-1", "number from 0 to 65535"},
           Bad{"localhost:99999999999999999999", "number from 0 to 65535"},
           Bad{"::1:8500", "without brackets"},
           Bad{"[::1:8500", "malformed host"},
           Bad{"http://localhost:8500", "malformed host"},
           Bad{"unix:/run/modeld.sock", "number from 0 to 65535"},
           Bad{"local host:8500", "malformed host"},
       }) {
    EXPECT_THAT(ValidateListenAddress(address),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr(message), HasSubstr("expected HOST:PORT"))))
        << address;
  }
}

TEST(ListenAddressTest, PortIsReplaced) {
  EXPECT_EQ(WithPort("127.0.0.1:0", 4321), "127.0.0.1:4321");
  EXPECT_EQ(WithPort("[::1]:0", 4321), "[::1]:4321");
}

TEST(ListenAddressTest, ReasonIsTheSystems) {
  EXPECT_THAT(WhyNotListening("192.0.2.1:8500"),  // a documentation address: nobody's
              StatusIs(absl::StatusCode::kUnavailable,
                       AllOf(HasSubstr("cannot listen on 192.0.2.1:8500: Cannot assign requested address"),
                             HasSubstr("--listen"))));
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in bound = {};
  bound.sin_family = AF_INET;
  bound.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(bound);
  ASSERT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&bound), size), 0);
  ASSERT_EQ(::listen(fd.get(), 1), 0);
  ASSERT_EQ(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&bound), &size), 0);
  EXPECT_THAT(WhyNotListening("127.0.0.1:" + std::to_string(ntohs(bound.sin_port))),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("Address already in use")));
}

}  // namespace
}  // namespace modeld
