// FakeEngine: an Engine without a library. The test says which methods a model has and what a run returns.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/engine/engine.h"

namespace modeld {

// Runs are recorded: "FP32[1,3], True".
class RecordingExecutable final : public Executable {
 public:
  using RunFn = std::function<absl::StatusOr<Value>(const std::vector<Value>& arguments)>;
  // `runs` outlives it.
  RecordingExecutable(std::vector<Method> methods, std::vector<std::string>* runs, RunFn run)
      : methods_(std::move(methods)), runs_(runs), run_(std::move(run)) {}

  const std::vector<Method>& methods() const override { return methods_; }
  absl::StatusOr<Value> Run(size_t method, std::vector<Value> arguments) override {
    std::string text;
    for (const Value& argument : arguments) {
      if (!text.empty()) text += ", ";
      text += ValueSummary(argument);
    }
    runs_->push_back(std::move(text));
    return run_ ? run_(arguments) : Value{};
  }

 private:
  const std::vector<Method> methods_;
  std::vector<std::string>* const runs_;
  const RunFn run_;
};

// Public members say what it does and remember what was asked. Not thread-safe.
class FakeEngine final : public Engine {
 public:
  std::vector<EngineLibrary> libraries() const override { return {{"fake", "1"}}; }
  std::vector<Plan> plans(ArtifactFormat) const override {
    std::vector<Plan> all = {{.engine = "fake", .variant = "", .precision = Precision::kAsSaved}};
    for (const auto& [plan, as_planned] : variants) all.push_back(plan);
    return all;
  }
  absl::StatusOr<std::unique_ptr<Executable>> Load(const LoadRequest& request) override {
    loaded.push_back(request.artifact_path);
    plan = request.plan;
    threads_per_run = request.threads_per_run;
    if (!failure.ok()) return failure;
    for (const auto& [variant, as_planned] : variants) {
      if (variant == request.plan) return as_planned();
    }
    if (request.plan != Plan{} && request.plan != plans(request.format).front()) {
      return absl::InvalidArgumentError("no engine of this build runs it as " + PlanName(request.plan));
    }
    return std::make_unique<RecordingExecutable>(methods, &runs, run);
  }
  void PrepareThread(int intra_op_threads) override { prepared_threads.push_back(intra_op_threads); }
  absl::Status health() const override { return state; }

  // What it loads by other plans than the artifact as it was saved.
  using LoadFn = std::function<absl::StatusOr<std::unique_ptr<Executable>>()>;
  std::vector<std::pair<Plan, LoadFn>> variants;

  absl::Status failure;
  absl::Status state;
  Plan plan;                // of the last load
  int threads_per_run = 0;  // so is this
  std::vector<Method> methods;
  RecordingExecutable::RunFn run;
  std::vector<std::string> loaded;
  std::vector<std::string> runs;
  std::vector<int> prepared_threads;  // what each call said
};

inline Argument FakeArgument(std::string name, Type::Kind kind = Type::Kind::kTensor) {
  return {.name = std::move(name),
          .type = {.kind = kind, .params = {}, .field_names = {}, .name = ""},
          .default_value = std::nullopt};
}

inline Method FakeForward(std::vector<Argument> arguments) {
  return {.name = "forward",
          .arguments = std::move(arguments),
          .returns = {.kind = Type::Kind::kTensor, .params = {}, .field_names = {}, .name = ""}};
}

}  // namespace modeld
