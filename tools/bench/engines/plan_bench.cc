// modeld_plan_bench: the plans of a model file, and engines called bare, in turns in one process, so that
// what else the machine does meets all alike. Prints, as JSON, the milliseconds of CPU time that a run of
// batch 1 (of its first golden sample, where the config leaves other sizes open) takes on one thread (of the
// first the median of all turns, of the others what they come to as parts of the first, in the median turn),
// or why a plan cannot run the file:
//
//   {"libtorch": {"ms": 31.2}, "openvino": {"refused": "..."}, "bare libtorch": {"ms": 31.3}}
#include <time.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "bare.h"
#include "daemon/engine/bind.h"
#include "daemon/engine/deep_copy.h"
#include "daemon/engine/engine_set.h"
#include "daemon/engine/libtorch/libtorch_engine.h"
#include "daemon/engine/onnxruntime/onnxruntime_engine.h"
#include "daemon/engine/openvino/openvino_engine.h"
#include "daemon/probe/declared.h"
#include "daemon/probe/generated_inputs.h"
#include "daemon/probe/golden_sample.h"
#include "daemon/probe/known_inputs.h"
#include "registry/archive_reader.h"
#include "registry/base/file_system.h"
#include "registry/base/status_macros.h"
#include "registry/golden.h"
#include "registry/incomplete.h"
#include "registry/inspect.h"

namespace modeld {
namespace {

constexpr int kWarmUpRuns = 30;
constexpr double kTurnSeconds = 0.1;  // at least one run
constexpr int kMostRunsOfATurn = 1000;

struct Options {
  std::string artifact, config;
  std::vector<std::string> plans, bare;
  double seconds = 5;  // for each contestant
};

// So many runs, of which only the runs themselves count: their CPU time in seconds, of all threads.
using Runs = std::function<double(int)>;

struct Contestant {
  std::string name;
  Runs runs;
  int runs_of_a_turn = 1;
  std::vector<double> milliseconds = {};  // of a run, by turn
};

double CpuSeconds() {
  timespec used = {};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + 1e-9 * static_cast<double>(used.tv_nsec);
}

void Check(const absl::Status& status) {
  if (!status.ok()) throw std::runtime_error(std::string(status.message()));
}

template <typename T>
T Take(absl::StatusOr<T> result) {
  Check(result.status());
  return *std::move(result);
}

std::unique_ptr<Engine> AllEngines() {
  std::vector<std::unique_ptr<Engine>> engines;
  engines.push_back(NewLibtorchEngine());
  engines.push_back(Take(NewOnnxruntimeEngine()));
  engines.push_back(NewOpenvinoEngine(engines[0].get(), engines[1].get()));
  return std::make_unique<EngineSet>(std::move(engines));
}

// Each run has inputs of its own, as a request does.
Runs RunsOf(std::shared_ptr<Executable> executable, const std::vector<DeclaredTensor>& inputs,
            std::shared_ptr<const NamedValues> values) {
  return [executable = std::move(executable), inputs, values = std::move(values)](int runs) {
    std::vector<std::vector<Value>> arguments(runs);
    for (auto& each : arguments) {
      each = Take(BindArguments(executable->methods().front(), inputs, DeepCopy(*values)));
    }
    const double begin = CpuSeconds();
    for (auto& each : arguments) Check(executable->Run(0, std::move(each)).status());
    return CpuSeconds() - begin;
  };
}

Runs RunsOf(BareRun run) {
  return [run = std::move(run)](int runs) {
    const double begin = CpuSeconds();
    for (int i = 0; i < runs; ++i) run();
    return CpuSeconds() - begin;
  };
}

BareRun LoadBare(const std::string& engine, const std::string& path,
                 const std::vector<DeclaredTensor>& inputs, const NamedValues& values) {
  std::vector<Tensor> tensors;
  for (const DeclaredTensor& input : inputs) tensors.push_back(*values.at(input.name).get_if<Tensor>());
  if (engine == "libtorch") return BareLibtorch(path, tensors);
  if (engine == "onnxruntime") return BareOnnxruntime(path, inputs.at(0).name, tensors.at(0));
  return BareOpenvino(path, tensors.at(0));
}

// What the probe measures plans on.
NamedValues InputsOf(const InspectedFile& file, const Options& options) {
  const std::vector<DeclaredTensor> inputs = DeclaredTensors(file.parsed.config.inputs());
  if (!HasFreeDimensions(inputs)) return Take(GenerateInputs(inputs, 1));
  FileSystem& file_system = *FileSystem::Real();
  for (const InspectedGolden& golden : file.golden) {
    const std::string bytes =
        golden.path.empty() ? Take(ReadExtraFile(file_system, options.artifact, golden.name, kMaxGoldenBytes))
                            : Take(ReadFile(file_system, golden.path, kMaxGoldenBytes));
    GoldenSample sample = Take(DecodeGoldenSample(golden.name, bytes));
    if (sample.method.empty() || sample.method == "forward") return std::move(sample.inputs);
  }
  throw std::runtime_error(
      "its config leaves sizes open, and no golden sample of forward says which to take");
}

void WarmUp(Contestant& contestant) {
  contestant.runs(kWarmUpRuns);
  const double seconds = contestant.runs(kWarmUpRuns) / kWarmUpRuns;
  contestant.runs_of_a_turn = std::clamp(static_cast<int>(kTurnSeconds / seconds), 1, kMostRunsOfATurn);
}

void TakeTurns(std::vector<Contestant>& contestants, double seconds) {
  const double end = CpuSeconds() + seconds * static_cast<double>(contestants.size());
  while (CpuSeconds() < end) {
    for (Contestant& each : contestants) {
      each.milliseconds.push_back(1e3 * each.runs(each.runs_of_a_turn) / each.runs_of_a_turn);
    }
  }
}

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

bool IsAskedFor(const Options& options, const std::string& plan) {
  return options.plans.empty() ||
         std::find(options.plans.begin(), options.plans.end(), plan) != options.plans.end();
}

nlohmann::json Measure(const Options& options) {
  FileSystem& file_system = *FileSystem::Real();
  const std::string sidecar = options.config.empty() ? SidecarPath(options.artifact) : options.config;
  const InspectedFile file = Take(InspectFile(
      file_system, options.artifact, options.artifact.substr(options.artifact.rfind('/') + 1), sidecar,
      {.config = {}, .formats = DefaultFormats()}, Take(ListGoldenFiles(file_system, options.artifact))));
  const std::vector<DeclaredTensor> inputs = DeclaredTensors(file.parsed.config.inputs());
  const auto values = std::make_shared<const NamedValues>(InputsOf(file, options));
  const std::unique_ptr<Engine> engine = AllEngines();
  engine->PrepareThread(1);

  nlohmann::json result;
  std::vector<Contestant> contestants;
  for (const Plan& plan : engine->plans(file.archive.format)) {
    const std::string name = PlanName(plan);
    if (!IsAskedFor(options, name)) continue;
    absl::StatusOr<std::unique_ptr<Executable>> loaded = engine->Load({.artifact_path = options.artifact,
                                                                       .format = file.archive.format,
                                                                       .plan = plan,
                                                                       .inputs = KnownInputs(inputs, {})});
    if (!loaded.ok()) {
      result[name]["refused"] = std::string(loaded.status().message());
      continue;
    }
    contestants.push_back({name, RunsOf(*std::move(loaded), inputs, values)});
  }
  for (const std::string& bare : options.bare) {
    contestants.push_back(
        {absl::StrCat("bare ", bare), RunsOf(LoadBare(bare, options.artifact, inputs, *values))});
  }
  if (contestants.empty()) throw std::runtime_error(absl::StrCat("no plan can run it: ", result.dump()));
  for (Contestant& each : contestants) WarmUp(each);
  TakeTurns(contestants, options.seconds);
  const std::vector<double>& first = contestants.front().milliseconds;
  for (const Contestant& each : contestants) {
    std::vector<double> ratios = each.milliseconds;
    for (size_t turn = 0; turn < ratios.size(); ++turn) ratios[turn] /= first[turn];
    result[each.name]["ms"] = Median(first) * Median(std::move(ratios));
  }
  return result;
}

int Main(int argc, char** argv) {
  Options options;
  CLI::App app("Runs a model file by its plans, and by engines called bare, in turns.", "modeld_plan_bench");
  app.add_option("--artifact", options.artifact, "Model file, whose config declares its inputs")->required();
  app.add_option("--config", options.config, "Its config.json, if the archive has none");
  app.add_option("--plan", options.plans, "By this plan only; may be given again");
  app.add_option("--bare", options.bare,
                 "By this engine's own interface, too; of one FP32 input, libtorch also of several")
      ->check(CLI::IsMember({"libtorch", "onnxruntime", "openvino"}));
  app.add_option("--seconds", options.seconds, "How long each runs")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    std::printf("%s\n", Measure(options).dump().c_str());
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "modeld_plan_bench: %s\n", error.what());
    return 1;
  }
}

}  // namespace
}  // namespace modeld

int main(int argc, char** argv) { return modeld::Main(argc, argv); }
