#include "daemon/engine/onnxruntime/onnxruntime_engine.h"

#include <onnxruntime_cxx_api.h>
#include <onnxruntime_session_options_config_keys.h>
#include <stdlib.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/engine/onnxruntime/denormals.h"
#include "daemon/engine/onnxruntime/errors.h"
#include "daemon/engine/onnxruntime/mapped_file.h"
#include "daemon/engine/onnxruntime/onnxruntime_executable.h"
#include "registry/base/mutex.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

constexpr char kName[] = "onnxruntime";
constexpr char kCpu[] = "CPUExecutionProvider";
constexpr char kCuda[] = "CUDAExecutionProvider";
constexpr char kTensorRt[] = "TensorrtExecutionProvider";

// No file lies below it, by whatever path, so none can be read as a model's external data.
constexpr char kNoDirectory[] = "/dev/null";

// Throws what ONNX Runtime throws.
void AppendProvider(const std::string& provider, Ort::SessionOptions& options) {
  const OrtApi& api = Ort::GetApi();
  if (provider == kCpu) return;  // always there, as the last
  if (provider == kCuda) {
    OrtCUDAProviderOptionsV2* cuda = nullptr;
    Ort::ThrowOnError(api.CreateCUDAProviderOptions(&cuda));
    const std::unique_ptr<OrtCUDAProviderOptionsV2, decltype(api.ReleaseCUDAProviderOptions)> owner(
        cuda, api.ReleaseCUDAProviderOptions);
    options.AppendExecutionProvider_CUDA_V2(*cuda);
  } else if (provider == kTensorRt) {
    OrtTensorRTProviderOptionsV2* tensor_rt = nullptr;
    Ort::ThrowOnError(api.CreateTensorRTProviderOptions(&tensor_rt));
    const std::unique_ptr<OrtTensorRTProviderOptionsV2, decltype(api.ReleaseTensorRTProviderOptions)> owner(
        tensor_rt, api.ReleaseTensorRTProviderOptions);
    options.AppendExecutionProvider_TensorRT_V2(*tensor_rt);
  } else {
    options.AppendExecutionProvider(provider);
  }
}

absl::Status AppendProviders(const std::vector<std::string>& providers, Ort::SessionOptions& options) {
  for (const std::string& provider : providers) {
    try {
      AppendProvider(provider, options);
    } catch (...) {
      // It is the machine that is at fault, and no model.
      const absl::Status why = StatusFromOnnxruntime(absl::StatusCode::kFailedPrecondition);
      return absl::Status(why.code(), absl::StrCat("ONNX Runtime's ", provider,
                                                   " cannot be used: ", std::string(why.message())));
    }
  }
  return absl::OkStatus();
}

Ort::SessionOptions NewSessionOptions(int threads) {
  Ort::SessionOptions options;
  options.SetGraphOptimizationLevel(ORT_ENABLE_ALL);
  options.SetExecutionMode(ORT_SEQUENTIAL);
  options.SetIntraOpNumThreads(threads);
  options.SetInterOpNumThreads(1);
  // Threads that spin between runs take the CPUs that other versions could use.
  options.AddConfigEntry(kOrtSessionOptionsConfigAllowIntraOpSpinning, "0");
  options.AddConfigEntry(kOrtSessionOptionsConfigSetDenormalAsZero, "1");
  // The session's own allocator and the plans of memory that it keeps for every shape seen win no time over
  // tcmalloc, and hold for good what the largest runs took: docs/engines.md has the numbers.
  options.DisableCpuMemArena();
  options.DisableMemPattern();
  // Else the bytes could choose another format, which the registry has not looked into.
  options.AddConfigEntry(kOrtSessionOptionsConfigLoadModelFormat, "ONNX");
  options.AddConfigEntry(kOrtSessionOptionsModelExternalInitializersFileFolderPath, kNoDirectory);
  return options;
}

class OnnxruntimeEngine final : public Engine {
 public:
  explicit OnnxruntimeEngine(OnnxruntimeOptions options) : options_(std::move(options)) {}

  absl::Status CheckProviders() {
    try {
      const std::vector<std::string> available = Ort::GetAvailableProviders();
      bool only_cpu = true;
      for (const std::string& provider : options_.execution_providers) {
        only_cpu = only_cpu && provider == kCpu;
        if (std::find(available.begin(), available.end(), provider) != available.end()) continue;
        return absl::InvalidArgumentError(absl::StrCat("ONNX Runtime ", OrtGetApiBase()->GetVersionString(),
                                                       " has no execution provider ", Quote(provider),
                                                       "; it has: ", absl::StrJoin(available, ", ")));
      }
      if (only_cpu) return absl::OkStatus();
      const std::shared_ptr<Ort::Env> environment = Environment();  // providers log as soon as they begin
      Ort::SessionOptions tried;
      return AppendProviders(options_.execution_providers, tried);
    } catch (...) {
      return StatusFromOnnxruntime(absl::StatusCode::kFailedPrecondition);
    }
  }

  std::vector<EngineLibrary> libraries() const override {
    return {{kName, OrtGetApiBase()->GetVersionString()}};
  }

  std::vector<Plan> plans(ArtifactFormat format) const override {
    if (format != ArtifactFormat::kOnnx) return {};
    return {{.engine = kName, .variant = "", .precision = Precision::kAsSaved}};
  }

  absl::StatusOr<std::unique_ptr<Executable>> Load(const LoadRequest& request) override {
    if (!request.device.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("execution.device is ", request.device,
                       ", but where ONNX files run is for the daemon's option "
                       "--onnxruntime-providers; leave `device` out of the config"));
    }
    try {
      // From memory, not by its path: what lies beside the file is then nothing to the library. Mapped, not
      // read: the pages are the file's own.
      MODELD_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::Open(request.artifact_path));
      if (file.size() == 0) return absl::InvalidArgumentError("the file is empty");
      if (file.size() > std::numeric_limits<int>::max()) {
        return absl::InvalidArgumentError(absl::StrCat(
            "the file has ", file.size(), " bytes; an ONNX model of one file has at most 2 GiB"));
      }
      const std::shared_ptr<Ort::Env> environment = Environment();
      Ort::SessionOptions options = NewSessionOptions(std::max(request.threads_per_run, 1));
      MODELD_RETURN_IF_ERROR(AppendProviders(options_.execution_providers, options));
      return NewOnnxruntimeExecutable(environment,
                                      Ort::Session(*environment, file.data(), file.size(), options));
    } catch (...) {
      return StatusFromOnnxruntime(absl::StatusCode::kInvalidArgument);
    }
  }

  void PrepareThread(int) override { FlushDenormals(); }

 private:
  // Made when it is first needed: it looks through the machine's devices.
  std::shared_ptr<Ort::Env> Environment() {
    MutexLock lock(&mutex_);
    if (environment_ == nullptr) {
      // Errors come back as such; the log would repeat each that a request brings about.
      environment_ = std::make_shared<Ort::Env>(ORT_LOGGING_LEVEL_FATAL, "modeld");
      environment_->DisableTelemetryEvents();
    }
    return environment_;
  }

  const OnnxruntimeOptions options_;
  Mutex mutex_;
  std::shared_ptr<Ort::Env> environment_ ABSL_GUARDED_BY(mutex_);  // executables share it
};

}  // namespace

absl::StatusOr<std::unique_ptr<Engine>> NewOnnxruntimeEngine(OnnxruntimeOptions options) {
  // Since 1.29 the vendor's own builds for Linux write down what is loaded and run, with an identifier of the
  // machine, in the user's cache directory and send it to the vendor from a thread of their own. This is the
  // only switch that acts before that begins.
  ::setenv("ORT_DISABLE_TELEMETRY", "1", /*overwrite=*/1);
  if (OrtGetApiBase()->GetApi(ORT_API_VERSION) == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("ONNX Runtime ", OrtGetApiBase()->GetVersionString(), " is older than version 1.",
                     ORT_API_VERSION, ", with whose headers this was built; install that or a newer one"));
  }
  auto engine = std::make_unique<OnnxruntimeEngine>(std::move(options));
  MODELD_RETURN_IF_ERROR(engine->CheckProviders());
  return engine;
}

}  // namespace modeld
