#include "daemon/engine/openvino/openvino_engine.h"

#include <stdlib.h>
#include <torch/script.h>
#include <unistd.h>

#include <cerrno>
#include <openvino/openvino.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/engine/libtorch/errors.h"
#include "daemon/engine/libtorch/methods.h"
#include "daemon/engine/libtorch/mutation.h"
#include "daemon/engine/openvino/compiled_model.h"
#include "daemon/engine/openvino/convert_graph.h"
#include "daemon/engine/openvino/eligibility.h"
#include "daemon/engine/openvino/onnx_model.h"
#include "daemon/engine/openvino/openvino_executable.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

constexpr char kEngine[] = "openvino";

// "2026.4.1" of "2026.4.1-22982-…".
std::string VersionOf(const ov::Version& version) {
  const std::string text = version.buildNumber;
  return text.substr(0, text.find('-'));
}

CompileOptions OptionsFor(const LoadRequest& request) {
  return {
      .precision = request.plan.precision,
      // With one caller on one thread it is compiled to something else, which would be tried and not served.
      .callers = request.callers,
      .threads_per_run = request.threads_per_run};
}

class OpenvinoEngine final : public Engine {
 public:
  OpenvinoEngine(Engine* libtorch, Engine* onnxruntime) : libtorch_(libtorch), onnxruntime_(onnxruntime) {}

  std::vector<EngineLibrary> libraries() const override {
    return {{kEngine, VersionOf(ov::get_openvino_version())}};
  }

  std::vector<Plan> plans(ArtifactFormat format) const override {
    if (ReferenceFor(format) == nullptr) return {};
    return {{.engine = kEngine, .variant = "", .precision = Precision::kAsSaved},
            {.engine = kEngine, .variant = "", .precision = Precision::kBf16}};
  }

  absl::StatusOr<std::unique_ptr<Executable>> Load(const LoadRequest& request) override {
    Engine* const engine = ReferenceFor(request.format);
    if (engine == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("not on OpenVINO: ", std::string(FormatName(request.format))));
    }
    if (!request.device.empty()) {
      return absl::InvalidArgumentError(absl::StrCat("not on OpenVINO: the device is ", request.device));
    }
    if (::access(request.artifact_path.c_str(), F_OK) != 0 && errno == ENOENT) {
      return absl::NotFoundError(absl::StrCat("no such file: ", request.artifact_path));
    }
    LoadRequest as_saved = request;
    as_saved.plan = {};
    const LoadFallback fallback = [engine, as_saved] { return engine->Load(as_saved); };
    try {
      return request.format == ArtifactFormat::kOnnx ? LoadOnnx(request, *engine, fallback)
                                                     : LoadTorchScript(request, fallback);
    } catch (...) {
      return StatusFromException(absl::StatusCode::kInvalidArgument);
    }
  }

  void PrepareThread(int intra_op_threads) override {
  }  // LibTorch's flushes denormals; the rest is compiled in

 private:
  // What runs an artifact of this format as it was saved; null: none.
  Engine* ReferenceFor(ArtifactFormat format) const {
    switch (format) {
      case ArtifactFormat::kTorchScript:
        return libtorch_;
      case ArtifactFormat::kOnnx:
        return onnxruntime_;
      default:
        return nullptr;
    }
  }

  // Both throw what the libraries throw.
  static absl::StatusOr<std::unique_ptr<Executable>> LoadTorchScript(const LoadRequest& request,
                                                                     const LoadFallback& fallback) {
    const c10::InferenceMode inference_mode;
    torch::jit::Module module = torch::jit::load(request.artifact_path, at::kCPU);
    module.eval();
    MODELD_ASSIGN_OR_RETURN(std::vector<Method> methods, MethodsOf(module));
    MODELD_ASSIGN_OR_RETURN(ForwardGraph forward,
                            MakeForwardGraph(std::move(module), methods.front(), request.inputs));
    MODELD_ASSIGN_OR_RETURN(std::vector<IndexLimit> limits, MakeEligible(forward));
    auto compiled = std::make_unique<CompiledModel>(ConvertGraph(forward), OptionsFor(request));
    forward.graph.reset();  // and with it LibTorch's copy of the weights
    return NewOpenvinoExecutable(std::move(methods), std::move(forward), std::move(limits),
                                 std::move(compiled), fallback);
  }

  static absl::StatusOr<std::vector<Method>> MethodsOf(const torch::jit::Module& module) {
    MODELD_ASSIGN_OR_RETURN(const std::vector<BoundMethod> bound, BindMethods(module));
    if (bound.front().signature.name != "forward") return absl::InvalidArgumentError("it has no forward");
    std::vector<Method> methods;
    std::vector<torch::jit::Method> others;  // than forward, which is looked at when it is frozen
    for (const BoundMethod& method : bound) {
      if (!methods.empty()) others.push_back(method.method);
      methods.push_back(method.signature);
    }
    if (!module.type()->getForwardHooks().empty() || !module.type()->getForwardPreHooks().empty()) {
      return absl::InvalidArgumentError("it has forward hooks");
    }
    if (FindAttributeWrites(others).any) {
      return absl::InvalidArgumentError("one of its methods beside forward writes the module's attributes");
    }
    return methods;
  }

  static absl::StatusOr<std::unique_ptr<Executable>> LoadOnnx(const LoadRequest& request, Engine& onnxruntime,
                                                              const LoadFallback& fallback) {
    LoadRequest as_saved = request;
    as_saved.plan = {};
    MODELD_ASSIGN_OR_RETURN(std::unique_ptr<Executable> reference, onnxruntime.Load(as_saved));
    std::vector<Method> methods = reference->methods();
    reference.reset();  // and its weights with it
    MODELD_ASSIGN_OR_RETURN(OnnxModel read, ReadOnnxModel(request.artifact_path, methods.front()));
    auto compiled = std::make_unique<CompiledModel>(std::move(read.model), OptionsFor(request));
    return NewOpenvinoExecutable(std::move(methods), std::move(read.forward), {}, std::move(compiled),
                                 fallback);
  }

  Engine* const libtorch_;
  Engine* const onnxruntime_;  // null: no ONNX
};

}  // namespace

std::unique_ptr<Engine> NewOpenvinoEngine(Engine* libtorch, Engine* onnxruntime) {
  // TBB loads the library that tells it of processors so that it has an allocator of its own, and that one is
  // then asked to free what the process's allocated: it aborts where that is another (tcmalloc). This keeps
  // TBB from it.
  ::setenv("TBB_ENABLE_SANITIZERS", "1", /*overwrite=*/0);
  return std::make_unique<OpenvinoEngine>(libtorch, onnxruntime);
}

}  // namespace modeld
