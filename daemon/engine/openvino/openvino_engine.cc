#include "daemon/engine/openvino/openvino_engine.h"

#include <stdlib.h>
#include <torch/script.h>

#include <openvino/openvino.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/engine/libtorch/errors.h"
#include "daemon/engine/openvino/compiled_model.h"
#include "daemon/engine/openvino/convert_graph.h"
#include "daemon/engine/openvino/eligibility.h"
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

class OpenvinoEngine final : public Engine {
 public:
  explicit OpenvinoEngine(Engine* libtorch) : libtorch_(libtorch) {}

  std::vector<EngineLibrary> libraries() const override {
    return {{kEngine, VersionOf(ov::get_openvino_version())}};
  }

  std::vector<Plan> plans(ArtifactFormat format) const override {
    if (format != ArtifactFormat::kTorchScript) return {};
    return {{.engine = kEngine, .variant = "", .precision = Precision::kAsSaved},
            {.engine = kEngine, .variant = "", .precision = Precision::kBf16}};
  }

  absl::StatusOr<std::unique_ptr<Executable>> Load(const LoadRequest& request) override {
    LoadRequest as_saved = request;
    as_saved.plan = {};
    MODELD_ASSIGN_OR_RETURN(const std::unique_ptr<Executable> reference, libtorch_->Load(as_saved));
    const std::vector<Method> methods = reference->methods();
    // Of forward this may be so in training mode only (batch normalization), of which freezing leaves
    // nothing.
    if (reference->stateful() && methods.size() > 1) {
      return absl::InvalidArgumentError("the module writes its attributes while it runs");
    }
    if (methods.front().name != "forward") return absl::InvalidArgumentError("it has no forward");
    try {
      const c10::InferenceMode inference_mode;
      torch::jit::Module module = torch::jit::load(request.artifact_path, at::kCPU);
      module.eval();
      MODELD_ASSIGN_OR_RETURN(ForwardGraph forward,
                              MakeForwardGraph(std::move(module), methods.front(), request.inputs));
      MODELD_ASSIGN_OR_RETURN(std::vector<IndexLimit> limits, MakeEligible(forward));
      auto compiled = std::make_unique<CompiledModel>(
          ConvertGraph(forward), CompileOptions{.precision = request.plan.precision,
                                                .callers = request.callers,
                                                .threads_per_run = request.threads_per_run});
      forward.graph.reset();  // and with it LibTorch's copy of the weights
      return NewOpenvinoExecutable(methods, std::move(forward), std::move(limits), std::move(compiled),
                                   [libtorch = libtorch_, as_saved] { return libtorch->Load(as_saved); });
    } catch (...) {
      return StatusFromException(absl::StatusCode::kInvalidArgument);
    }
  }

  void PrepareThread(int intra_op_threads) override {
  }  // LibTorch's flushes denormals; the rest is compiled in

 private:
  Engine* const libtorch_;
};

}  // namespace

std::unique_ptr<Engine> NewOpenvinoEngine(Engine* libtorch) {
  // TBB loads the library that tells it of processors so that it has an allocator of its own, and that one is
  // then asked to free what the process's allocated: it aborts where that is another (tcmalloc). This keeps
  // TBB from it.
  ::setenv("TBB_ENABLE_SANITIZERS", "1", /*overwrite=*/0);
  return std::make_unique<OpenvinoEngine>(libtorch);
}

}  // namespace modeld
