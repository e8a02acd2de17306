#include "daemon/probe/probe_process.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/time/clock.h"
#include "daemon/codec/time_codec.h"
#include "daemon/codec/utf8.h"
#include "daemon/probe/child_process.h"
#include "daemon/probe/conclusion.h"
#include "daemon/probe/machine.h"
#include "daemon/probe/warm_up.h"
#include "registry/base/errno_status.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

constexpr size_t kMaxLastWords = 4 << 10;
constexpr int kStarvedFactor = 10;
// Of time to run, between two rests and where there are none. The kernel may leave the CPU to the process for
// a tick, 4 ms, though others are ready; the end of a slice takes it away.
constexpr absl::Duration kSlice = absl::Milliseconds(1);
constexpr absl::Duration kWholeSlice = absl::Milliseconds(10);
// How often a rest is looked at.
constexpr absl::Duration kRestStep = absl::Milliseconds(1);

// What a descriptor has now. False at its end.
template <typename Take>
bool Drain(int fd, Take take) {
  char buffer[16 << 10];
  while (true) {
    const ssize_t size = ::read(fd, buffer, sizeof(buffer));
    if (size > 0) {
      take(std::string_view(buffer, static_cast<size_t>(size)));
    } else if (size == 0) {
      return false;
    } else if (errno != EINTR) {
      return errno == EAGAIN;
    }
  }
}

bool IsSet(int event_fd) {
  pollfd event = {.fd = event_fd, .events = POLLIN, .revents = 0};
  return ::poll(&event, 1, 0) > 0;
}

// One probe's process, listened to.
class Conversation {
 public:
  Conversation(ChildProcess& child, int cancelled, const ProbeLimits& limits, Pacer& pacer)
      : child_(child), cancelled_(cancelled), limits_(limits), pacer_(pacer) {}

  // Until the process has said its last; then ends it. CANCELLED.
  absl::StatusOr<v1::ProbeReport> Listen() {
    const absl::Duration begin = SteadyTime();
    std::optional<ProbeEnd::How> given_up;
    while (!given_up && !is_over_) {
      const absl::Duration now = SteadyTime();
      given_up = TakesTooLong(now - begin);
      if (given_up) break;
      const bool paced = pacer_.IsServing(now);
      MODELD_ASSIGN_OR_RETURN(const bool cancelled, Wait(paced ? kSlice : kWholeSlice));
      if (cancelled) return absl::CancelledError("the probe was cancelled");
      if (!broken_.ok()) given_up = ProbeEnd::How::kNoReport;
      if (paced && !is_over_) Rest();
    }
    // Who ends the daemon may have ended the process too, and then that is no fault of the version.
    if (!given_up && IsSet(cancelled_)) return absl::CancelledError("the probe was cancelled");
    ProbeEnd end = child_.End();
    ReadOutput();
    if (given_up) end.how = *given_up;
    return Conclude(reports_.last(), end, last_words_, limits_);
  }

 private:
  // Time in which the process was kept from running does not count, up to a point.
  std::optional<ProbeEnd::How> TakesTooLong(absl::Duration elapsed) const {
    if (elapsed >= limits_.wall * kStarvedFactor) return ProbeEnd::How::kStarved;
    const absl::Duration taken = elapsed - rested_;
    if (taken < limits_.wall || taken - child_.Scheduled().delayed < limits_.wall) return std::nullopt;
    return ProbeEnd::How::kTooLong;
  }

  // For what comes next. True: cancelled.
  absl::StatusOr<bool> Wait(absl::Duration at_most) {
    pollfd fds[] = {{.fd = cancelled_, .events = POLLIN, .revents = 0},
                    {.fd = child_.report(), .events = POLLIN, .revents = 0},
                    {.fd = output_ended_ ? -1 : child_.output(), .events = POLLIN, .revents = 0}};
    const timespec timeout = absl::ToTimespec(at_most);
    if (::ppoll(fds, std::size(fds), &timeout, nullptr) < 0 && errno != EINTR) {
      return ErrnoStatus(errno, "ppoll");
    }
    if (fds[0].revents != 0) return true;
    ReadOutput();
    const bool more =
        Drain(child_.report(), [this](std::string_view bytes) { broken_ = reports_.Add(bytes); });
    is_over_ = !more || IsFinal(reports_.last());
    return false;
  }

  // Lets the process stand still for what it ran since the last time; not longer than until it is cancelled.
  void Rest() {
    const absl::Duration begin = SteadyTime();
    child_.Pause();
    const absl::Duration ran = child_.Scheduled().ran;
    const absl::Duration worked = ran - std::exchange(ran_, ran);
    absl::Duration rested;
    while (!pacer_.HasRested(rested, worked) && !IsSet(cancelled_)) {
      const timespec step = absl::ToTimespec(kRestStep);
      pollfd cancelled = {.fd = cancelled_, .events = POLLIN, .revents = 0};
      (void)::ppoll(&cancelled, 1, &step, nullptr);
      rested = SteadyTime() - begin;
    }
    child_.Continue();
    rested_ += rested;
  }

  void ReadOutput() {
    if (output_ended_) return;
    output_ended_ = !Drain(child_.output(), [this](std::string_view bytes) {
      last_words_.append(bytes);
      if (last_words_.size() > kMaxLastWords) last_words_.erase(0, last_words_.size() - kMaxLastWords);
    });
  }

  ChildProcess& child_;
  const int cancelled_;
  const ProbeLimits limits_;
  Pacer& pacer_;
  absl::Duration ran_;  // when it rested last
  absl::Duration rested_;
  ReportReader reports_;
  absl::Status broken_;
  std::string last_words_;
  bool output_ended_ = false, is_over_ = false;
};

}  // namespace

ProbeProcess::ProbeProcess(std::vector<std::string> command, Pacer::Serving serving)
    : command_(std::move(command)),
      pacer_(std::move(serving)),
      cancelled_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

ProbeProcess::~ProbeProcess() = default;

std::vector<std::string> ProbeProcess::OwnCommand(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"/proc/self/exe", "--probe-child"});
  return arguments;
}

absl::StatusOr<v1::ProbeReport> ProbeProcess::Run(ProbeRequest request) {
  if (!cancelled_.valid()) return absl::ResourceExhaustedError("cannot make an eventfd for the probe");
  if (IsSet(cancelled_.get())) return absl::CancelledError("the probe was cancelled");
  request.parent_process = ::getpid();
  const absl::Time probed_at = absl::Now();
  const absl::Duration begin = SteadyTime();
  MODELD_ASSIGN_OR_RETURN(const std::unique_ptr<ChildProcess> child,
                          ChildProcess::Start(command_, EncodeRequest(request)));
  MODELD_ASSIGN_OR_RETURN(v1::ProbeReport report,
                          Conversation(*child, cancelled_.get(), request.limits, pacer_).Listen());
  const Machine machine = ThisMachine();
  report.set_machine(machine.cpu_model);
  report.set_cpus(machine.cpus);
  report.set_wall_seconds(absl::ToDoubleSeconds(SteadyTime() - begin));
  ToWire(probed_at, report.mutable_probed_at());
  return report;
}

void ProbeProcess::Cancel() {
  const uint64_t one = 1;
  // Fails only where it is set to the brim, and then it is set.
  if (cancelled_.valid()) (void)!::write(cancelled_.get(), &one, sizeof(one));
}

}  // namespace modeld
