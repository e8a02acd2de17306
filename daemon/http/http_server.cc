#include "daemon/http/http_server.h"

#include <httplib.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <deque>
#include <set>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "daemon/http/binary_tensors.h"
#include "daemon/http/http_status.h"
#include "daemon/http/request_headers.h"
#include "daemon/http/socket_stream.h"
#include "daemon/http/tcp_listener.h"
#include "registry/base/log.h"
#include "registry/base/mutex.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

// Counts the bytes of bodies while it lives.
class CountedBytes {
 public:
  explicit CountedBytes(std::atomic<int64_t>* total) : total_(*total) {}
  ~CountedBytes() { total_ -= bytes_; }
  CountedBytes(const CountedBytes&) = delete;
  CountedBytes& operator=(const CountedBytes&) = delete;

  // Of all bodies, with these; fewer where it is negative.
  int64_t Add(int64_t bytes) {
    bytes_ += bytes;
    return total_ += bytes;
  }

 private:
  std::atomic<int64_t>& total_;
  int64_t bytes_ = 0;
};

// The connection that this thread serves.
thread_local SocketStream* served = nullptr;
// The bytes of its answer, until it is sent.
thread_local CountedBytes* answer_bytes = nullptr;
// The rest of its request was not read, so that no other can follow.
thread_local bool close_after = false;

bool PeerHasGone(int socket) {
  char byte;
  const ssize_t peeked = ::recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return peeked == 0 || (peeked < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

constexpr char kRequestId[] = "X-Request-Id", kTraceParent[] = "traceparent";
// What a header promises need not come: beyond this the body grows as it does.
constexpr uint64_t kReservedBytes = 4 << 20;
// The request line with all headers; and what stands between parts of a body: lengths of chunks, trailers.
constexpr size_t kHeadBytes = 64 << 10;
// An answer that is not counted: an error, or what is hardly more.
constexpr int64_t kAlwaysAnswered = 16 << 10;
// How long a peer that still sends is listened to after its last answer.
constexpr absl::Duration kLinger = absl::Seconds(1);
// Of connections that did not heed the end of a stop.
constexpr absl::Duration kLastGrace = absl::Seconds(1);

void SetTimeout(int socket, int option, absl::Duration timeout) {
  const timeval value = absl::ToTimeval(timeout);
  (void)::setsockopt(socket, SOL_SOCKET, option, &value, sizeof(value));
}

bool TakesBody(const std::string& method) {
  return method == "POST" || method == "PUT" || method == "PATCH" || method == "DELETE";
}

bool SaysThereIsABody(const httplib::Request& request) {
  return request.has_header("Transfer-Encoding") ||
         (request.has_header("Content-Length") && request.get_header_value("Content-Length") != "0");
}

bool ClosesAfter(const httplib::Request& request) {
  const std::string wanted = request.get_header_value("Connection");
  return wanted == "close" || (request.version == "HTTP/1.0" && wanted != "Keep-Alive");
}

bool IsMethod(const std::string& method) {
  for (const char* known :
       {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PRI"}) {
    if (method == known) return true;
  }
  return false;
}

absl::Status TooLong(int64_t max_message_bytes) {
  return absl::ResourceExhaustedError(absl::StrCat(
      "the request's body is larger than the ", max_message_bytes, " bytes that --max-message-bytes allows"));
}

// What cpp-httplib refuses by itself, as our errors.
absl::Status RefusalOf(int status, int64_t max_message_bytes) {
  switch (status) {
    case 413:
      return TooLong(max_message_bytes);
    case 414:
      return absl::InvalidArgumentError("the request's path is too long");
    case 416:
      return absl::InvalidArgumentError(
          "malformed header Range; leave it out: an answer is always given whole");
    case 429:
      return absl::ResourceExhaustedError(
          "the daemon is reading too many bytes of requests already; send it again, later, or raise "
          "--max-received-mib");
    case 404:
      return absl::NotFoundError("there is nothing there; /openapi.json says what there is");
    case 500:
      return absl::InternalError("the request could not be answered");
    default:
      return absl::InvalidArgumentError(
          "malformed HTTP request; expected a line METHOD PATH HTTP/1.1, then headers");
  }
}

// Why a body that is short enough could not be read.
absl::Status UnreadBody(const httplib::Request& request) {
  if (request.has_header("Content-Encoding")) {
    return absl::InvalidArgumentError(
        absl::StrCat("the body is not the ", Quote(request.get_header_value("Content-Encoding"), 40),
                     " that the header Content-Encoding names, or not of one piece, or ended early"));
  }
  if (request.has_header("Transfer-Encoding")) {
    return absl::InvalidArgumentError(
        "the body's chunks cannot be read; expected lengths in hexadecimal, and no trailers");
  }
  return absl::InvalidArgumentError("the body ended before its Content-Length, or came too slowly");
}

void Refuse(int status, const absl::Status& why, httplib::Response& response) {
  response.status = status;
  response.body = ErrorBody(why);
  response.set_header("Content-Type", "application/json");
}

}  // namespace

// Connections wait in `waiting_` until a thread takes them; a thread serves one until it closes.
class HttpServer::Connections final : public httplib::Server {
 public:
  Connections(const HttpServerOptions& options, HttpParts parts, TcpListener listener)
      : options_(options),
        handlers_(std::move(parts)),
        listener_(std::move(listener)),
        stop_event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        room_event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    set_payload_max_length(static_cast<size_t>(options.max_message_bytes));
    set_keep_alive_max_count(static_cast<size_t>(1) << 40);
    set_keep_alive_timeout(absl::ToInt64Seconds(options.idle_timeout));
    SetHandlers();
    acceptor_ = std::thread([this] { Accept(); });
  }
  ~Connections() override { Stop(absl::InfinitePast()); }

  int port() const { return listener_.port; }

  void BeginStop() {
    stopping_ = true;
    Signal(stop_event_);
  }

  void Stop(absl::Time deadline) {
    BeginStop();
    // Connections that came before are answered once; what is idle closes by itself.
    AwaitClosed(deadline, /*or_cancelled=*/true);
    Cancel();
    // What is cancelled reads no more; one that takes its answer slowly is cut off.
    AwaitClosed(absl::Now() + kLastGrace, /*or_cancelled=*/false);
    ShutDownAll(SHUT_RDWR);
    if (acceptor_.joinable()) acceptor_.join();
    std::vector<std::thread> threads;
    {
      MutexLock lock(&mutex_);
      closed_ = true;
      changed_.SignalAll();
      threads = std::move(threads_);
    }
    for (std::thread& thread : threads) thread.join();
  }

  void Cancel() {
    cancelled_ = true;
    if (stopping_) ShutDownAll(SHUT_RD);
  }

 private:
  static void Signal(const UniqueFd& event) {
    const uint64_t one = 1;
    (void)!::write(event.get(), &one, sizeof(one));
  }

  void ShutDownAll(int how) {
    MutexLock lock(&mutex_);
    for (const int socket : sockets_) ::shutdown(socket, how);
    shut_down_ = how;
    changed_.SignalAll();
  }

  // Until no connection is open.
  void AwaitClosed(absl::Time deadline, bool or_cancelled) {
    MutexLock lock(&mutex_);
    while (open_ > 0 && !(or_cancelled && cancelled_)) {
      const absl::Duration left = deadline - absl::Now();
      if (left <= absl::ZeroDuration()) return;
      changed_.WaitWithTimeout(&mutex_, std::min(left, absl::Seconds(1)));
    }
  }

  // Others wait for a thread in such numbers that new ones are left to the kernel.
  bool IsFull() {
    MutexLock lock(&mutex_);
    is_full_ = waiting_.size() >= static_cast<size_t>(options_.max_waiting);
    return is_full_;
  }

  void Accept() {
    std::vector<pollfd> polled = {{.fd = stop_event_.get(), .events = POLLIN, .revents = 0},
                                  {.fd = room_event_.get(), .events = POLLIN, .revents = 0}};
    const size_t events = polled.size();
    for (const UniqueFd& socket : listener_.sockets) {
      polled.push_back({.fd = socket.get(), .events = POLLIN, .revents = 0});
    }
    while (true) {
      const bool last = stopping_;
      for (const UniqueFd& listener : listener_.sockets) {
        while (last || !IsFull()) {
          UniqueFd socket(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
          if (!socket.valid()) {
            // Descriptors run out: the connection stays in the backlog.
            if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
              absl::SleepFor(absl::Milliseconds(10));
            break;
          }
          Serve(std::move(socket));
        }
      }
      // What stood in the backlog when the stop began has been taken.
      if (last) {
        listener_.sockets.clear();
        return;
      }
      (void)::poll(polled.data(), IsFull() ? events : polled.size(), 1000);
      FindThreadAgain();
      uint64_t signals;
      (void)!::read(room_event_.get(), &signals, sizeof(signals));
    }
  }

  void Serve(UniqueFd socket) {
    SetTimeout(socket.get(), SO_RCVTIMEO, options_.io_timeout);
    SetTimeout(socket.get(), SO_SNDTIMEO, options_.io_timeout);
    const int on = 1;
    (void)::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    MutexLock lock(&mutex_);
    ++open_;
    waiting_.push_back(std::move(socket));
    FindThread();
  }

  // For the connection that came last.
  void FindThread() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (idle_threads_ >= waiting_.size()) {
      changed_.SignalAll();
    } else if (static_cast<int>(threads_.size()) < options_.max_connections) {
      try {
        threads_.emplace_back([this] { RunThread(); });
      } catch (const std::exception& error) {
        crowded_ = true;
        LogWarning("no thread for another HTTP connection; it waits", {{"error", error.what()}});
      }
    } else {
      crowded_ = true;
    }
  }
  // One that found none, when it could not be started: the others may be idle, or gone.
  void FindThreadAgain() {
    MutexLock lock(&mutex_);
    if (waiting_.size() > idle_threads_) FindThread();
  }

  void RunThread() {
    while (true) {
      UniqueFd socket;
      {
        MutexLock lock(&mutex_);
        ++idle_threads_;
        while (waiting_.empty() && !closed_) changed_.Wait(&mutex_);
        --idle_threads_;
        if (waiting_.empty()) return;
        socket = std::move(waiting_.front());
        waiting_.pop_front();
        crowded_ = !waiting_.empty();
        sockets_.insert(socket.get());
        if (shut_down_ >= 0) ::shutdown(socket.get(), shut_down_);
        if (std::exchange(is_full_, false)) Signal(room_event_);
      }
      ServeConnection(socket.get());
      MutexLock lock(&mutex_);
      sockets_.erase(socket.get());
      socket.Reset();
      --open_;
      if (stopping_) changed_.SignalAll();
    }
  }

  void ServeConnection(int socket) {
    SocketStream stream(socket, options_.pace);
    served = &stream;
    close_after = false;
    try {
      while ((stream.has_input() || WaitForRequest(socket)) && ServeRequest(stream)) {
      }
    } catch (const std::exception& error) {
      LogWarning("an HTTP connection is closed", {{"error", error.what()}});
    }
    ::shutdown(socket, SHUT_WR);
    if (close_after) Linger(socket);
    served = nullptr;
  }

  // Of a connection that is closed with bytes unread the peer may not see the last answer.
  void Linger(int socket) const {
    std::array<char, 64 << 10> unread;
    const absl::Time until = absl::Now() + kLinger;
    for (int64_t left = 2 * options_.max_message_bytes; left > 0 && !stopping_ && absl::Now() < until;) {
      pollfd polled = {.fd = socket, .events = POLLIN, .revents = 0};
      if (::poll(&polled, 1, static_cast<int>(absl::ToInt64Milliseconds(kLinger))) <= 0) return;
      const ssize_t size = ::recv(socket, unread.data(), unread.size(), MSG_DONTWAIT);
      if (size <= 0) return;
      left -= size;
    }
  }

  // A body that is too long is read and thrown away, within reason: closed before, its sender may not see the
  // answer. Not of chunks, whose lengths are lines.
  size_t SkippedBytes(const httplib::Request& request) const {
    if (request.has_header("Transfer-Encoding")) return 0;
    return std::min<uint64_t>(request.get_header_value<uint64_t>("Content-Length"),
                              2 * options_.max_message_bytes);
  }

  // False: the connection is to be closed.
  bool ServeRequest(SocketStream& stream) {
    bool closed = false;
    close_after = true;  // a request that is not understood ends nowhere
    stream.BeginRequest(kHeadBytes);
    CountedBytes counted(&bodies_bytes_);
    answer_bytes = &counted;
    const bool answered =
        process_request(stream, /*close_connection=*/stopping_, closed, [&](httplib::Request& request) {
          close_after = !TakesBody(request.method) && SaysThereIsABody(request);
          stream.Allow(kHeadBytes + SkippedBytes(request));
          // cpp-httplib would cut them out of any answer, as often as they are asked for.
          request.ranges.clear();
          // It would compress at brotli's highest quality, hundreds of times as long as the model takes.
          request.headers.erase("Accept-Encoding");
        });
    return stream.Flush() && answered && !closed && !close_after && !stopping_;
  }

  // False: the connection is to be closed.
  bool WaitForRequest(int socket) const {
    const absl::Time until = absl::Now() + options_.idle_timeout;
    while (true) {
      pollfd polled[] = {{.fd = socket, .events = POLLIN, .revents = 0},
                         {.fd = stop_event_.get(), .events = POLLIN, .revents = 0}};
      const int ready = ::poll(polled, 2, 1000);
      if (ready < 0 && errno != EINTR) return false;
      if (ready > 0 && polled[0].revents != 0) return true;
      // An idle connection makes room for one that waits.
      if (stopping_ || crowded_ || absl::Now() >= until) return false;
    }
  }

  void SetHandlers() {
    const auto without_body = [this](const httplib::Request& request, httplib::Response& response) {
      Answer(request, {}, response);
    };
    const auto with_body = [this](const httplib::Request& request, httplib::Response& response,
                                  const httplib::ContentReader& reader) {
      std::string body;
      // Without either of them cpp-httplib would read until the peer closes.
      if (!request.has_header("Content-Length") && !request.has_header("Transfer-Encoding")) {
        return Answer(request, {}, response);
      }
      body.reserve(std::min<uint64_t>(request.get_header_value<uint64_t>("Content-Length"), kReservedBytes));
      bool too_long = false, too_many = false;
      CountedBytes counted(&bodies_bytes_);
      const auto take = [&](const char* data, size_t size) {
        served->Allow(kHeadBytes);
        // Counted here too: what comes in chunks, or compressed, has no length before.
        too_long = body.size() + size > static_cast<size_t>(options_.max_message_bytes);
        too_many = counted.Add(static_cast<int64_t>(size)) > options_.max_bodies_bytes;
        if (!too_long && !too_many) body.append(data, size);
        return !too_long && !too_many;
      };
      close_after = true;  // unless it is read to its end, also where memory runs out
      if (reader(take)) {
        close_after = false;
        return Answer(request, std::move(body), response);
      }
      if (too_many) response.status = 429;
      if (too_long) response.status = 413;
      if (response.status < 413) Refuse(400, UnreadBody(request), response);
    };
    Get(".*", without_body).Options(".*", without_body);
    Post(".*", with_body).Put(".*", with_body).Patch(".*", with_body).Delete(".*", with_body);
    const auto is_refused = [](const httplib::Request& request, httplib::Response& response) {
      const std::optional<HttpRefusal> refusal = RefusalOfHeaders(request.headers);
      if (!refusal) return false;
      Refuse(refusal->http_status, refusal->why, response);
      close_after = true;
      return true;
    };
    set_expect_100_continue_handler(
        [this, is_refused](const httplib::Request& request, httplib::Response& response) {
          if (is_refused(request, response)) return response.status;
          const auto length = request.get_header_value<uint64_t>("Content-Length");
          if (length <= static_cast<uint64_t>(options_.max_message_bytes)) return 100;
          Refuse(413, TooLong(options_.max_message_bytes), response);
          close_after = true;
          return response.status;
        });
    set_post_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
      response.headers.erase("Accept-Ranges");
      // A busy connection, too, makes room for one that waits.
      if (crowded_) close_after = true;
      if (!close_after && !stopping_ && !ClosesAfter(request)) return;
      response.headers.erase("Keep-Alive");
      response.headers.erase("Connection");
      response.set_header("Connection", "close");
    });
    set_pre_routing_handler([this, is_refused](const httplib::Request& request, httplib::Response& response) {
      if (is_refused(request, response)) return HandlerResponse::Handled;
      // Methods that cpp-httplib has no handlers for.
      const bool is_other =
          request.method == "TRACE" || request.method == "CONNECT" || request.method == "PRI";
      if (!is_other) return HandlerResponse::Unhandled;
      Answer(request, {}, response);
      return HandlerResponse::Handled;
    });
    set_error_handler([this](const httplib::Request& request, httplib::Response& response) {
      if (!response.body.empty()) return;
      absl::Status refusal = RefusalOf(response.status, options_.max_message_bytes);
      if (response.status == 400 && !request.method.empty() && !IsMethod(request.method)) {
        refusal = absl::UnimplementedError(
            absl::StrCat("the method ", Quote(request.method), " is for nothing here"));
        response.status = 405;
        response.set_header("Allow", "GET, HEAD, POST");
      }
      response.set_content(ErrorBody(refusal), "application/json");
    });
  }

  void Answer(const httplib::Request& request, std::string body, httplib::Response& response) {
    HttpRequest ours{
        .method = request.method,
        .path = request.path,
        .content_type = request.get_header_value("Content-Type"),
        .json_length = request.get_header_value(kJsonLengthHeader),
        .body = std::move(body),
        .trace = ValidTrace(request.get_header_value(kRequestId), request.get_header_value(kTraceParent)),
        .cancelled = [this, socket = served->socket()] { return cancelled_ || PeerHasGone(socket); }};
    HttpReply reply = handlers_.Handle(ours);
    const auto size = static_cast<int64_t>(reply.body.size());
    if (size > kAlwaysAnswered && answer_bytes->Add(size) > options_.max_bodies_bytes) {
      answer_bytes->Add(-size);
      reply =
          ReplyOf(absl::ResourceExhaustedError("the daemon holds too many bytes of requests and answers "
                                               "already; send it again, later, or raise --max-received-mib"));
    }
    response.status = reply.status;
    for (auto& [name, value] : reply.headers) response.set_header(name, value);
    response.body = std::move(reply.body);
    response.set_header("Content-Type", reply.content_type);
    if (!ours.trace.request_id.empty()) response.set_header(kRequestId, ours.trace.request_id);
    if (!ours.trace.traceparent.empty()) response.set_header(kTraceParent, ours.trace.traceparent);
  }

  const HttpServerOptions options_;
  const HttpHandlers handlers_;
  TcpListener listener_;
  const UniqueFd stop_event_;  // readable from when the stop began
  const UniqueFd room_event_;  // readable when a connection found a thread, and others may be taken again
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> cancelled_ = false;
  std::atomic<bool> crowded_ = false;  // connections wait for a thread
  std::atomic<int64_t> bodies_bytes_ =
      0;  // of requests that are read or run, and of answers until they are sent
  Mutex mutex_;
  CondVar changed_;
  std::deque<UniqueFd> waiting_ ABSL_GUARDED_BY(mutex_);
  std::set<int> sockets_ ABSL_GUARDED_BY(mutex_);  // being served
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mutex_);
  size_t idle_threads_ ABSL_GUARDED_BY(mutex_) = 0;
  int open_ ABSL_GUARDED_BY(mutex_) = 0;  // waiting or being served
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_full_ ABSL_GUARDED_BY(mutex_) = false;  // the acceptor waits for room
  int shut_down_ ABSL_GUARDED_BY(mutex_) =
      -1;  // what each connection was, as ::shutdown takes it; -1: nothing
  std::thread acceptor_;
};

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const HttpServerOptions& options,
                                                              HttpParts parts) {
  MODELD_ASSIGN_OR_RETURN(TcpListener listener, ListenOn(options.host, options.port));
  return std::unique_ptr<HttpServer>(
      new HttpServer(std::make_unique<Connections>(options, std::move(parts), std::move(listener))));
}

HttpServer::HttpServer(std::unique_ptr<Connections> connections) : connections_(std::move(connections)) {}
HttpServer::~HttpServer() = default;

int HttpServer::port() const { return connections_->port(); }
void HttpServer::BeginStop() { connections_->BeginStop(); }
void HttpServer::Stop(absl::Time deadline) { connections_->Stop(deadline); }
void HttpServer::Cancel() { connections_->Cancel(); }

}  // namespace modeld
