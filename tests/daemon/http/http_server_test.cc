#include "daemon/http/http_server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "registry/base/unique_fd.h"
#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

// A connection of a client that waits for answers.
class Peer {
 public:
  explicit Peer(int port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  }
  void Send(const std::string& bytes) {
    EXPECT_EQ(::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  // Until the server closes, or `end` has come.
  std::string Receive(const std::string& end = "\r\n\r\n") {
    std::string received;
    std::array<char, 4096> part;
    while (received.find(end) == std::string::npos) {
      const ssize_t size = ::recv(socket_.get(), part.data(), part.size(), 0);
      if (size <= 0) break;
      received.append(part.data(), static_cast<size_t>(size));
    }
    return received;
  }
  bool HasAnswer() {
    char byte;
    return ::recv(socket_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0;
  }
  std::string Ask(const std::string& bytes) {
    Send(bytes);
    return Receive();
  }

 private:
  UniqueFd socket_;
};

constexpr char kGet[] = "GET /metrics HTTP/1.1\r\n\r\n";

std::string Post(size_t body, const std::string& headers = "") {
  return absl::StrCat("POST /metrics HTTP/1.1\r\nContent-Length: ", body, "\r\n", headers, "\r\n");
}

class HttpServerTest : public testing::Test {
 protected:
  HttpServerTest() {
    options_.host = "127.0.0.1";
    options_.port = "0";
  }
  void Start() {
    // The one page that needs nothing else; a test may hold its answers back.
    auto server = HttpServer::Start(options_, {.metrics = [this] {
                                      if (entered_ != nullptr) {
                                        std::exchange(entered_, nullptr)->Notify();
                                        release_.WaitForNotification();
                                      }
                                      return text_;
                                    }});
    ASSERT_OK(server.status());
    server_ = *std::move(server);
  }
  Peer Connect() { return Peer(server_->port()); }

  HttpServerOptions options_;
  std::string text_ = "text";
  absl::Notification* entered_ = nullptr;
  absl::Notification release_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, BodiesBeyondWhatAllMayTakeAreRefusedAndTheFirstIsNot) {
  options_.max_bodies_bytes = 1000;
  Start();
  const auto send_most = [this] {
    auto peer = std::make_unique<Peer>(Connect());
    peer->Send(Post(900) + std::string(800, ' '));
    return peer;
  };
  auto first = send_most();
  // It is being read by another thread: as soon as it is, there is no room for this one. Where this one was
  // read before, there was none for the first.
  std::string answer;
  while (answer.find(" 429 ") == std::string::npos) {
    if (first->HasAnswer()) first = send_most();
    answer = Connect().Ask(Post(400) + std::string(400, ' '));
    ASSERT_THAT(answer, testing::AnyOf(HasSubstr(" 429 "), HasSubstr(" 405 ")));
  }
  EXPECT_THAT(answer, HasSubstr("Connection: close"));
  EXPECT_THAT(first->Ask(std::string(100, ' ')), HasSubstr(" 405 "));
  EXPECT_THAT(Connect().Ask(Post(400) + std::string(400, ' ')), HasSubstr(" 405 "));
}

TEST_F(HttpServerTest, AnswersThatWaitToBeReadAreCounted) {
  text_ = std::string(64 << 20, 'x');
  options_.max_bodies_bytes = 100 << 20;
  Start();
  Peer slow = Connect();
  EXPECT_THAT(slow.Ask(kGet), StartsWith("HTTP/1.1 200"));  // and the rest of it stands in the daemon
  EXPECT_THAT(Connect().Ask(kGet), StartsWith("HTTP/1.1 429"));
}

TEST_F(HttpServerTest, AnswersAreNotCompressed) {
  Start();
  Peer peer = Connect();
  peer.Send("GET /metrics HTTP/1.1\r\nAccept-Encoding: gzip, deflate, br\r\n\r\n");
  EXPECT_THAT(peer.Receive("text"), AllOf(HasSubstr("Content-Length: 4"), HasSubstr("\r\n\r\ntext")));
}

TEST_F(HttpServerTest, ConnectionsWithoutAThreadWaitUntilOneCloses) {
  options_.max_connections = 1;
  options_.max_waiting = 1;
  absl::Notification entered;
  entered_ = &entered;
  Start();
  const std::string request = "GET /metrics HTTP/1.1\r\nConnection: close\r\n\r\n";
  Peer busy = Connect();
  busy.Send(request);
  entered.WaitForNotification();
  std::vector<Peer> waiting;
  for (int i = 0; i < 5; ++i) {
    waiting.push_back(Connect());
    waiting.back().Send(request);
  }
  release_.Notify();
  EXPECT_THAT(busy.Receive(), StartsWith("HTTP/1.1 200"));
  for (Peer& peer : waiting) EXPECT_THAT(peer.Receive(), StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpServerTest, AnIdleConnectionMakesRoom) {
  options_.max_connections = 1;
  Start();
  Peer idle = Connect();
  idle.Send(kGet);
  EXPECT_THAT(idle.Receive("text"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(Connect().Ask(kGet), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(idle.Receive(), "");  // closed
}

TEST_F(HttpServerTest, AnAnswerAfterWhichItClosesSaysSo) {
  Start();
  for (const std::string& request :
       {std::string("GET /metrics HTTP/1.1\r\nContent-Length: abc\r\n\r\nGET /metrics HTTP/1.1\r\n\r\n"),
        std::string("GET /metrics HTTP/1.0\r\n\r\n"), std::string("GET /a b HTTP/1.1\r\n\r\n"),
        std::string("GET /metrics HTTP/1.1\r\nRange: bytes=zz\r\n\r\n")}) {
    const std::string answer = Connect().Ask(request + "");
    EXPECT_THAT(answer, AllOf(HasSubstr("Connection: close"), testing::Not(HasSubstr("Keep-Alive"))))
        << request;
  }
  EXPECT_THAT(Connect().Ask("HEAD /metrics HTTP/1.1\r\n\r\n"),
              AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("Keep-Alive"), testing::Not(HasSubstr("Ranges"))));
}

TEST_F(HttpServerTest, FaultsOfTheRequestLineAreNotOnesOfTheMethod) {
  Start();
  for (const char* line : {"GET /a b HTTP/1.1", "GET /a", "GET /a HTTP/2.0"}) {
    Peer peer = Connect();
    peer.Send(absl::StrCat(line, "\r\n\r\n"));
    EXPECT_THAT(peer.Receive("}"), AllOf(StartsWith("HTTP/1.1 400"), HasSubstr("METHOD PATH HTTP/1.1")))
        << line;
  }
  Peer peer = Connect();
  peer.Send("GOT /a HTTP/1.1\r\n\r\n");
  EXPECT_THAT(peer.Receive("}"), AllOf(StartsWith("HTTP/1.1 405"), HasSubstr("GOT")));
}

TEST_F(HttpServerTest, ABodyThatIsRefusedByItsHeadersIsNotAskedFor) {
  options_.max_message_bytes = 1000;
  Start();
  for (const auto& [headers, status] : std::vector<std::pair<std::string, std::string>>{
           {Post(1001, "Expect: 100-continue\r\n"), "HTTP/1.1 413"},
           {Post(5, "Expect: 100-continue\r\nContent-Encoding: zstd\r\n"), "HTTP/1.1 415"}}) {
    EXPECT_THAT(Connect().Ask(headers), StartsWith(status));
  }
  Peer peer = Connect();
  EXPECT_THAT(peer.Ask(Post(5, "Expect: 100-continue\r\n")), StartsWith("HTTP/1.1 100"));
}

TEST_F(HttpServerTest, TheSenderOfALongBodyThatIsNotReadSeesTheAnswer) {
  Start();
  const std::string body(4 << 20, 'x');
  Peer peer = Connect();
  peer.Send(Post(body.size(), "Content-Type: multipart/form-data\r\n") + body);
  EXPECT_THAT(peer.Receive("}"), AllOf(StartsWith("HTTP/1.1 415"), HasSubstr("whole body")));
}

TEST_F(HttpServerTest, BodiesThatCannotBeReadSayWhy) {
  Start();
  const auto answer = [&](const std::string& request) {
    Peer peer = Connect();
    peer.Send(request);
    return peer.Receive("}");
  };
  EXPECT_THAT(answer(Post(4, "Content-Encoding: gzip\r\n") + "abcd"), HasSubstr("not the \\\"gzip\\\""));
  EXPECT_THAT(answer("POST /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
              HasSubstr("chunks"));
}

}  // namespace
}  // namespace modeld
