#include "daemon/engine/libtorch/package_executable.h"

#include <torch/version.h>

#include "absl/strings/str_cat.h"

#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 6)
#define MODELD_RUNS_PACKAGES 1
#endif

#ifdef MODELD_RUNS_PACKAGES
#include <ATen/DynamicLibrary.h>
#include <ATen/Parallel.h>
#include <torch/csrc/inductor/aoti_runner/model_container_runner_cpu.h>
#include <torch/script.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "daemon/engine/bind.h"
#include "daemon/engine/libtorch/call_spec.h"
#include "daemon/engine/libtorch/compiled_for.h"
#include "daemon/engine/libtorch/convert.h"
#include "daemon/engine/libtorch/errors.h"
#include "daemon/engine/libtorch/package_files.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#endif

namespace modeld {

#ifndef MODELD_RUNS_PACKAGES

absl::StatusOr<std::unique_ptr<Executable>> LoadPackage(const LoadRequest& request) {
  return absl::UnimplementedError(absl::StrCat("this build's LibTorch has no AOTInductor packages: it is ",
                                               TORCH_VERSION, ", and they came with 2.6"));
}

#else

namespace {

// Not LibTorch's AOTIModelPackageLoader, which unpacks the package by itself, where it may not in a probe,
// and leaves it there where the process dies.
class Runner final : public torch::inductor::AOTIModelContainerRunnerCpu {
 public:
  Runner(const std::string& library, size_t callers) : AOTIModelContainerRunnerCpu(library, callers) {}

  // They are not what the call spec counts, where an argument is None or a number.
  size_t CountInputs() {
    const auto count = reinterpret_cast<decltype(&AOTInductorModelContainerGetNumInputs)>(
        model_so_->sym("AOTInductorModelContainerGetNumInputs"));
    size_t inputs = 0;
    TORCH_CHECK(count(container_handle_, &inputs) == 0, "the package does not say how many inputs it takes");
    return inputs;
  }
  size_t CountOutputs() {
    size_t outputs = 0;
    TORCH_CHECK(get_num_outputs_func_(container_handle_, &outputs) == 0,
                "the package does not say how many outputs it has");
    return outputs;
  }
};

const KnownInput* Find(const std::vector<KnownInput>& known, const std::string& name) {
  const auto found =
      std::find_if(known.begin(), known.end(), [&](const KnownInput& input) { return input.name == name; });
  return found == known.end() ? nullptr : &*found;
}

// `own` are the names that the package keeps, empty for positional arguments, which get theirs.
std::vector<std::string> NameInputs(std::vector<std::string> own, const std::vector<KnownInput>& known) {
  std::vector<std::string> others;
  bool all_declared = true;
  for (const KnownInput& input : known) {
    if (std::find(own.begin(), own.end(), input.name) != own.end()) continue;
    others.push_back(input.name);
    all_declared = all_declared && input.always;
  }
  const auto unnamed = static_cast<size_t>(std::count(own.begin(), own.end(), ""));
  // What only golden samples name has no order.
  const bool in_order = others.size() == unnamed && (all_declared || unnamed == 1);
  size_t next = 0;
  for (std::string& name : own) {
    if (!name.empty()) continue;
    name = in_order ? others[next] : unnamed == 1 ? "input" : absl::StrCat("input_", next);
    ++next;
  }
  return own;
}

absl::Status NotKnown(const std::vector<std::string>& names, const std::string& name) {
  return absl::InvalidArgumentError(absl::StrCat(
      "the package takes ", names.size(), names.size() == 1 ? " tensor (" : " tensors (",
      absl::StrJoin(names, ", "), "), and dtype and rank of ", Quote(name),
      " are not known, without which machine code must not be run; declare \"inputs\" in config.json, with "
      "name, dtype and shape (-1: any size) of each in the order of forward's arguments, or carry a golden "
      "sample"));
}

// One tensor that forward takes.
struct Input {
  DeclaredTensor known;
  CompiledInput compiled;
};

absl::StatusOr<std::vector<Input>> CheckInputs(const std::vector<std::string>& names,
                                               const std::vector<KnownInput>& known,
                                               std::vector<CompiledInput> compiled) {
  compiled.resize(names.size());
  std::vector<Input> inputs;
  for (size_t i = 0; i < names.size(); ++i) {
    const KnownInput* const input = Find(known, names[i]);
    if (input == nullptr) return NotKnown(names, names[i]);
    DeclaredTensor declared{.name = input->name, .dtype = input->dtype, .shape = input->shape};
    if (const std::string contradiction = Contradiction(compiled[i], *input); !contradiction.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "input ", Quote(input->name), " is ", input->always ? "declared " : "in golden samples ",
          DeclaredSummary(declared), ", but the package was compiled for another (", contradiction,
          "); declare it as the module was exported, or export it anew"));
    }
    inputs.push_back({.known = std::move(declared), .compiled = std::move(compiled[i])});
  }
  return inputs;
}

// While it lives, the calling thread begins no more threads than these.
class ThreadLimit {
 public:
  explicit ThreadLimit(std::optional<int> most) {
    if (!most || at::get_num_threads() <= *most) return;
    before_ = at::get_num_threads();
    at::set_num_threads(*most);
  }
  ~ThreadLimit() {
    if (before_) at::set_num_threads(*before_);
  }
  ThreadLimit(const ThreadLimit&) = delete;
  ThreadLimit& operator=(const ThreadLimit&) = delete;

 private:
  std::optional<int> before_;
};

class PackageExecutable final : public Executable {
 public:
  PackageExecutable(std::unique_ptr<Runner> runner, std::vector<Input> inputs, ResultTree result,
                    std::optional<int> most_threads)
      : runner_(std::move(runner)),
        inputs_(std::move(inputs)),
        result_(std::move(result)),
        most_threads_(most_threads) {
    Method forward{.name = "forward", .arguments = {}, .returns = ResultType(result_)};
    for (const Input& input : inputs_) {
      forward.arguments.push_back({input.known.name, Type{Type::Kind::kTensor, {}, {}, {}}, std::nullopt});
    }
    methods_.push_back(std::move(forward));
  }

  const std::vector<Method>& methods() const override { return methods_; }

  absl::StatusOr<Value> Run(size_t method, std::vector<Value> arguments) override {
    try {
      const c10::InferenceMode inference_mode;
      const ThreadLimit limit(most_threads_);
      std::vector<at::Tensor> tensors;
      tensors.reserve(arguments.size());
      for (size_t i = 0; i < arguments.size(); ++i) {
        MODELD_RETURN_IF_ERROR(Check(inputs_.at(i), arguments[i]));
        MODELD_ASSIGN_OR_RETURN(const c10::IValue value, ToIValue(arguments[i], c10::TensorType::get()));
        tensors.push_back(value.toTensor());
      }
      arguments.clear();
      std::vector<at::Tensor> outputs = runner_->run(tensors);
      tensors.clear();
      std::vector<Value> leaves;
      leaves.reserve(outputs.size());
      for (at::Tensor& output : outputs) {
        MODELD_ASSIGN_OR_RETURN(leaves.emplace_back(), FromIValue(c10::IValue(std::move(output))));
      }
      return BuildResult(result_, std::move(leaves));
    } catch (...) {
      const absl::Status raised = StatusFromException(absl::StatusCode::kInternal);
      // Of its own checks, which AOTI_RUNTIME_CHECK_INPUTS=1 turns on.
      if (!absl::StartsWith(raised.message(), "input_handles[")) return raised;
      return absl::InvalidArgumentError(raised.message());
    }
  }

 private:
  static absl::Status Check(const Input& input, const Value& value) {
    const Tensor* const tensor = value.get_if<Tensor>();
    std::string contradiction = tensor == nullptr ? "it is no tensor" : Contradiction(input.known, *tensor);
    if (contradiction.empty()) contradiction = Contradiction(input.compiled, *tensor);
    if (contradiction.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat("input ", Quote(input.known.name), ": expected ",
                                                   DeclaredSummary(input.known), ", got ",
                                                   ValueSummary(value), " (", contradiction, ")"));
  }

  const std::unique_ptr<Runner> runner_;
  const std::vector<Input> inputs_;
  const ResultTree result_;
  const std::optional<int> most_threads_;
  std::vector<Method> methods_;  // constant after construction
};

absl::StatusOr<std::unique_ptr<Runner>> LoadLibrary(const std::string& library, int callers) {
  try {
    return std::make_unique<Runner>(library, static_cast<size_t>(std::max(callers, 1)));
  } catch (...) {
    const absl::Status why = LoadStatusFromException();
    if (absl::IsUnimplemented(why)) return why;
    return absl::Status(why.code(),
                        absl::StrCat("the package cannot be loaded: ", why.message(),
                                     "; compile it with the PyTorch version of the daemon, ", TORCH_VERSION));
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Executable>> LoadPackage(const LoadRequest& request) {
  MODELD_ASSIGN_OR_RETURN(PackageFiles files, ReadPackageFiles(request.unpacked));
  MODELD_ASSIGN_OR_RETURN(std::unique_ptr<Runner> runner, LoadLibrary(files.library, request.callers));
  const std::vector<std::string> specs = runner->get_call_spec();
  const size_t takes = runner->CountInputs();
  std::vector<std::string> own(takes);
  if (const auto names = ArgumentNames(specs.empty() ? "" : specs.front()); names && names->size() == takes) {
    own = *names;
  }
  MODELD_ASSIGN_OR_RETURN(std::vector<Input> inputs, CheckInputs(NameInputs(std::move(own), request.inputs),
                                                                 request.inputs, std::move(files.inputs)));
  ResultTree result = ResultTreeOf(specs.size() < 2 ? "" : specs.back(), runner->CountOutputs());
  return std::make_unique<PackageExecutable>(std::move(runner), std::move(inputs), std::move(result),
                                             files.most_threads);
}

#endif

}  // namespace modeld
