#include "daemon/http/socket_stream.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>

#include "registry/base/unique_fd.h"

namespace modeld {
namespace {

constexpr size_t kAll = 1 << 20;

class SocketStreamTest : public ::testing::Test {
 protected:
  SocketStreamTest() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    ours_ = UniqueFd(ends[0]);
    peer_ = UniqueFd(ends[1]);
  }
  void PeerSends(const std::string& bytes) {
    EXPECT_EQ(::write(peer_.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }
  static std::string Read(SocketStream& stream, size_t size) {
    std::string bytes(size, 0);
    const ssize_t taken = stream.read(bytes.data(), size);
    if (taken < 0) return "failed";
    bytes.resize(static_cast<size_t>(taken));
    return bytes;
  }

  UniqueFd ours_, peer_;
};

TEST_F(SocketStreamTest, BytesComeAsTheyWereSent) {
  SocketStream stream(ours_.get(), {});
  stream.BeginRequest(kAll);
  PeerSends("one two");
  EXPECT_EQ(Read(stream, 4), "one ");
  EXPECT_TRUE(stream.has_input());
  EXPECT_EQ(Read(stream, 100), "two");
  EXPECT_FALSE(stream.has_input());
}

TEST_F(SocketStreamTest, ALineThatDoesNotEndIsReadNoFurtherThanIsAllowed) {
  SocketStream stream(ours_.get(), {});
  stream.BeginRequest(10);
  PeerSends(std::string(100, 'a'));
  EXPECT_EQ(Read(stream, 7), "aaaaaaa");
  EXPECT_EQ(Read(stream, 7), "aaa");
  EXPECT_EQ(Read(stream, 7), "failed");
  stream.Allow(2);
  EXPECT_EQ(Read(stream, 7), "aa");
  EXPECT_EQ(Read(stream, 7), "failed");
}

TEST_F(SocketStreamTest, NothingIsReadBeforeARequestBegins) {
  SocketStream stream(ours_.get(), {});
  PeerSends("a");
  EXPECT_EQ(Read(stream, 1), "failed");
}

TEST_F(SocketStreamTest, APeerThatIsTooSlowIsNotWaitedFor) {
  SocketStream stream(ours_.get(), {.grace = absl::Seconds(-1), .bytes_per_s = 1});
  stream.BeginRequest(kAll);
  PeerSends("a");
  EXPECT_EQ(Read(stream, 1), "failed");
}

TEST_F(SocketStreamTest, WhatAPeerDoesNotTakeFails) {
  SocketStream stream(ours_.get(), {.grace = absl::Seconds(-10), .bytes_per_s = 1 << 30});
  EXPECT_EQ(stream.write("a", 1), 1);
  EXPECT_FALSE(stream.Flush());
  EXPECT_FALSE(stream.is_writable());
  EXPECT_EQ(stream.write("b", 1), -1);
}

TEST_F(SocketStreamTest, WhatIsWrittenIsSentByFlush) {
  SocketStream stream(ours_.get(), {});
  stream.write("one ", 4);
  stream.write("two", 3);
  std::array<char, 16> bytes;
  EXPECT_EQ(::recv(peer_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT), -1);
  EXPECT_TRUE(stream.Flush());
  EXPECT_EQ(::recv(peer_.get(), bytes.data(), bytes.size(), 0), 7);
}

}  // namespace
}  // namespace modeld
