#include "daemon/probe/probe_request.h"

#include <cstring>
#include <limits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

constexpr size_t kMaxReportBytes = 64 << 20;
constexpr size_t kLengthBytes = 4;

void PutString(std::string_view text, std::string* out) {
  const auto length = static_cast<uint32_t>(text.size());
  out->append(reinterpret_cast<const char*>(&length), kLengthBytes);
  out->append(text);
}

// The strings of a request one after the other.
class Strings {
 public:
  explicit Strings(std::string_view bytes) : rest_(bytes) {}

  absl::StatusOr<std::string> Next() {
    uint32_t length = 0;
    if (rest_.size() < kLengthBytes) return TooShort();
    std::memcpy(&length, rest_.data(), kLengthBytes);
    rest_.remove_prefix(kLengthBytes);
    if (rest_.size() < length) return TooShort();
    std::string text(rest_.substr(0, length));
    rest_.remove_prefix(length);
    return text;
  }
  absl::StatusOr<int64_t> NextNumber() {
    MODELD_ASSIGN_OR_RETURN(const std::string text, Next());
    int64_t number = 0;
    if (!absl::SimpleAtoi(text, &number)) return absl::DataLossError("the request is damaged");
    return number;
  }

 private:
  static absl::Status TooShort() { return absl::DataLossError("the request is too short"); }
  std::string_view rest_;
};

}  // namespace

std::string EncodeRequest(const ProbeRequest& request) {
  std::string bytes;
  PutString(request.artifact_path, &bytes);
  PutString(FormatName(request.format), &bytes);
  PutString(request.unpacked, &bytes);
  PutString(request.config_json, &bytes);
  PutString(request.device, &bytes);
  for (const int64_t number :
       {absl::ToInt64Milliseconds(request.limits.wall), absl::ToInt64Milliseconds(request.limits.cpu),
        request.limits.memory_bytes, static_cast<int64_t>(request.try_plans), request.parent_process,
        int64_t{request.most_threads}, static_cast<int64_t>(request.golden.size())}) {
    PutString(absl::StrCat(number), &bytes);
  }
  PutString(request.known_plans.SerializeAsString(), &bytes);
  for (const GoldenFile& sample : request.golden) {
    PutString(sample.name, &bytes);
    PutString(sample.path, &bytes);
  }
  return bytes;
}

absl::StatusOr<ProbeRequest> DecodeRequest(std::string_view bytes) {
  Strings strings(bytes);
  ProbeRequest request;
  MODELD_ASSIGN_OR_RETURN(request.artifact_path, strings.Next());
  MODELD_ASSIGN_OR_RETURN(const std::string format, strings.Next());
  const std::optional<ArtifactFormat> known_format = FormatFromName(format);
  if (!known_format) return absl::DataLossError("the request names no format");
  request.format = *known_format;
  MODELD_ASSIGN_OR_RETURN(request.unpacked, strings.Next());
  MODELD_ASSIGN_OR_RETURN(request.config_json, strings.Next());
  MODELD_ASSIGN_OR_RETURN(request.device, strings.Next());
  MODELD_ASSIGN_OR_RETURN(const int64_t wall_ms, strings.NextNumber());
  MODELD_ASSIGN_OR_RETURN(const int64_t cpu_ms, strings.NextNumber());
  MODELD_ASSIGN_OR_RETURN(request.limits.memory_bytes, strings.NextNumber());
  MODELD_ASSIGN_OR_RETURN(const int64_t try_plans, strings.NextNumber());
  MODELD_ASSIGN_OR_RETURN(request.parent_process, strings.NextNumber());
  MODELD_ASSIGN_OR_RETURN(const int64_t most_threads, strings.NextNumber());
  MODELD_ASSIGN_OR_RETURN(const int64_t samples, strings.NextNumber());
  MODELD_ASSIGN_OR_RETURN(const std::string known_plans, strings.Next());
  if (!request.known_plans.ParseFromString(known_plans)) {
    return absl::DataLossError("the request's known plans are no report");
  }
  request.limits.wall = absl::Milliseconds(wall_ms);
  request.limits.cpu = absl::Milliseconds(cpu_ms);
  request.try_plans = try_plans != 0;
  request.most_threads = static_cast<int>(most_threads);
  for (int64_t i = 0; i < samples; ++i) {
    GoldenFile sample;
    MODELD_ASSIGN_OR_RETURN(sample.name, strings.Next());
    MODELD_ASSIGN_OR_RETURN(sample.path, strings.Next());
    request.golden.push_back(std::move(sample));
  }
  return request;
}

std::string EncodeReport(const v1::ProbeReport& report) {
  std::string bytes;
  PutString(report.SerializeAsString(), &bytes);
  return bytes;
}

absl::Status ReportReader::Add(std::string_view bytes) {
  MODELD_RETURN_IF_ERROR(broken_);
  pending_.append(bytes);
  size_t begin = 0;
  while (pending_.size() - begin >= kLengthBytes) {
    uint32_t length = 0;
    std::memcpy(&length, pending_.data() + begin, kLengthBytes);
    if (length > kMaxReportBytes) {
      return broken_ = absl::DataLossError("what the process wrote is no report");
    }
    if (pending_.size() - begin - kLengthBytes < length) break;
    v1::ProbeReport report;
    if (!report.ParseFromArray(pending_.data() + begin + kLengthBytes, static_cast<int>(length))) {
      return broken_ = absl::DataLossError("what the process wrote is no report");
    }
    last_ = std::move(report);
    begin += kLengthBytes + length;
  }
  pending_.erase(0, begin);
  return absl::OkStatus();
}

}  // namespace modeld
