// modeld_forward: LibTorch's own forward, called without pause by some threads: what no server of the model
// can be faster than. Prints {"calls_per_second": 31.2, "p50_ms": 32.0} as JSON.
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <torch/script.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::string model;
  std::vector<int64_t> shape;
  int callers = 1;
  int threads = 1;
  double seconds = 5;
};

void Call(torch::jit::Module module, const Options& options, const std::atomic<bool>& stop,
          std::atomic<int>& warm, std::vector<double>& milliseconds) {
  at::get_num_threads();
  at::set_num_threads(options.threads);
  at::globalContext().setFlushDenormal(true);
  const c10::InferenceMode inference_mode;
  // Ordinary values, as the load generator sends them.
  const at::Tensor input = torch::rand(options.shape);
  for (int i = 0; i < 5; ++i) module.forward({input});
  ++warm;
  while (warm < options.callers) std::this_thread::yield();
  while (!stop) {
    const auto begin = Clock::now();
    module.forward({input});
    milliseconds.push_back(std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
  }
}

int Main(int argc, char** argv) {
  Options options;
  CLI::App app("Calls a TorchScript module's forward without pause.", "modeld_forward");
  app.add_option("--model", options.model, "TorchScript file")->required();
  app.add_option("--shape", options.shape, "Shape of its only input, FP32")->required()->delimiter(',');
  app.add_option("--callers", options.callers, "Threads that call")->capture_default_str();
  app.add_option("--threads", options.threads, "Threads of each call")->capture_default_str();
  app.add_option("--seconds", options.seconds, "How long")->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  torch::jit::Module module = torch::jit::load(options.model);
  module.eval();
  std::atomic<bool> stop = false;
  std::atomic<int> warm = 0;
  std::vector<std::vector<double>> times(options.callers);
  std::vector<std::thread> threads;
  for (int i = 0; i < options.callers; ++i) {
    threads.emplace_back([&, i] { Call(module, options, stop, warm, times[i]); });
  }
  while (warm < options.callers) std::this_thread::yield();
  const auto begin = Clock::now();
  std::this_thread::sleep_for(std::chrono::duration<double>(options.seconds));
  stop = true;
  for (std::thread& thread : threads) thread.join();
  const double took = std::chrono::duration<double>(Clock::now() - begin).count();
  std::vector<double> all;
  for (const std::vector<double>& mine : times) all.insert(all.end(), mine.begin(), mine.end());
  if (all.empty()) return 1;
  std::nth_element(all.begin(), all.begin() + all.size() / 2, all.end());
  const nlohmann::json result = {{"calls_per_second", static_cast<double>(all.size()) / took},
                                 {"p50_ms", all[all.size() / 2]}};
  std::printf("%s\n", result.dump().c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) { return Main(argc, argv); }
