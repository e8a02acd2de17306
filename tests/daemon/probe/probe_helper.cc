// A process for ProbeProcess to start: `probe_helper MODE` behaves as the mode says.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/probe/child_process.h"
#include "daemon/probe/probe_child.h"
#include "daemon/probe/probe_request.h"
#include "daemon/probe/sandbox.h"
#include "registry/base/file_system.h"
#include "tests/support/fake_engine.h"
#include "tests/support/values.h"

namespace modeld {
namespace {

void WriteRaw(const std::string& bytes) { (void)FileSystem::Real()->Write(kChildReportFd, bytes); }
void Send(const v1::ProbeReport& report) { WriteRaw(EncodeReport(report)); }

void Stage(const std::string& stage) {
  v1::ProbeReport report;
  report.set_stage(stage);
  report.set_load_seconds(1.5);
  Send(report);
}

void Pass(const std::vector<std::string>& warnings = {}) {
  v1::ProbeReport report;
  report.set_outcome(v1::PROBE_OUTCOME_PASSED);
  report.mutable_warnings()->Assign(warnings.begin(), warnings.end());
  Send(report);
}

ProbeRequest Request() {
  std::string bytes(1 << 16, '\0');
  bytes.resize(
      static_cast<size_t>(std::max<ssize_t>(::read(kChildRequestFd, bytes.data(), bytes.size()), 0)));
  return DecodeRequest(bytes).value();
}

// Sanitizers handle the signal, and end with a status of their own.
void Segfault() {
  ::signal(SIGSEGV, SIG_DFL);
  ::raise(SIGSEGV);
}

void Spin() {
  for (std::atomic<unsigned> i = 0;; ++i) {
  }
}

// "socket: Operation not permitted" for what is refused, "thread: ok" for what is not.
class Attempts {
 public:
  void Try(const std::string& name, const std::function<bool()>& attempt) {
    errno = 0;
    texts_.push_back(absl::StrCat(name, ": ", attempt() ? "ok" : std::strerror(errno)));
  }
  const std::vector<std::string>& texts() const { return texts_; }

 private:
  std::vector<std::string> texts_;
};

// `directory` holds a file `here`.
std::vector<std::string> TryEverything(const std::string& directory, pid_t parent) {
  Attempts attempts;
  const std::string here = directory + "/here", there = directory + "/there";
  attempts.Try("read", [&] { return ::open(here.c_str(), O_RDONLY) >= 0; });
  attempts.Try("write", [&] { return ::open(here.c_str(), O_WRONLY) >= 0; });
  attempts.Try("append", [&] { return ::open(here.c_str(), O_RDWR | O_APPEND) >= 0; });
  attempts.Try("create", [&] { return ::open(there.c_str(), O_CREAT | O_WRONLY, 0600) >= 0; });
  attempts.Try("truncate", [&] { return ::truncate(here.c_str(), 0) == 0; });
  attempts.Try("unlink", [&] { return ::unlink(here.c_str()) == 0; });
  attempts.Try("rename", [&] { return ::rename(here.c_str(), there.c_str()) == 0; });
  attempts.Try("mkdir", [&] { return ::mkdir(there.c_str(), 0700) == 0; });
  attempts.Try("symlink", [&] { return ::symlink("x", there.c_str()) == 0; });
  attempts.Try("chmod", [&] { return ::chmod(here.c_str(), 0777) == 0; });
  attempts.Try("socket", [&] { return ::socket(AF_INET, SOCK_STREAM, 0) >= 0; });
  attempts.Try("unix socket", [&] { return ::socket(AF_UNIX, SOCK_STREAM, 0) >= 0; });
  attempts.Try("listen", [&] {
    sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
    std::snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "modeld-test-%d",
                  ::getpid());  // abstract
    const int listening = ::socket(AF_UNIX, SOCK_SEQPACKET, 0);
    return listening >= 0 &&
           ::bind(listening, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 &&
           ::listen(listening, 1) == 0;
  });
  attempts.Try("bind to a file", [&] {
    sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
    std::snprintf(address.sun_path, sizeof(address.sun_path), "%s", there.c_str());
    return ::bind(::socket(AF_UNIX, SOCK_STREAM, 0), reinterpret_cast<const sockaddr*>(&address),
                  sizeof(address)) == 0;
  });
  attempts.Try("connect", [&] {
    const sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/nowhere"};
    return ::connect(0, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  });
  attempts.Try("name of a thread", [&] {
    return ::open(absl::StrCat("/proc/self/task/", ::gettid(), "/comm").c_str(), O_RDWR) >= 0;
  });
  attempts.Try("memory file", [&] {
    ::signal(SIGXFSZ, SIG_IGN);
    return ::ftruncate(::memfd_create("test", 0), 4096) == 0;
  });
  attempts.Try("io_uring", [&] { return ::syscall(__NR_io_uring_setup, 1, nullptr) >= 0; });
  attempts.Try("fork", [&] {
    const pid_t process = ::fork();
    if (process == 0) ::_exit(0);
    return process > 0;
  });
  attempts.Try("exec", [&] {
    const char* const arguments[] = {"/bin/true", nullptr};
    return ::execv("/bin/true", const_cast<char**>(arguments)) == 0;
  });
  attempts.Try("signal", [&] { return ::kill(parent, 0) == 0; });
  attempts.Try("signal by a pipe", [&] {
    int ends[2];
    return ::pipe(ends) == 0 && ::fcntl(ends[0], F_SETOWN, parent) == 0;
  });
  attempts.Try("CPUs of the parent", [&] {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(0, &cpus);
    return ::sched_setaffinity(parent, sizeof(cpus), &cpus) == 0;
  });
  attempts.Try("signal itself", [&] { return ::kill(::getpid(), 0) == 0; });
  attempts.Try("limits of the parent", [&] {
    const rlimit limit = {.rlim_cur = 0, .rlim_max = 0};
    return ::syscall(__NR_prlimit64, parent, RLIMIT_CORE, &limit, nullptr) == 0;
  });
  attempts.Try("thread", [&] {
    bool ran = false;
    std::thread([&] { ran = true; }).join();
    return ran;
  });
  attempts.Try("generated code", [&] {
    return ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
           MAP_FAILED;
  });
  return attempts.texts();
}

// `devices` are files of the directory that the request names.
void ReportConfinement(std::vector<std::string> devices) {
  const ProbeRequest request = Request();
  for (std::string& device : devices) device = absl::StrCat(request.artifact_path, "/", device);
  const std::vector<std::string> unconfined = Confine(request.limits, devices);
  v1::ProbeReport report;
  report.set_outcome(v1::PROBE_OUTCOME_PASSED);
  report.mutable_unconfined()->Assign(unconfined.begin(), unconfined.end());
  for (const std::string& text :
       TryEverything(request.artifact_path, static_cast<pid_t>(request.parent_process))) {
    report.add_warnings(text);
  }
  Send(report);
}

// Every test run may find descriptors open that it did not open itself; none of those may come here.
std::vector<std::string> Descriptors() {
  std::vector<std::string> names;
  for (int fd = 0; fd < 1024; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) names.push_back(absl::StrCat(fd));
  }
  return names;
}

std::vector<std::string> Surroundings() {
  sigset_t blocked;
  ::sigprocmask(SIG_SETMASK, nullptr, &blocked);
  struct sigaction action = {};
  ::sigaction(SIGPIPE, nullptr, &action);
  const bool own_group = ::getpgid(0) == ::getpid();
  return {absl::StrCat("descriptors ", absl::StrJoin(Descriptors(), " ")),
          absl::StrCat("SIGTERM ", ::sigismember(&blocked, SIGTERM) ? "blocked" : "free"),
          absl::StrCat("SIGPIPE ", action.sa_handler == SIG_DFL ? "default" : "changed"),
          absl::StrCat("policy ", ::sched_getscheduler(0) == SCHED_IDLE ? "idle" : "other"),
          absl::StrCat("nice ", ::getpriority(PRIO_PROCESS, 0)),
          absl::StrCat("group ", own_group ? "own" : "the parent's"),
          absl::StrCat("NOTIFY_SOCKET ", ::getenv("NOTIFY_SOCKET") == nullptr ? "unset" : "set")};
}

// The real child with a model that doubles x.
int RunChild() {
  FakeEngine engine;
  engine.methods = {FakeForward({FakeArgument("x")})};
  engine.run = [](const std::vector<Value>& arguments) -> absl::StatusOr<Value> {
    float x;
    std::memcpy(&x, arguments[0].get_if<Tensor>()->buffer.data, sizeof(x));
    return Value{FloatTensor({1}, {2 * x})};
  };
  return ProbeChild(engine);
}

int Main(const std::string& mode) {
  const std::map<std::string, std::function<void()>> modes = {
      {"passes", [] { Pass({Request().artifact_path}); }},
      {"tells-request",
       [] {
         const ProbeRequest request = Request();
         std::vector<std::string> texts = {request.try_plans ? "tries plans" : "tries no plans"};
         for (const v1::PlanResult& plan : request.known_plans.plans()) {
           texts.push_back(absl::StrCat("known: ", plan.name(), plan.chosen() ? ", chosen" : ""));
         }
         if (const std::string& of = request.known_plans.plans_of(); !of.empty()) {
           texts.push_back(absl::StrCat("plans of ", of));
         }
         Pass(texts);
       }},
      {"passes-and-crashes",
       [] {
         Pass();
         Segfault();
       }},
      {"passes-and-stays",
       [] {
         Pass();
         while (true) ::pause();
       }},
      {"crashes",
       [] {
         Stage("loading");
         std::fprintf(stderr, "the last words\n");
         Segfault();
       }},
      {"crashes-at-once", [] { Segfault(); }},
      {"hangs",
       [] {
         Stage("loading");
         while (true) ::pause();
       }},
      {"tells-and-hangs",
       [] {
         // Opening it waits for the test to listen.
         if (::open(Request().artifact_path.c_str(), O_WRONLY) < 0) ::_exit(9);
         while (true) ::pause();
       }},
      {"hangs-at-once",
       [] {
         while (true) ::pause();
       }},
      {"closes-its-pipe",
       [] {
         Stage("loading");
         ::close(kChildReportFd);
         while (true) ::pause();
       }},
      {"is-killed",
       [] {
         Stage("loading");
         ::raise(SIGKILL);
       }},
      {"throws-bad-alloc",
       [] {
         Stage("loading");
         throw std::bad_alloc();
       }},
      {"allocates",
       [] {
         const ProbeRequest request = Request();
         Stage("warming up");
         Confine(request.limits);
         while (true) std::memset(new char[1 << 20], 1, 1 << 20);
       }},
      {"spins",
       [] {
         const ProbeRequest request = Request();
         Stage("warming up");
         Confine(request.limits);
         Spin();
       }},
      {"writes-garbage",
       [] {
         Stage("loading");
         WriteRaw(std::string(100, '\xff'));
         while (true) ::pause();
       }},
      {"writes-half-a-report",
       [] {
         Stage("loading");
         v1::ProbeReport report;
         report.set_outcome(v1::PROBE_OUTCOME_PASSED);
         WriteRaw(EncodeReport(report).substr(0, 5));
       }},
      {"exits",
       [] {
         Stage("loading");
         ::_exit(7);
       }},
      {"exits-at-once",
       [] {
         std::fprintf(stderr, "error while loading shared libraries: libfoo.so\n");
         ::_exit(127);
       }},
      {"machine-fault",
       [] {
         Stage("loading");
         std::fprintf(stderr, "no such file\n");
         ::_exit(kProbeMachineFault);
       }},
      {"talks",
       [] {
         Stage("loading");
         for (int i = 0; i < 10'000; ++i) std::fprintf(stderr, "line %d\n", i);
         std::printf("printed\n");
         std::fflush(stdout);
         ::abort();
       }},
      {"surroundings", [] { Pass(Surroundings()); }},
      {"confined", [] { ReportConfinement({}); }},
      // As if `here` were a device's file.
      {"confined-with-device", [] { ReportConfinement({"here"}); }},
      {"orphan",
       [] {
         const bool alone = !DieWithParent(1);
         Pass({alone ? "the parent has gone" : "the parent is there"});
       }},
  };
  if (mode == "child") return RunChild();
  modes.at(mode)();
  return 0;
}

}  // namespace
}  // namespace modeld

int main(int argc, char** argv) { ::_exit(modeld::Main(argc > 1 ? argv[1] : "")); }
