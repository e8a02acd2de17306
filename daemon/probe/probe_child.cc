#include "daemon/probe/probe_child.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>
#include <utility>

#include "daemon/codec/utf8.h"
#include "daemon/probe/child_process.h"
#include "daemon/probe/conclusion.h"
#include "daemon/probe/probe_request.h"
#include "daemon/probe/process_memory.h"
#include "daemon/probe/run_probe.h"
#include "daemon/probe/sandbox.h"
#include "daemon/probe/warm_up.h"
#include "registry/archive_reader.h"
#include "registry/base/errno_status.h"
#include "registry/base/file_system.h"
#include "registry/base/status_macros.h"
#include "registry/golden.h"
#include "registry/model_config.h"

namespace modeld {
namespace {

absl::Status Send(const v1::ProbeReport& report) {
  const std::string bytes = EncodeReport(report);
  return FileSystem::Real()->Write(kChildReportFd, bytes);
}

absl::StatusOr<std::string> ReadAll(int fd) {
  std::string bytes;
  char buffer[16 << 10];
  while (true) {
    const ssize_t size = ::read(fd, buffer, sizeof(buffer));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return ErrnoStatus(errno, "cannot read the request");
    if (size == 0) return bytes;
    bytes.append(buffer, static_cast<size_t>(size));
  }
}

class ChildHost final : public ProbeHost {
 public:
  explicit ChildHost(std::vector<std::string> unconfined) : unconfined_(std::move(unconfined)) {}

  // Where nobody listens any more, the parent has gone, and soon so is this process.
  void Progress(const v1::ProbeReport& report) override {
    v1::ProbeReport sent = report;
    sent.mutable_unconfined()->Assign(unconfined_.begin(), unconfined_.end());
    Send(sent).IgnoreError();
  }
  int64_t ResidentBytes() override { return AnonymousBytes(); }
  int64_t PeakBytes() override { return PeakAnonymousBytes(); }
  // Of this thread, which does it all: the CPU time of a process with a limit on it is known to a tick only.
  absl::Duration Now() override { return ThreadCpuTime(); }
  absl::Duration WallNow() override { return SteadyTime(); }

 private:
  const std::vector<std::string> unconfined_;
};

absl::StatusOr<std::vector<GoldenSample>> ReadSamples(const ProbeRequest& request) {
  std::vector<GoldenSample> samples;
  for (const GoldenFile& file : request.golden) {
    MODELD_ASSIGN_OR_RETURN(const std::string bytes,
                            file.path.empty() ? ReadExtraFile(*FileSystem::Real(), request.artifact_path,
                                                              file.name, kMaxGoldenBytes)
                                              : ReadFile(*FileSystem::Real(), file.path, kMaxGoldenBytes));
    MODELD_ASSIGN_OR_RETURN(samples.emplace_back(), DecodeGoldenSample(file.name, bytes));
  }
  return samples;
}

// What the request is about. INVALID_ARGUMENT: the version is at fault.
absl::StatusOr<ProbeSubject> Subject(const ProbeRequest& request) {
  ProbeSubject subject;
  subject.artifact_path = request.artifact_path;
  subject.format = request.format;
  subject.unpacked = request.unpacked;
  MODELD_ASSIGN_OR_RETURN(ParsedConfig parsed, ParseModelConfig(request.config_json));
  subject.config = std::move(parsed.config);
  MODELD_ASSIGN_OR_RETURN(subject.samples, ReadSamples(request));
  subject.try_plans = request.try_plans;
  subject.known_plans = request.known_plans;
  subject.most_threads = request.most_threads;
  return subject;
}

absl::Status Run(Engine& engine) {
  v1::ProbeReport report;
  report.set_stage(kProbeStarting);
  MODELD_RETURN_IF_ERROR(Send(report));
  MODELD_ASSIGN_OR_RETURN(const std::string bytes, ReadAll(kChildRequestFd));
  MODELD_ASSIGN_OR_RETURN(const ProbeRequest request, DecodeRequest(bytes));
  ::close(kChildRequestFd);
  if (!DieWithParent(request.parent_process)) return absl::AbortedError("who started the probe has gone");
  ForgetPeak();
  ChildHost host(Confine(request.limits, DeviceFiles(request.device)));

  report.set_stage("reading its config and golden samples");
  host.Progress(report);
  const absl::StatusOr<ProbeSubject> subject = Subject(request);
  if (absl::IsInvalidArgument(subject.status())) {
    report.set_outcome(v1::PROBE_OUTCOME_CONTRADICTS_CONFIG);
    report.set_reason(ToUtf8(std::string(subject.status().message())));
  } else if (!subject.ok()) {
    return subject.status();
  } else {
    MODELD_ASSIGN_OR_RETURN(report, RunProbe(engine, *subject, host));
  }
  host.Progress(report);
  return absl::OkStatus();
}

}  // namespace

int ProbeChild(Engine& engine) {
  const absl::Status status = Run(engine);
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  return kProbeMachineFault;
}

}  // namespace modeld
