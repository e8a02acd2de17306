#include "registry/model_config.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "registry/base/closest_match.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/config_checker.h"
#include "registry/golden.h"
#include "registry/strict_json.h"
#include "registry/version_order.h"
#include "registry/vision_config.h"

namespace modeld {
namespace {

using Json = nlohmann::json;

// A level of metadata takes three levels of protobuf messages, of which readers take at most 100.
constexpr size_t kMaxJsonDepth = 24;
// As of a request's tensors; what LibTorch does with a shape takes a time that grows with its square.
constexpr int kMaxDimensions = 64;
constexpr int kMaxWarmUps = 64;
constexpr int64_t kMaxInstances = 4096;
constexpr int64_t kMaxThreads = 1024;
constexpr int64_t kMaxBatchSize = 65'536;
constexpr int64_t kMaxQueueDelayUs = 10'000'000;
constexpr int64_t kMaxWatchSeconds = 30 * 24 * 3600;
// It stands in every list of the models.
constexpr size_t kMaxDescriptionBytes = 16 << 10;
// Each is a warning, which stands in every list of the models.
constexpr int kMaxUnknownKeysNamed = 20;

const std::vector<std::string>& DtypeNames() {
  static const auto* const names = new std::vector<std::string>{
      "BOOL",   "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16",    "UINT32",
      "UINT64", "FP16", "BF16",  "FP32",  "FP64",  "BYTES", "COMPLEX64", "COMPLEX128"};
  return *names;
}

// What the dtype is called here that PyTorch or NumPy calls `dtype`; empty: it is none of theirs.
std::string FrameworkDtype(const std::string& dtype) {
  static constexpr std::pair<const char*, const char*> kNames[] = {
      {"float", "FP32"},    {"float32", "FP32"}, {"double", "FP64"}, {"float64", "FP64"},
      {"half", "FP16"},     {"float16", "FP16"}, {"short", "INT16"}, {"int", "INT32"},
      {"bfloat16", "BF16"}, {"long", "INT64"},   {"str", "BYTES"},   {"string", "BYTES"}};
  const std::string lower = absl::AsciiStrToLower(dtype);
  const std::string name = lower.substr(lower.rfind('.') + 1);  // torch.float32
  for (const auto& [theirs, ours] : kNames) {
    if (name == theirs) return ours;
  }
  return "";
}

absl::Status CheckDtype(const std::string& dtype, const std::string& path) {
  if (dtype.empty() || IsKnownDtype(dtype)) return absl::OkStatus();
  const std::string ours = FrameworkDtype(dtype);
  return FieldError(path, absl::StrCat("unknown dtype ", Quote(dtype),
                                       DidYouMean(ours.empty() ? dtype : ours, DtypeNames()),
                                       "; expected one of ", absl::StrJoin(DtypeNames(), ", ")));
}

absl::Status CheckShape(const google::protobuf::RepeatedField<int64_t>& shape, const std::string& path) {
  if (shape.size() > kMaxDimensions) {
    return FieldError(path, absl::StrCat(shape.size(), " dimensions; at most ", kMaxDimensions));
  }
  int64_t elements = 1;
  for (int i = 0; i < shape.size(); ++i) {
    if (shape[i] < -1) {
      return FieldError(ElementPath(path, i),
                        absl::StrCat("expected a size of at least 0, or -1 for any size, got ", shape[i]));
    }
    // Any size can be 1; no size can be less than nothing.
    const int64_t least = std::max<int64_t>(std::abs(shape[i]), 1);
    if (elements > std::numeric_limits<int64_t>::max() / least) {
      return FieldError(path, "the product of its sizes overflows 64 bits");
    }
    elements *= least;
  }
  return absl::OkStatus();
}

absl::Status CheckTensors(const google::protobuf::RepeatedPtrField<v1::TensorSpec>& tensors,
                          const std::string& section) {
  std::set<std::string> names;
  for (int i = 0; i < tensors.size(); ++i) {
    const v1::TensorSpec& tensor = tensors[i];
    const std::string path = ElementPath(section, i);
    if (tensor.name().empty())
      return FieldError(MemberPath(path, "name"), "missing; every tensor needs its name");
    if (!names.insert(tensor.name()).second) {
      return FieldError(MemberPath(path, "name"), absl::StrCat(Quote(tensor.name()), " is declared twice"));
    }
    MODELD_RETURN_IF_ERROR(CheckDtype(tensor.dtype(), MemberPath(path, "dtype")));
    MODELD_RETURN_IF_ERROR(CheckShape(tensor.shape(), MemberPath(path, "shape")));
  }
  return absl::OkStatus();
}

// OK if `value` is empty or one of `supported`.
absl::Status CheckChoice(const std::string& value, const std::vector<std::string>& supported,
                         const std::string& path) {
  if (value.empty() || std::find(supported.begin(), supported.end(), value) != supported.end()) {
    return absl::OkStatus();
  }
  const auto quoted = [](std::string* out, const std::string& choice) { out->append(Quote(choice)); };
  return FieldError(path, absl::StrCat(Quote(value), " is not supported by this build; expected ",
                                       absl::StrJoin(supported, " or ", quoted)));
}

// Whether this machine has it is for the engine to say.
absl::Status CheckDevice(const std::string& device) {
  if (device.empty() || device == "cpu" || device == "cuda") return absl::OkStatus();
  absl::string_view number = device;
  if (absl::ConsumePrefix(&number, "cuda:") && !number.empty() && number.size() <= 2 &&
      std::all_of(number.begin(), number.end(), absl::ascii_isdigit)) {
    return absl::OkStatus();
  }
  return FieldError("execution.device", absl::StrCat("expected \"cpu\" or, of the GPU that CUDA counts as N, "
                                                     "\"cuda:N\", got ",
                                                     Quote(device)));
}

absl::Status CheckRange(int64_t value, int64_t least, int64_t most, const std::string& path) {
  if (value >= least && value <= most) return absl::OkStatus();
  return FieldError(path, absl::StrCat("expected ", least, " to ", most, ", got ", value));
}

absl::Status CheckExecution(const v1::ExecutionConfig& execution) {
  MODELD_RETURN_IF_ERROR(
      CheckChoice(execution.engine(), {"auto", "libtorch", "openvino", "onnxruntime"}, "execution.engine"));
  MODELD_RETURN_IF_ERROR(
      CheckChoice(execution.objective(), {"latency", "throughput", "memory"}, "execution.objective"));
  MODELD_RETURN_IF_ERROR(CheckDevice(execution.device()));
  for (int i = 0; i < execution.precisions_size(); ++i) {
    MODELD_RETURN_IF_ERROR(
        CheckChoice(execution.precisions(i), {"fp32", "bf16"}, ElementPath("execution.precisions", i)));
  }
  MODELD_RETURN_IF_ERROR(CheckRange(execution.instances(), 0, kMaxInstances, "execution.instances"));
  return CheckRange(execution.threads_per_instance(), 0, kMaxThreads, "execution.threads_per_instance");
}

absl::Status CheckBatching(const v1::BatchingConfig& batching) {
  MODELD_RETURN_IF_ERROR(CheckRange(batching.max_batch_size(), 0, kMaxBatchSize, "batching.max_batch_size"));
  MODELD_RETURN_IF_ERROR(
      CheckRange(batching.max_queue_delay_us(), 0, kMaxQueueDelayUs, "batching.max_queue_delay_us"));
  if (batching.preferred_batch_sizes_size() > kMaxWarmUps) {
    return FieldError("batching.preferred_batch_sizes",
                      absl::StrCat(batching.preferred_batch_sizes_size(), " sizes; at most ", kMaxWarmUps));
  }
  for (int i = 0; i < batching.preferred_batch_sizes_size(); ++i) {
    MODELD_RETURN_IF_ERROR(CheckRange(batching.preferred_batch_sizes(i), 1,
                                      std::max(1, batching.max_batch_size()),
                                      ElementPath("batching.preferred_batch_sizes", i)));
  }
  if (batching.pad_to_preferred() && batching.preferred_batch_sizes().empty()) {
    return FieldError("batching.pad_to_preferred", "there are no preferred_batch_sizes to pad to; add some");
  }
  return absl::OkStatus();
}

absl::Status CheckGolden(const google::protobuf::RepeatedPtrField<std::string>& golden) {
  if (golden.size() > kMaxGoldenSamples) {
    return FieldError("golden", absl::StrCat(golden.size(), " samples; at most ", kMaxGoldenSamples));
  }
  std::set<std::string> names;
  for (int i = 0; i < golden.size(); ++i) {
    const std::string path = ElementPath("golden", i);
    if (golden[i].empty()) return FieldError(path, "expected the name of an entry, as \"golden/0\"");
    if (!names.insert(golden[i]).second) {
      return FieldError(path, absl::StrCat(Quote(golden[i]), " is named twice"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckAtLeast(double value, double least, const std::string& path) {
  if (value >= least) return absl::OkStatus();
  return FieldError(path, absl::StrCat("expected at least ", least, ", got ", value));
}

absl::Status CheckGuard(const v1::GuardConfig& guard) {
  MODELD_RETURN_IF_ERROR(CheckAtLeast(static_cast<double>(guard.watch_seconds()), 0, "guard.watch_seconds"));
  if (guard.watch_seconds() > kMaxWatchSeconds) {
    return FieldError("guard.watch_seconds",
                      absl::StrCat("expected at most ", kMaxWatchSeconds, ", got ", guard.watch_seconds()));
  }
  MODELD_RETURN_IF_ERROR(CheckAtLeast(guard.max_error_ratio(), 0, "guard.max_error_ratio"));
  if (guard.max_error_ratio() > 1) {
    return FieldError("guard.max_error_ratio",
                      absl::StrCat("expected a share of at most 1, got ", guard.max_error_ratio()));
  }
  if (guard.has_max_latency_ratio()) {
    MODELD_RETURN_IF_ERROR(CheckAtLeast(guard.max_latency_ratio(), 1, "guard.max_latency_ratio"));
  }
  if (guard.has_min_requests()) {
    MODELD_RETURN_IF_ERROR(CheckAtLeast(guard.min_requests(), 1, "guard.min_requests"));
  }
  return absl::OkStatus();
}

absl::Status CheckTolerance(const v1::Tolerance& tolerance) {
  MODELD_RETURN_IF_ERROR(CheckAtLeast(tolerance.rtol(), 0, "execution.tolerance.rtol"));
  return CheckAtLeast(tolerance.atol(), 0, "execution.tolerance.atol");
}

// The rule of a name or version, as an error of that field.
absl::Status CheckRule(const absl::Status& rule, const std::string& path) {
  if (rule.ok()) return absl::OkStatus();
  return FieldError(path, std::string(rule.message()));
}

// What types alone do not say.
absl::Status CheckValues(const v1::ModelConfig& config, const Json& root) {
  if (root.contains("name")) MODELD_RETURN_IF_ERROR(CheckRule(ValidateModelName(config.name()), "name"));
  if (root.contains("version"))
    MODELD_RETURN_IF_ERROR(CheckRule(ValidateVersion(config.version()), "version"));
  if (config.description().size() > kMaxDescriptionBytes) {
    return FieldError("description",
                      absl::StrCat(config.description().size(), " bytes; at most ", kMaxDescriptionBytes,
                                   ": keep longer texts as another extra file"));
  }
  MODELD_RETURN_IF_ERROR(CheckTensors(config.inputs(), "inputs"));
  MODELD_RETURN_IF_ERROR(CheckTensors(config.outputs(), "outputs"));
  MODELD_RETURN_IF_ERROR(CheckExecution(config.execution()));
  MODELD_RETURN_IF_ERROR(CheckBatching(config.batching()));
  MODELD_RETURN_IF_ERROR(CheckTolerance(config.execution().tolerance()));
  MODELD_RETURN_IF_ERROR(CheckGolden(config.golden()));
  MODELD_RETURN_IF_ERROR(CheckGuard(config.guard()));
  if (config.warmup().batch_sizes_size() > kMaxWarmUps) {
    return FieldError("warmup.batch_sizes",
                      absl::StrCat(config.warmup().batch_sizes_size(), " sizes; at most ", kMaxWarmUps));
  }
  for (int i = 0; i < config.warmup().batch_sizes_size(); ++i) {
    const int32_t size = config.warmup().batch_sizes(i);
    if (size >= 1) continue;
    return FieldError(ElementPath("warmup.batch_sizes", i), absl::StrCat("expected at least 1, got ", size));
  }
  return absl::OkStatus();
}

// REQUIRES: `json` passed the checks of types, so that this succeeds.
absl::StatusOr<v1::ModelConfig> ToMessage(const Json& json) {
  v1::ModelConfig config;
  const auto status = google::protobuf::util::JsonStringToMessage(json.dump(), &config);
  if (status.ok()) return config;
  return ConfigError(status.message().ToString());
}

}  // namespace

absl::StatusOr<ParsedConfig> ParseModelConfig(std::string_view json, const ConfigOptions& options) {
  const absl::StatusOr<StrictJson> parsed = ParseStrictJson(json, kMaxJsonDepth);
  if (!parsed.ok()) return ConfigError(std::string(parsed.status().message()));
  const Json& root = parsed->value;
  if (!root.is_object()) {
    return ConfigError(
        absl::StrCat("expected an object, as {\"version\": \"1.0\"}, got ", DescribeJson(root)));
  }

  ParsedConfig result;
  int unknown_keys = 0;
  Json known = Json::object();
  for (const auto& [key, value] : root.items()) {
    if (v1::ModelConfig::descriptor()->FindFieldByName(key) != nullptr) {
      known[key] = value;
      continue;
    }
    if (++unknown_keys > kMaxUnknownKeysNamed) continue;
    const absl::Status unknown = UnknownKey(MemberPath("", key), key, *v1::ModelConfig::descriptor());
    if (options.strict) return unknown;
    result.warnings.push_back(std::string(unknown.message()));
  }
  if (unknown_keys > kMaxUnknownKeysNamed) {
    result.warnings.push_back(
        absl::StrCat("config.json: and ", unknown_keys - kMaxUnknownKeysNamed, " more unknown keys"));
  }
  MODELD_RETURN_IF_ERROR(CheckTypes(known, *v1::ModelConfig::descriptor(), parsed->spellings));
  MODELD_ASSIGN_OR_RETURN(result.config, ToMessage(known));
  MODELD_RETURN_IF_ERROR(CheckValues(result.config, root));
  MODELD_RETURN_IF_ERROR(CompletePreprocess(result.config));
  MODELD_RETURN_IF_ERROR(CheckPostprocess(result.config));
  result.canonical_json = root.dump();
  return result;
}

bool IsKnownDtype(std::string_view dtype) {
  return std::find(DtypeNames().begin(), DtypeNames().end(), dtype) != DtypeNames().end();
}

std::string DeviceOf(const v1::ModelConfig& config) {
  const std::string& device = config.execution().device();
  return device == "cpu" ? "" : device == "cuda" ? "cuda:0" : device;
}

}  // namespace modeld
