#include "daemon/engine/libtorch/libtorch_engine.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <c10/core/DeviceGuard.h>
#include <torch/csrc/jit/codegen/fuser/interface.h>
#include <torch/script.h>
#include <torch/version.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "daemon/engine/libtorch/constants.h"
#include "daemon/engine/libtorch/convert.h"
#include "daemon/engine/libtorch/device.h"
#include "daemon/engine/libtorch/errors.h"
#include "daemon/engine/libtorch/forks.h"
#include "daemon/engine/libtorch/map_tensors.h"
#include "daemon/engine/libtorch/methods.h"
#include "daemon/engine/libtorch/module_state.h"
#include "daemon/engine/libtorch/mutation.h"
#include "daemon/engine/libtorch/package_executable.h"
#include "daemon/engine/libtorch/quantized_engine.h"
#include "daemon/engine/libtorch/variants.h"
#include "registry/base/mutex.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

absl::StatusOr<std::vector<c10::IValue>> Stack(const BoundMethod& bound,
                                               const std::vector<Value>& arguments) {
  std::vector<c10::IValue> stack;
  stack.reserve(bound.slots.size() + 1);  // `self` is put before them
  auto argument = arguments.begin();
  for (const BoundMethod::Slot& slot : bound.slots) {
    if (slot.fixed.has_value()) {
      stack.push_back(*slot.fixed);
      continue;
    }
    MODELD_ASSIGN_OR_RETURN(c10::IValue value, ToIValue(*argument++, slot.type));
    stack.push_back(std::move(value));
  }
  return stack;
}

std::vector<torch::jit::Method> CallableOf(const std::vector<BoundMethod>& methods) {
  std::vector<torch::jit::Method> callable;
  callable.reserve(methods.size());
  for (const BoundMethod& method : methods) callable.push_back(method.method);
  return callable;
}

// Where a program runs.
struct Place {
  at::Device device;
  std::shared_ptr<GpuHealth> health;  // of all GPUs
};

// What a module's executable and its sessions share: everything but the attributes.
class Program {
 public:
  Program(torch::jit::Module module, std::vector<BoundMethod> methods, Precision precision, Place place)
      : device_(place.device),
        health_(std::move(place.health)),
        module_(std::move(module)),
        bound_(std::move(methods)),
        precision_(precision) {
    for (const BoundMethod& bound : bound_) {
      methods_.push_back(bound.signature);
      if (!forks_.has_value() && MayFork(bound.method)) forks_.emplace(GpuOf(device_));
    }
    // What hooks write is not looked for, and what is forked may write after a run that failed has ended.
    writes_ = has_hooks() ? AttributeWrites{.any = true, .parameters = true, .uncounted = true}
                          : FindAttributeWrites(CallableOf(bound_));
    writes_.uncounted = writes_.uncounted || forks();
  }

  const std::vector<Method>& methods() const { return methods_; }
  bool writes_attributes() const { return writes_.any; }
  bool forks() const { return forks_.has_value(); }
  // What a new state takes; 0 before the first one.
  int64_t loaded_state_bytes() const { return std::max<int64_t>(loaded_state_bytes_, 0); }
  // Tasks that a run forked may write when it has returned.
  bool writes_after_return() const { return forks() || has_hooks(); }
  // Of its own forward; those of submodules are called by the graph.
  bool has_hooks() const {
    return !module_.type()->getForwardHooks().empty() || !module_.type()->getForwardPreHooks().empty();
  }
  // UNIMPLEMENTED if its attributes cannot be copied.
  absl::StatusOr<ModuleState> NewState() const {
    return Guarded([this]() -> absl::StatusOr<ModuleState> {
      try {
        const c10::OptionalDeviceGuard guard(GpuOf(device_));
        ModuleState state = ModuleState::CopyOf(module_, writes_);
        if (loaded_state_bytes_ < 0) loaded_state_bytes_ = state.Bytes();
        return state;
      } catch (...) {
        absl::Status why = StatusFromException(absl::StatusCode::kUnimplemented);
        return absl::Status(why.code(),
                            absl::StrCat("the module writes its attributes while it runs, and they "
                                         "cannot be copied for that: ",
                                         why.message()));
      }
    });
  }

  // On the module as it was loaded, or on a copy of its attributes.
  absl::StatusOr<Value> Run(const torch::jit::Module* copy, size_t method, std::vector<Value> arguments) {
    return Guarded([&] { return RunThere(copy, method, std::move(arguments)); });
  }

 private:
  // Calls on a GPU only while it computes for this process, and finds out whether it still does after a
  // failure. What it fails by stays the answer of the call that may have been its end.
  template <typename Call>
  auto Guarded(Call call) const -> decltype(call()) {
    if (device_.is_cpu()) return call();
    if (const absl::Status health = health_->status(); !health.ok()) {
      return absl::UnavailableError(absl::StrCat(health.message(), "; modeld ends, to be started again"));
    }
    auto result = call();
    const absl::Status why = result.status();
    if (why.ok() || absl::IsInvalidArgument(why)) return result;
    health_->Examine(device_, why);
    // Libraries that cannot begin after a fault say that it is for memory.
    if (!health_->status().ok()) return absl::InternalError(why.message());
    return result;
  }
  absl::StatusOr<Value> RunThere(const torch::jit::Module* copy, size_t method,
                                 std::vector<Value> arguments) {
    try {
      const c10::InferenceMode inference_mode;
      const c10::OptionalDeviceGuard guard(GpuOf(device_));
      const BoundMethod& bound = bound_.at(method);
      MODELD_ASSIGN_OR_RETURN(std::vector<c10::IValue> stack, Stack(bound, arguments));
      arguments.clear();
      if (!device_.is_cpu()) {
        const auto move = [this](const at::Tensor& tensor) { return tensor.to(device_); };
        for (c10::IValue& value : stack) value = MapTensors(std::move(value), move);
      }
      if (has_hooks() && method == 0) {
        torch::jit::Module hooked = copy == nullptr ? module_ : *copy;
        return Fetch(hooked(std::move(stack)));
      }
      return Fetch(
          Call(copy == nullptr ? bound.method : torch::jit::Method(copy->_ivalue(), &bound.method.function()),
               std::move(stack)));
    } catch (...) {
      return StatusFromException(absl::StatusCode::kInternal);
    }
  }
  absl::StatusOr<Value> Fetch(c10::IValue answer) const {
    if (!device_.is_cpu()) {
      bool waits = false;  // as the copy of a tensor to the host does
      answer = MapTensors(std::move(answer), [&](const at::Tensor& tensor) {
        waits = waits || (!tensor.is_cpu() && tensor.numel() > 0);
        return tensor;
      });
      if (!waits) WaitForGpu(device_);
    }
    return FromIValue(std::move(answer));
  }
  c10::IValue Call(torch::jit::Method method, std::vector<c10::IValue> stack) {
    if (precision_ == Precision::kAsSaved) return CallAsIs(std::move(method), std::move(stack));
    for (c10::IValue& value : stack) value = Convert(std::move(value), at::kFloat, at::kBFloat16);
    return Convert(CallAsIs(std::move(method), std::move(stack)), at::kBFloat16, at::kFloat);
  }
  c10::IValue CallAsIs(torch::jit::Method method, std::vector<c10::IValue> stack) {
    return forks_.has_value() ? forks_->Run(method, std::move(stack)) : method(std::move(stack));
  }

  const at::Device device_;  // where the module lies; what it returns is fetched from there by FromIValue
  const std::shared_ptr<GpuHealth> health_;
  const torch::jit::Module module_;
  const std::vector<BoundMethod> bound_;
  const Precision precision_;                             // of the module
  std::vector<Method> methods_;                           // constant after construction
  AttributeWrites writes_;                                // so is this
  mutable std::atomic<int64_t> loaded_state_bytes_ = -1;  // before the first was made
  std::optional<Forks> forks_;  // of a module that forks; waits for its tasks before the module goes
};

// Keeps what its runs write.
class LibtorchSession final : public Executable {
 public:
  LibtorchSession(std::shared_ptr<Program> program, ModuleState state)
      : program_(std::move(program)), state_(std::move(state)), state_bytes_(program_->loaded_state_bytes()) {
    state_.LetGoOfLoaded();
  }

  const std::vector<Method>& methods() const override { return program_->methods(); }
  bool stateful() const override { return true; }
  absl::StatusOr<Value> Run(size_t method, std::vector<Value> arguments) override {
    for (const Value& argument : arguments) {
      if (const Tensor* tensor = argument.get_if<Tensor>())
        brought_ += static_cast<int64_t>(tensor->buffer.size);
    }
    const absl::Time begun = absl::Now();
    absl::StatusOr<Value> result = program_->Run(&state_.module(), method, std::move(arguments));
    if (!program_->writes_after_return()) MeasureAfter(absl::Now() - begun);
    return result;
  }
  int64_t StateBytes() const override { return state_bytes_; }

 private:
  // A state of many values takes long to look at: it is done as often as that takes a part of the runs' time,
  // or when it may have grown much by what came in.
  static constexpr int kRunsToMeasuring = 20;
  static constexpr int64_t kMuch = 4 << 20;

  void MeasureAfter(absl::Duration run) {
    ran_ += run;
    if (ran_ < kRunsToMeasuring * measuring_ && brought_ < kMuch) return;
    try {
      const absl::Time begun = absl::Now();
      state_bytes_ = state_.Bytes();
      measuring_ = absl::Now() - begun;
      ran_ = absl::ZeroDuration();
      brought_ = 0;
    } catch (...) {
      // It is taken for what it was before; the run's own answer stands.
    }
  }

  const std::shared_ptr<Program> program_;
  ModuleState state_;
  int64_t state_bytes_;  // as measured last
  absl::Duration ran_;   // since then
  int64_t brought_ = 0;  // so is this: bytes of tensors
  absl::Duration measuring_;
};

class LibtorchExecutable final : public Executable {
 public:
  LibtorchExecutable(std::shared_ptr<Program> program, at::Device device)
      : memory_(device), program_(std::move(program)) {}

  const std::vector<Method>& methods() const override { return program_->methods(); }
  bool stateful() const override { return program_->writes_attributes(); }
  int64_t StateBytes() const override { return program_->loaded_state_bytes(); }

  absl::StatusOr<std::unique_ptr<Executable>> NewSession() override {
    MODELD_ASSIGN_OR_RETURN(ModuleState state, program_->NewState());
    return std::make_unique<LibtorchSession>(program_, std::move(state));
  }

  absl::StatusOr<Value> Run(size_t method, std::vector<Value> arguments) override {
    if (!stateful()) return program_->Run(nullptr, method, std::move(arguments));
    MODELD_ASSIGN_OR_RETURN(ModuleState state, TakeState());
    absl::StatusOr<Value> result = program_->Run(&state.module(), method, std::move(arguments));
    GiveBack(std::move(state));
    return result;
  }

 private:
  // Attributes as they were loaded, for one run.
  absl::StatusOr<ModuleState> TakeState() {
    {
      MutexLock lock(&mutex_);
      if (!unused_.empty()) {
        ModuleState state = std::move(unused_.back());
        unused_.pop_back();
        return state;
      }
    }
    return program_->NewState();
  }
  // The analysis that says what a module writes errs on the safe side, so most copies come back unchanged.
  void GiveBack(ModuleState state) {
    if (!state.Unchanged()) return;
    MutexLock lock(&mutex_);
    unused_.push_back(std::move(state));
  }

  const GpuMemoryUse memory_;  // outlives what takes it
  const std::shared_ptr<Program> program_;
  Mutex mutex_;
  std::vector<ModuleState> unused_ ABSL_GUARDED_BY(mutex_);  // as many as ran at the same time
};

// A module that is about to be prepared for another plan than the artifact as it was saved.
absl::Status CheckCanPrepare(const Program& program) {
  const std::vector<Method>& methods = program.methods();
  if (methods.front().name != "forward") {
    return absl::InvalidArgumentError("only a module with forward can be frozen");
  }
  // What is forked is a graph of its own, which freezing may leave without its attributes.
  if (program.forks()) return absl::InvalidArgumentError("the module forks, and is not frozen");
  if (program.has_hooks()) return absl::InvalidArgumentError("freezing drops the module's forward hooks");
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<Program>> MakeProgram(torch::jit::Module module, Precision precision,
                                                     Place place) {
  KeepConstants(module);
  MODELD_ASSIGN_OR_RETURN(std::vector<BoundMethod> methods, BindMethods(module));
  return std::make_shared<Program>(std::move(module), std::move(methods), precision, std::move(place));
}

class LibtorchEngine final : public Engine {
 public:
  LibtorchEngine() {
    // LibTorch's fuser for GPUs compiles kernels while requests wait, anew for each shape.
    torch::jit::overrideCanFuseOnGPU(false);
    // By default cuDNN rounds what it multiplies to TF32's ten bits: not what golden samples of a CPU say.
    at::globalContext().setAllowTF32CuDNN(false);
  }

  std::vector<EngineLibrary> libraries() const override {
    const std::string quantized = OtherQuantizedEngine();
    return {{"libtorch", quantized.empty() ? TORCH_VERSION : absl::StrCat(TORCH_VERSION, "+", quantized)}};
  }

  std::vector<Plan> plans(ArtifactFormat format) const override {
    if (format == ArtifactFormat::kTorchScript) return LibtorchPlans();
    if (format == ArtifactFormat::kPt2) return {LibtorchPlans().front()};
    return {};
  }

  absl::StatusOr<std::unique_ptr<Executable>> Load(const LoadRequest& request) override {
    if (::access(request.artifact_path.c_str(), F_OK) != 0 && errno == ENOENT) {
      return absl::NotFoundError(absl::StrCat("no such file: ", request.artifact_path));
    }
    MODELD_ASSIGN_OR_RETURN(const at::Device device, FindDevice(request.device));
    if (device.is_cpu()) return LoadOn(device, request);
    // After a fault it is not the artifact's that nothing can be loaded.
    MODELD_RETURN_IF_ERROR(health_->status());
    absl::StatusOr<std::unique_ptr<Executable>> executable = LoadOn(device, request);
    if (!executable.ok()) {
      health_->Examine(device, executable.status());
      MODELD_RETURN_IF_ERROR(health_->status());
    }
    return executable;
  }

  void PrepareThread(int intra_op_threads) override {
    // A thread's first parallel region sets its thread count to the one that was set last, by whichever
    // thread; asking for the count spends that first time.
    at::get_num_threads();
    at::set_num_threads(intra_op_threads);
    at::globalContext().setFlushDenormal(true);
  }

  absl::Status health() const override { return health_->status(); }
  void ReleaseUnusedMemory() override { ReleaseUnusedGpuMemory(); }

 private:
  absl::StatusOr<std::unique_ptr<Executable>> LoadOn(at::Device device, const LoadRequest& request) {
    try {
      if (request.format == ArtifactFormat::kPt2) {
        if (device.is_cpu()) return LoadPackage(request);
        return absl::InvalidArgumentError(absl::StrCat("execution.device is ", request.device,
                                                       ", but packages of AOTInductor run on the CPU only"));
      }
      // Parameters that are loaded in it are as cheap in a run, which is in it too, as what the run makes: no
      // views that could be differentiated, no counts of writes.
      const c10::InferenceMode inference_mode;
      const GpuMemoryUse memory(device);
      const c10::OptionalDeviceGuard guard(GpuOf(device));
      torch::jit::Module module = torch::jit::load(request.artifact_path, device);
      module.eval();
      MODELD_ASSIGN_OR_RETURN(std::shared_ptr<Program> program,
                              MakeProgram(module, Precision::kAsSaved, {device, health_}));
      if (!IsAsSaved(request.plan)) {
        MODELD_RETURN_IF_ERROR(CheckCanPrepare(*program));
        std::vector<std::string> names;
        for (const Method& method : program->methods()) names.push_back(method.name);
        program.reset();
        MODELD_ASSIGN_OR_RETURN(program, MakeProgram(Prepare(std::move(module), request.plan, names),
                                                     request.plan.precision, {device, health_}));
        // Many modules do so in training mode only (batch normalization), of which freezing leaves nothing.
        if (program->writes_attributes()) {
          return absl::InvalidArgumentError("the module writes its attributes while it runs");
        }
      }
      return std::make_unique<LibtorchExecutable>(std::move(program), device);
    } catch (...) {
      return LoadStatusFromException();
    }
  }

  const std::shared_ptr<GpuHealth> health_ = std::make_shared<GpuHealth>();
};

}  // namespace

std::unique_ptr<Engine> NewLibtorchEngine() { return std::make_unique<LibtorchEngine>(); }

}  // namespace modeld
