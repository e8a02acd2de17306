#include "daemon/server/serve.h"

#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "daemon/server/service_manager.h"
#include "registry/base/log.h"

namespace modeld {
namespace {

// How often the main thread looks whether loading is done; nothing can tell it so.
constexpr absl::Duration kStartingInterval = absl::Milliseconds(20);
// How often the service manager hears that the start goes on.
constexpr absl::Duration kStartingNotice = absl::Seconds(10);
// How often it looks whether the engine can go on: nothing tells it that, either.
constexpr absl::Duration kServingInterval = absl::Seconds(1);
// How long after the cancelling of requests a model may take to come back.
constexpr absl::Duration kLastResort = absl::Seconds(5);

// By the steady clock: setting the system's time must neither starve the watchdog nor draw out a stop.
absl::Duration Uptime() {
  static const auto start = std::chrono::steady_clock::now();
  return absl::FromChrono(std::chrono::steady_clock::now() - start);
}

bool IsStop(int signal) { return signal == SIGTERM || signal == SIGINT; }

// The main thread's loop. Pings the watchdog while it waits.
class Loop {
 public:
  Loop(std::unique_ptr<Server> server, Signals& signals) : server_(std::move(server)), signals_(signals) {}

  // Until a signal to stop, which is success, or until the engine cannot go on. Returns the exit status.
  int RunUntilStopped() {
    service_manager_.Status("loading models");
    bool serving = false;
    absl::Duration next_notice = absl::ZeroDuration();
    while (true) {
      if (!serving && Uptime() >= next_notice) {
        service_manager_.Starting();
        next_notice = Uptime() + kStartingNotice;
      }
      const absl::Duration ping = next_ping_;
      const int signal = Wait(serving ? kServingInterval : kStartingInterval);
      if (IsStop(signal)) return EXIT_SUCCESS;
      if (signal == SIGHUP) Rescan();
      if (!serving && server_->ready()) {
        serving = true;
        server_->AnnounceServing();
        service_manager_.Ready();
        service_manager_.Status("serving");
        LogInfo("ready");
      }
      if (const absl::Status health = server_->engine_health(); !health.ok()) {
        LogError("stopping with exit status 1, to be started again", {{"error", health.message()}});
        server_->RecordDeath(std::string(health.message()));
        return EXIT_FAILURE;
      }
      // With each ping, which says that all is well.
      if (!serving || next_ping_ != ping) server_->CheckLocks();
    }
  }

  // `status`: the exit status, where everything has to be ended without an end of its own.
  void Stop(absl::Duration grace, int status) {
    service_manager_.Stopping();
    LogInfo("stopping", {{"grace", absl::FormatDuration(grace)}});
    const absl::Time deadline = absl::Now() + grace;
    absl::Duration last_resort = Uptime() + grace + kLastResort;
    std::atomic<bool> stopped = false;
    std::thread stopper([&] {
      server_->Stop(deadline);
      stopped = true;
      signals_.Wake();
    });
    while (!stopped) {
      const int signal = Wait(std::max(last_resort - Uptime(), absl::ZeroDuration()));
      if (IsStop(signal)) {
        LogWarning("stopping at once; requests in flight are cancelled");
        server_->CancelRequests();
        last_resort = std::min(last_resort, Uptime() + kLastResort);
      }
      if (!stopped && Uptime() >= last_resort) {
        LogError("not everything comes to an end: a model, or a long copy; ending without it");
        server_->RecordStopped();
        std::_Exit(status);
      }
    }
    stopper.join();
    server_.reset();
    LogInfo("stopped");
  }

 private:
  // As Signals::Wait, but not for longer than until the next ping is due.
  int Wait(absl::Duration timeout) {
    const int signal = signals_.Wait(std::min(timeout, next_ping_ - Uptime()));
    if (Uptime() >= next_ping_) {
      service_manager_.Ping();
      next_ping_ = Uptime() + service_manager_.ping_interval();
    }
    return signal;
  }

  void Rescan() {
    LogInfo("rescanning", {{"signal", "SIGHUP"}});
    service_manager_.Reloading();
    server_->RequestRescan();
    service_manager_.Ready();
  }

  std::unique_ptr<Server> server_;
  Signals& signals_;
  ServiceManager service_manager_;
  absl::Duration next_ping_ = Uptime() + service_manager_.ping_interval();
};

}  // namespace

int Serve(std::unique_ptr<Server> server, Signals& signals, absl::Duration grace) {
  Loop loop(std::move(server), signals);
  const int status = loop.RunUntilStopped();
  loop.Stop(grace, status);
  return status;
}

}  // namespace modeld
