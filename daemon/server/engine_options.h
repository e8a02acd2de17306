// EngineOptions: what the engines are told, by the daemon and by the processes that probe for it.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace CLI {
class App;
}

namespace modeld {

struct EngineOptions {
  // Of ONNX Runtime, by its names for them, the preferred one first.
  std::vector<std::string> onnxruntime_providers = {"CPUExecutionProvider"};

  // Paths of LibTorch's libraries of custom operators, in the order in which they are loaded.
  std::vector<std::string> custom_ops_libraries = {};

  // Of LibTorch, for quantized layers, by PyTorch's names; empty: its own choice for this CPU.
  std::string quantized_engine = {};

  friend bool operator==(const EngineOptions&, const EngineOptions&) = default;
};

// `options` outlives `app`.
void DefineEngineOptions(CLI::App& app, EngineOptions& options);

// The command line that says the same; empty where all is as by default.
std::vector<std::string> EngineArguments(const EngineOptions& options);

// Takes the options of the engines out of a command line, without the program's name, and leaves the others.
// INVALID_ARGUMENT: one of them is wrong.
absl::StatusOr<EngineOptions> TakeEngineOptions(std::vector<std::string>& arguments);

}  // namespace modeld
