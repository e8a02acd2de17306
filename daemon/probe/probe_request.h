// What a probe's process is told, and how it tells what it found: the two formats between the daemon and the
// child that it starts. Both are of the same build, so they may change with it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/probe/probe_limits.h"
#include "modeld/v1/probe.pb.h"
#include "registry/base/artifact_format.h"
#include "registry/golden.h"

namespace modeld {

struct ProbeRequest {
  std::string artifact_path;
  ArtifactFormat format = ArtifactFormat::kTorchScript;
  std::string unpacked = {};  // see LoadRequest: the child could not write it
  std::string config_json;
  std::string device = {};  // see LoadRequest: what the confinement leaves open depends on it
  // As FindGoldenSamples finds them: a path that is empty stands for the artifact.
  std::vector<GoldenFile> golden;
  ProbeLimits limits;
  bool try_plans = false;  // other plans than the artifact as it was saved
  // What such trials came to for another version of the same graph; empty: nothing is known.
  v1::ProbeReport known_plans = {};
  int most_threads = 1;        // see ProbeSubject
  int64_t parent_process = 0;  // the child ends when that does
};

std::string EncodeRequest(const ProbeRequest& request);
absl::StatusOr<ProbeRequest> DecodeRequest(std::string_view bytes);

// The child sends its report again and again, as it grows; the last one that arrived whole is what is known.
// Each is its length in four little-endian bytes, and the message.
std::string EncodeReport(const v1::ProbeReport& report);

// Takes the reports apart as their bytes come in. Not thread-safe.
class ReportReader {
 public:
  // DATA_LOSS, also ever after, for what is no sequence of reports.
  absl::Status Add(std::string_view bytes);
  // The last whole one; empty if there was none.
  const v1::ProbeReport& last() const { return last_; }

 private:
  std::string pending_;
  v1::ProbeReport last_;
  absl::Status broken_;
};

}  // namespace modeld
