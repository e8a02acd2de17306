#include "daemon/probe/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/probe/sandbox.h"
#include "registry/base/errno_status.h"
#include "registry/base/mutex.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"

extern char** environ;  // NOLINT: POSIX declares it nowhere

namespace modeld {
namespace {

// Above those that the child is given, so that handing those over closes none of these first.
constexpr int kLowestFd = 10;

absl::StatusOr<UniqueFd> Raise(UniqueFd fd) {
  UniqueFd raised(::fcntl(fd.get(), F_DUPFD_CLOEXEC, kLowestFd));
  if (!raised.valid()) return ErrnoStatus(errno, "cannot duplicate a descriptor");
  return raised;
}

struct Pipe {
  UniqueFd read, write;
};

absl::StatusOr<Pipe> MakePipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) return ErrnoStatus(errno, "cannot make a pipe");
  Pipe pipe = {.read = UniqueFd(fds[0]), .write = UniqueFd(fds[1])};
  MODELD_ASSIGN_OR_RETURN(pipe.write, Raise(std::move(pipe.write)));
  if (::fcntl(pipe.read.get(), F_SETFL, O_NONBLOCK) != 0) return ErrnoStatus(errno, "cannot set up a pipe");
  return pipe;
}

absl::StatusOr<UniqueFd> FileOf(const std::string& content) {
  UniqueFd made(::memfd_create("probe-request", MFD_CLOEXEC));
  if (!made.valid()) return ErrnoStatus(errno, "cannot make a file in memory");
  MODELD_ASSIGN_OR_RETURN(UniqueFd fd, Raise(std::move(made)));
  for (size_t written = 0; written < content.size();) {
    const ssize_t size = ::write(fd.get(), content.data() + written, content.size() - written);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return ErrnoStatus(errno, "cannot write a file in memory");
    written += static_cast<size_t>(size);
  }
  if (::lseek(fd.get(), 0, SEEK_SET) != 0) return ErrnoStatus(errno, "cannot rewind a file in memory");
  return fd;
}

// What of the daemon's environment says nothing to a child, and would make it speak to systemd.
std::vector<char*> ChildEnvironment() {
  std::vector<char*> environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    bool is_services = false;
    for (const char* name : {"NOTIFY_SOCKET=", "WATCHDOG_", "LISTEN_", "JOURNAL_STREAM=", "INVOCATION_ID="}) {
      is_services |= absl::StartsWith(*variable, name);
    }
    if (!is_services) environment.push_back(*variable);
  }
  environment.push_back(nullptr);
  return environment;
}

// Owns what posix_spawn is told.
class Spawn {
 public:
  Spawn() {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
  }
  ~Spawn() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  Spawn(const Spawn&) = delete;
  Spawn& operator=(const Spawn&) = delete;

  // The process, or an error.
  absl::StatusOr<pid_t> Run(const std::vector<std::string>& arguments, int request, int report, int output) {
    int failed = ::posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    const std::pair<int, int> given[] = {{output, STDOUT_FILENO},
                                         {output, STDERR_FILENO},
                                         {request, kChildRequestFd},
                                         {report, kChildReportFd}};
    for (const auto& [from, to] : given) {
      if (failed == 0) failed = ::posix_spawn_file_actions_adddup2(&actions_, from, to);
    }
    if (failed == 0) failed = ::posix_spawn_file_actions_addclosefrom_np(&actions_, kChildReportFd + 1);
    sigset_t none, all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setpgroup(&attributes_, 0);
    ::posix_spawnattr_setflags(&attributes_,
                               POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    std::vector<char*> argv;
    argv.reserve(arguments.size() + 1);
    for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    std::vector<char*> environment = ChildEnvironment();
    pid_t process = 0;
    if (failed == 0) {
      failed = ::posix_spawn(&process, argv[0], &actions_, &attributes_, argv.data(), environment.data());
    }
    if (failed != 0) return ErrnoStatus(failed, absl::StrCat("cannot start ", Quote(arguments[0])));
    return process;
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

}  // namespace

// The thread that starts the process and stays.
class ChildProcess::Starter {
 public:
  Starter(const std::vector<std::string>& arguments, UniqueFd request, UniqueFd report, UniqueFd output)
      : thread_([this, &arguments, request = std::move(request), report = std::move(report),
                 output = std::move(output)]() mutable {
          // What cannot be applied here cannot be in the child either, which says so.
          (void)LowerPriority();
          Done(Spawn().Run(arguments, request.get(), report.get(), output.get()),
               {&request, &report, &output});
        }) {}
  ~Starter() {
    {
      MutexLock lock(&mutex_);
      ending_ = true;
      changed_.SignalAll();
    }
    thread_.join();
  }

  // Waits for it. `arguments` of the constructor are needed until then.
  absl::StatusOr<pid_t> process() {
    MutexLock lock(&mutex_);
    while (!started_) changed_.Wait(&mutex_);
    return process_;
  }

 private:
  void Done(absl::StatusOr<pid_t> process, std::initializer_list<UniqueFd*> given_away) {
    // The child's ends: the pipes end when the child does.
    for (UniqueFd* fd : given_away) fd->Reset();
    MutexLock lock(&mutex_);
    process_ = std::move(process);
    started_ = true;
    changed_.SignalAll();
    while (!ending_) changed_.Wait(&mutex_);
  }

  Mutex mutex_;
  CondVar changed_;
  bool started_ ABSL_GUARDED_BY(mutex_) = false;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  absl::StatusOr<pid_t> process_ ABSL_GUARDED_BY(mutex_) = 0;
  std::thread thread_;  // last: it uses the others
};

absl::StatusOr<std::unique_ptr<ChildProcess>> ChildProcess::Start(const std::vector<std::string>& arguments,
                                                                  const std::string& request) {
  MODELD_ASSIGN_OR_RETURN(UniqueFd file, FileOf(request));
  MODELD_ASSIGN_OR_RETURN(Pipe report, MakePipe());
  MODELD_ASSIGN_OR_RETURN(Pipe output, MakePipe());
  std::unique_ptr<Starter> starter;
  try {
    starter = std::make_unique<Starter>(arguments, std::move(file), std::move(report.write),
                                        std::move(output.write));
  } catch (const std::system_error& error) {
    return absl::ResourceExhaustedError(
        absl::StrCat("cannot start a thread for the probe: ", error.what(),
                     "; raise the limit of threads (TasksMax, ulimit -u) or stop other work"));
  }
  MODELD_ASSIGN_OR_RETURN(const pid_t process, starter->process());
  return std::unique_ptr<ChildProcess>(
      new ChildProcess(std::move(starter), process, std::move(report.read), std::move(output.read)));
}

ChildProcess::ChildProcess(std::unique_ptr<Starter> starter, pid_t process, UniqueFd report, UniqueFd output)
    : starter_(std::move(starter)),
      process_(process),
      report_(std::move(report)),
      output_(std::move(output)) {}

ChildProcess::~ChildProcess() {
  if (process_ != 0) End();
}

ChildProcess::Schedule ChildProcess::Scheduled() const {
  std::ifstream file(absl::StrCat("/proc/", process_, "/schedstat"));
  int64_t ran_ns = 0, waited_ns = 0;
  if (!(file >> ran_ns >> waited_ns)) return {};
  return {.ran = absl::Nanoseconds(ran_ns), .delayed = absl::Nanoseconds(waited_ns)};
}

void ChildProcess::Pause() { ::kill(-process_, SIGSTOP); }
void ChildProcess::Continue() { ::kill(-process_, SIGCONT); }

ProbeEnd ChildProcess::End() {
  // Not yet waited for, so the id is still its own. One that has ended keeps the status that it ended with.
  ::kill(-process_, SIGKILL);
  ::kill(process_, SIGKILL);
  int status = 0;
  while (::waitpid(process_, &status, 0) < 0 && errno == EINTR) {
  }
  process_ = 0;
  if (WIFSIGNALED(status)) return {.how = ProbeEnd::How::kKilled, .code = WTERMSIG(status)};
  return {.how = ProbeEnd::How::kExited, .code = WEXITSTATUS(status)};
}

}  // namespace modeld
