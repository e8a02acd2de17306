#include "daemon/probe/probe_process.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <thread>

#include "daemon/codec/value_codec.h"
#include "daemon/probe/sandbox.h"
#include "modeld/v1/value.pb.h"
#include "registry/base/mutex.h"
#include "registry/base/sanitized.h"
#include "registry/base/unique_fd.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/values.h"
#include "tests/support/zip_builder.h"

namespace modeld {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using Code = absl::StatusCode;

ProbeProcess Helper(const std::string& mode) { return ProbeProcess({MODELD_PROBE_HELPER, mode}); }

class ProbeProcessTest : public ::testing::Test {
 protected:
  absl::StatusOr<v1::ProbeReport> Run(const std::string& mode) { return Helper(mode).Run(request_); }
  v1::ProbeReport Report(const std::string& mode) {
    const absl::StatusOr<v1::ProbeReport> report = Run(mode);
    EXPECT_OK(report);
    return report.value_or(v1::ProbeReport());
  }
  // Every child was waited for.
  void TearDown() override {
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
  }

  const TempDir dir_;
  ProbeRequest request_{.artifact_path = "/a/model",
                        .config_json = "{}",
                        .golden = {},
                        .limits = {.wall = absl::Minutes(2), .cpu = absl::Minutes(1), .memory_bytes = 0},
                        .parent_process = 0};
};

TEST_F(ProbeProcessTest, AReportIsHandedOn) {
  const v1::ProbeReport report = Report("passes");
  EXPECT_EQ(report.outcome(), v1::PROBE_OUTCOME_PASSED);
  EXPECT_THAT(report.warnings(), ElementsAre("/a/model"));
  EXPECT_GT(report.wall_seconds(), 0);
  EXPECT_GT(report.probed_at().seconds(), 1'700'000'000);
}

TEST_F(ProbeProcessTest, WhatComesAfterTheReportChangesNothing) {
  EXPECT_EQ(Report("passes-and-crashes").outcome(), v1::PROBE_OUTCOME_PASSED);
  EXPECT_EQ(Report("passes-and-stays").outcome(), v1::PROBE_OUTCOME_PASSED);
}

TEST_F(ProbeProcessTest, ACrashIsToldWithWhatWasKnown) {
  const v1::ProbeReport report = Report("crashes");
  EXPECT_EQ(report.outcome(), v1::PROBE_OUTCOME_CRASHED);
  EXPECT_EQ(report.reason(), "killed by SIGSEGV while loading");
  EXPECT_EQ(report.stage(), "loading");
  EXPECT_EQ(report.load_seconds(), 1.5);
  EXPECT_THAT(report.last_words(), StartsWith("the last words\n"));
  EXPECT_THAT(report.hint(), HasSubstr("native code"));
}

TEST_F(ProbeProcessTest, AHangIsEndedWhenItsTimeIsOver) {
  request_.limits.wall = absl::Seconds(2);
  const v1::ProbeReport report = Report("hangs");
  EXPECT_EQ(report.outcome(), v1::PROBE_OUTCOME_TIMED_OUT);
  EXPECT_EQ(report.reason(), "took longer than 2s while loading");
}

TEST_F(ProbeProcessTest, CpuTimeIsLimited) {
  request_.limits.cpu = absl::Seconds(1);
  const v1::ProbeReport report = Report("spins");
  EXPECT_EQ(report.outcome(), v1::PROBE_OUTCOME_TIMED_OUT);
  EXPECT_EQ(report.reason(), "used more than 1s of CPU time while warming up");
}

TEST_F(ProbeProcessTest, BesideRequestsItRestsMostOfTheTime) {
  request_.limits.wall = absl::Seconds(1);
  request_.limits.cpu = absl::Minutes(1);
  uint64_t served = 0;
  ProbeProcess process({MODELD_PROBE_HELPER, "spins"},
                       {.served = [&] { return ++served; }, .is_full = nullptr});
  const absl::StatusOr<v1::ProbeReport> report = process.Run(request_);
  if (absl::IsUnavailable(report.status())) GTEST_SKIP() << report.status();  // it hardly ever ran
  ASSERT_OK(report);
  EXPECT_EQ(report->outcome(), v1::PROBE_OUTCOME_TIMED_OUT);
  // Its rests do not count against its time, and are much longer than that.
  EXPECT_GT(report->wall_seconds(), 2);
}

TEST_F(ProbeProcessTest, MemoryIsLimited) {
  if (kSanitized) GTEST_SKIP() << "the address space has no limit";
  request_.limits.memory_bytes = 16 << 20;
  const v1::ProbeReport report = Report("allocates");
  EXPECT_EQ(report.outcome(), v1::PROBE_OUTCOME_OUT_OF_MEMORY);
  EXPECT_EQ(report.reason(), "memory ran out while warming up");
}

TEST_F(ProbeProcessTest, MemoryThatRunsOutIsToldFromOtherEnds) {
  EXPECT_EQ(Report("is-killed").outcome(), v1::PROBE_OUTCOME_OUT_OF_MEMORY);
  EXPECT_EQ(Report("throws-bad-alloc").outcome(), v1::PROBE_OUTCOME_OUT_OF_MEMORY);
}

TEST_F(ProbeProcessTest, EndsWithoutAReportAreCrashes) {
  EXPECT_EQ(Report("exits").reason(), "ended with exit status 7 while loading");
  EXPECT_EQ(Report("writes-half-a-report").reason(), "ended with exit status 0 while loading");
  v1::ProbeReport report = Report("writes-garbage");
  EXPECT_EQ(report.outcome(), v1::PROBE_OUTCOME_CRASHED);
  EXPECT_EQ(report.reason(), "wrote what is no report while loading");
  report = Report("closes-its-pipe");
  EXPECT_NE(report.outcome(), v1::PROBE_OUTCOME_PASSED);
}

TEST_F(ProbeProcessTest, WhatFailsBeforeTheVersionIsLookedAtIsTheMachinesFault) {
  EXPECT_THAT(Run("exits-at-once"),
              StatusIs(Code::kInternal,
                       AllOf(HasSubstr("ended with exit status 127 before"), HasSubstr("libfoo.so"))));
  EXPECT_THAT(Run("crashes-at-once"), StatusIs(Code::kInternal, HasSubstr("was killed by SIGSEGV before")));
  EXPECT_THAT(Run("machine-fault"), StatusIs(Code::kUnavailable, "no such file"));
  request_.limits.wall = absl::Milliseconds(200);
  EXPECT_THAT(Run("hangs-at-once"), StatusIs(Code::kInternal, HasSubstr("took too long before")));
}

TEST_F(ProbeProcessTest, AProgramThatIsNotThereIsTheMachinesFault) {
  EXPECT_THAT(ProbeProcess({"/no/such/program"}).Run(request_),
              StatusIs(Code::kNotFound, HasSubstr("cannot start \"/no/such/program\"")));
}

TEST_F(ProbeProcessTest, TheEndOfWhatItWroteIsKept) {
  const v1::ProbeReport report = Report("talks");
  EXPECT_EQ(report.reason(), "killed by SIGABRT while loading");
  EXPECT_LE(report.last_words().size(), 4096u);
  EXPECT_THAT(report.last_words(), HasSubstr("line 9999\nprinted\n"));
}

TEST_F(ProbeProcessTest, NothingOfTheDaemonIsInherited) {
  // Without FD_CLOEXEC, as a library may leave them.
  const int inherited = ::open("/dev/null", O_RDONLY);
  ASSERT_GE(inherited, 0);
  ::setenv("NOTIFY_SOCKET", "/run/systemd/notify", 1);
  sigset_t block, before;
  ::sigemptyset(&block);
  ::sigaddset(&block, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &block, &before);
  const auto handler = ::signal(SIGPIPE, SIG_IGN);
  const v1::ProbeReport report = Report("surroundings");
  ::signal(SIGPIPE, handler);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::unsetenv("NOTIFY_SOCKET");
  ::close(inherited);
  EXPECT_THAT(report.warnings(), ElementsAre("descriptors 0 1 2 3 4", "SIGTERM free", "SIGPIPE default",
                                             "policy idle", "nice 19", "group own", "NOTIFY_SOCKET unset"));
}

TEST_F(ProbeProcessTest, CancelEndsTheProbeThatRuns) {
  request_.artifact_path = dir_ / "pipe";
  ASSERT_EQ(::mkfifo(request_.artifact_path.c_str(), 0600), 0);
  ProbeProcess process = Helper("tells-and-hangs");
  absl::StatusOr<v1::ProbeReport> report = absl::UnknownError("not run");
  std::thread running([&] { report = process.Run(request_); });
  // Opening it waits for the process to be there.
  const UniqueFd pipe(::open(request_.artifact_path.c_str(), O_RDONLY));
  process.Cancel();
  running.join();
  char byte;
  EXPECT_EQ(::read(pipe.get(), &byte, 1), 0);  // nobody has the other end any more
  EXPECT_THAT(report, StatusIs(Code::kCancelled, HasSubstr("cancelled")));
  EXPECT_THAT(process.Run(request_), StatusIs(Code::kCancelled, HasSubstr("cancelled")));
}

TEST_F(ProbeProcessTest, AnOrphanKnows) {
  EXPECT_THAT(Report("orphan").warnings(), ElementsAre("the parent has gone"));
}

TEST_F(ProbeProcessTest, TheConfinement) {
  dir_.Write("here", "content");
  request_.artifact_path = dir_.path();
  const v1::ProbeReport report = Report("confined");
  if (kSanitized) {
    EXPECT_THAT(report.unconfined(), ElementsAre(HasSubstr("address space")));
  } else {
    EXPECT_THAT(report.unconfined(), IsEmpty());
  }
  const std::vector<std::string> texts(report.warnings().begin(), report.warnings().end());
  for (const char* allowed : {"read", "signal itself", "thread", "generated code"}) {
    EXPECT_THAT(texts, Contains(std::string(allowed) + ": ok"));
  }
  for (const char* refused : {"write", "append", "create"}) {
    EXPECT_THAT(texts, Contains(std::string(refused) + ": Permission denied"));
  }
  for (const char* refused : {"truncate", "unlink", "rename", "mkdir", "symlink", "chmod", "socket",
                              "unix socket", "listen", "bind to a file", "connect", "fork", "exec", "signal",
                              "signal by a pipe", "CPUs of the parent", "limits of the parent"}) {
    EXPECT_THAT(texts, Contains(std::string(refused) + ": Operation not permitted"));
  }
  EXPECT_THAT(texts, Contains("io_uring: Function not implemented"));
  EXPECT_THAT(texts, Contains("name of a thread: Permission denied"));
  EXPECT_THAT(texts, Contains("memory file: File too large"));
  EXPECT_EQ(std::filesystem::file_size(dir_ / "here"), 7u);
}

// Which is Landlock's to do alone.
TEST_F(ProbeProcessTest, WithADeviceItsFilesCanBeWrittenAndNoOthers) {
  dir_.Write("here", "content");
  request_.artifact_path = dir_.path();
  const v1::ProbeReport report = Report("confined-with-device");
  if (report.unconfined_size() > 0) GTEST_SKIP() << report.unconfined(0);
  const std::vector<std::string> texts(report.warnings().begin(), report.warnings().end());
  for (const char* allowed : {"read", "write", "append"}) {
    EXPECT_THAT(texts, Contains(std::string(allowed) + ": ok"));
  }
  // Without these CUDA does not begin.
  for (const char* allowed : {"unix socket", "listen", "name of a thread", "memory file"}) {
    EXPECT_THAT(texts, Contains(std::string(allowed) + ": ok"));
  }
  for (const char* refused : {"create", "bind to a file"}) {
    EXPECT_THAT(texts, Contains(std::string(refused) + ": Permission denied"));
  }
  for (const char* refused : {"truncate", "unlink", "rename", "mkdir", "symlink", "chmod", "socket",
                              "connect", "fork", "exec", "signal"}) {
    EXPECT_THAT(texts, Contains(std::string(refused) + ": Operation not permitted"));
  }
}

TEST(DeviceFilesTest, OfTheCpuThereAreNone) { EXPECT_THAT(DeviceFiles(""), IsEmpty()); }

TEST(DeviceFilesTest, OfAGpuTheyAreThoseOfItsDriver) {
  for (const std::string& file : DeviceFiles("cuda:0")) EXPECT_THAT(file, StartsWith("/dev/nvidia"));
}

class ProbeChildTest : public ProbeProcessTest {
 protected:
  ProbeChildTest() {
    request_.config_json = R"({"version": "1", "inputs": [{"name": "x", "dtype": "FP32", "shape": [1]}]})";
  }
  static std::string Sample(float x, float y) {
    v1::GoldenSample sample;
    ToWire(Value{FloatTensor({1}, {x})}, &(*sample.mutable_inputs())["x"]);
    ToWire(Value{FloatTensor({1}, {y})}, &(*sample.mutable_outputs())["output"]);
    return sample.SerializeAsString();
  }
};

TEST_F(ProbeChildTest, TriesTheVersionConfined) {
  request_.artifact_path = dir_.Write("model", TorchScriptZip({{"golden/0", Sample(1, 2)}}).Build());
  request_.golden = {{.name = "golden/0", .path = ""},
                     {.name = "golden/1", .path = dir_.Write("sample", Sample(3, 6))}};
  const v1::ProbeReport report = Report("child");
  EXPECT_EQ(report.outcome(), v1::PROBE_OUTCOME_PASSED) << report.reason();
  ASSERT_EQ(report.golden_size(), 2);
  EXPECT_TRUE(report.golden(1).passed());
  ASSERT_EQ(report.latencies_size(), 1);
  EXPECT_GE(report.latencies(0).calls(), 6);
  EXPECT_EQ(report.engine(), "fake 1");
}

TEST_F(ProbeChildTest, WrongSamplesAndThoseThatAreNone) {
  request_.golden = {{.name = "golden/0", .path = dir_.Write("sample", Sample(3, 7))}};
  EXPECT_EQ(Report("child").outcome(), v1::PROBE_OUTCOME_WRONG_OUTPUT);
  dir_.Write("sample", "nonsense");
  const v1::ProbeReport report = Report("child");
  EXPECT_EQ(report.outcome(), v1::PROBE_OUTCOME_CONTRADICTS_CONFIG);
  EXPECT_THAT(report.reason(), HasSubstr("golden sample \"golden/0\": it is no serialized"));
}

TEST_F(ProbeChildTest, ASampleThatIsMissingIsTheMachinesFault) {
  request_.golden = {{.name = "golden/0", .path = dir_ / "missing"}};
  EXPECT_THAT(Run("child"), StatusIs(Code::kUnavailable, HasSubstr("missing")));
}

}  // namespace
}  // namespace modeld
