// modeld: see modeld(1).
#include <sys/resource.h>
#include <sys/stat.h>

#include <cstdio>
#include <exception>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/engine/engine_set.h"
#include "daemon/engine/libtorch/custom_ops.h"
#include "daemon/engine/libtorch/libtorch_engine.h"
#include "daemon/engine/libtorch/quantized_engine.h"
#ifdef MODELD_WITH_ONNXRUNTIME
#include "daemon/engine/onnxruntime/onnxruntime_engine.h"
#endif
#ifdef MODELD_WITH_OPENVINO
#include "daemon/engine/openvino/openvino_engine.h"
#endif
#include "daemon/probe/probe_command.h"
#include "daemon/server/engine_options.h"
#include "daemon/server/grpc_servers.h"
#include "daemon/server/options.h"
#include "daemon/server/serve.h"
#include "daemon/server/server.h"
#include "daemon/server/signals.h"
#include "registry/base/log.h"

namespace modeld {
namespace {

constexpr int kStartFailed = 1;
constexpr int kProbeUsage = 2, kNotProbed = 3;

int FailToStart(const absl::Status& why, int exit_status = kStartFailed) {
  std::fprintf(stderr, "modeld: %s\n", std::string(why.message()).c_str());
  return exit_status;
}

LogLevel LogLevelOf(const std::string& name) {
  if (name == "debug") return LogLevel::kDebug;
  if (name == "warning") return LogLevel::kWarning;
  if (name == "error") return LogLevel::kError;
  return LogLevel::kInfo;
}

void LogOptions(const std::string& effective) {
  std::istringstream lines(effective);
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line.front() != '#') LogDebug("option", {{"toml", line}});
  }
}

// A connection is an open file, and gRPC stops listening for good where accept finds none left: idle clients
// could end the service with the 1024 that is the usual soft limit.
void RaiseFileLimit() {
  rlimit limit;
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

// All that this build has; the first of a format is what the others are held to. Environment variables are
// set.
absl::StatusOr<std::unique_ptr<Engine>> NewEngine(const EngineOptions& options) {
  if (absl::Status loaded = LoadCustomOps(options.custom_ops_libraries); !loaded.ok()) return loaded;
  if (absl::Status used = UseQuantizedEngine(options.quantized_engine); !used.ok()) return used;
  std::vector<std::unique_ptr<Engine>> engines;
  engines.push_back(NewLibtorchEngine());
#ifdef MODELD_WITH_ONNXRUNTIME
  absl::StatusOr<std::unique_ptr<Engine>> onnxruntime =
      NewOnnxruntimeEngine({.execution_providers = options.onnxruntime_providers});
  if (!onnxruntime.ok()) return std::move(onnxruntime).status();
  engines.push_back(*std::move(onnxruntime));
#else
  if (options.onnxruntime_providers != EngineOptions().onnxruntime_providers) {
    return absl::InvalidArgumentError("--onnxruntime-providers: this build has no ONNX Runtime");
  }
#endif
#ifdef MODELD_WITH_OPENVINO
  engines.push_back(
      NewOpenvinoEngine(engines.front().get(), engines.size() > 1 ? engines[1].get() : nullptr));
#endif
  return std::make_unique<EngineSet>(std::move(engines));
}

int Probe(std::vector<std::string> arguments) {
  const absl::StatusOr<EngineOptions> options = TakeEngineOptions(arguments);
  if (!options.ok()) return FailToStart(options.status(), kProbeUsage);
  const absl::StatusOr<std::unique_ptr<Engine>> engine = NewEngine(*options);
  if (!engine.ok()) return FailToStart(engine.status(), kNotProbed);
  return ProbeMain(std::move(arguments), **engine, EngineArguments(*options));
}

// What --version prints.
absl::StatusOr<std::string> VersionText() {
  const absl::StatusOr<std::unique_ptr<Engine>> engine = NewEngine({});
  if (!engine.ok()) return engine.status();
  return absl::StrCat("modeld ", MODELD_VERSION, "\n", absl::StrJoin(LibraryTexts(**engine), "\n"));
}

int Main(int argc, char** argv) {
  if (IsProbe(argc, argv)) return Probe({argv + 1, argv + argc});
  // Everything that the daemon makes is its user's own.
  ::umask(0077);
  RaiseFileLimit();
  absl::StatusOr<std::unique_ptr<Signals>> signals = Signals::Block();
  if (!signals.ok()) return FailToStart(signals.status());

  const absl::StatusOr<std::string> version_text = VersionText();
  if (!version_text.ok()) return FailToStart(version_text.status());
  const ParsedOptions parsed = ParseOptions(argc, argv, *version_text);
  if (parsed.exit) {
    std::fputs(parsed.output.c_str(), parsed.exit_code == 0 ? stdout : stderr);
    return parsed.exit_code;
  }
  SetLogLevel(LogLevelOf(parsed.options.log_level));
  LogOptions(parsed.effective);
  absl::StatusOr<std::unique_ptr<Engine>> engine = NewEngine(parsed.options.engines);
  if (!engine.ok()) return FailToStart(engine.status());
  ConfigureGrpc();

  absl::StatusOr<std::unique_ptr<Server>> server =
      Server::Start(parsed.options, *std::move(engine), MODELD_VERSION);
  if (!server.ok()) return FailToStart(server.status());
  return Serve(*std::move(server), **signals, absl::Seconds(parsed.options.shutdown_grace_s));
}

}  // namespace
}  // namespace modeld

int main(int argc, char** argv) {
  try {
    return modeld::Main(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "modeld: %s\n", error.what());
    return modeld::kStartFailed;
  }
}
