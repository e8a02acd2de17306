// modeld_load: calls one model at a given rate (or as fast as it answers) and prints what came back, as JSON:
//
//   {"started": 123.4, "seconds": [{"latency_us": [[longest, count], …], "versions": {"1.0": 70},
//    "refused_us": [], "errors": {}}, …]}
//
// `started` is the time of CLOCK_MONOTONIC at which the first second begins, printed also at the start, on a
// line of its own, so that whoever runs this can tell when what happened. A call counts in the second in
// which it was due.
#include <sys/prctl.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "tools/bench/load/load_generator.h"

namespace modeld::load {
namespace {

nlohmann::json ToJson(const std::vector<Second>& seconds) {
  nlohmann::json list = nlohmann::json::array();
  for (const Second& second : seconds) {
    list.push_back({{"latency_us", second.latency.Buckets()},
                    {"refused_us", second.refused.Buckets()},
                    {"versions", second.versions},
                    {"errors", second.errors}});
  }
  return list;
}

int Main(int argc, char** argv) {
  Options options;
  CLI::App app("Calls Predict of one model with one FP32 input, and prints latencies as JSON.",
               "modeld_load");
  app.add_option("--target", options.target, "HOST:PORT")->required();
  app.add_option("--model", options.model, "Model to call")->required();
  app.add_option("--input", options.input, "Name of its input")->capture_default_str();
  app.add_option("--shape", options.shape, "Shape of its input")->required()->delimiter(',');
  app.add_option("--rate", options.rate, "Calls a second, open loop; 0: closed loop")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--concurrency", options.concurrency, "Calls under way in the closed loop")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--seconds", options.duration_seconds, "How long")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--timeout-s", options.timeout_seconds, "For each call")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--connections", options.connections, "Connections")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--seed", options.seed, "Of the arrival times")->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  ::prctl(PR_SET_TIMERSLACK, 1);
  LoadGenerator generator(options);
  const LoadGenerator::Clock::time_point start = LoadGenerator::Clock::now();
  const double started = std::chrono::duration<double>(start.time_since_epoch()).count();
  std::printf("%.6f\n", started);
  std::fflush(stdout);
  const nlohmann::json result = {{"started", started}, {"seconds", ToJson(generator.Run(start))}};
  std::printf("%s\n", result.dump().c_str());
  return 0;
}

}  // namespace
}  // namespace modeld::load

int main(int argc, char** argv) { return modeld::load::Main(argc, argv); }
