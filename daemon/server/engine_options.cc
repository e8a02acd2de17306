#include "daemon/server/engine_options.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace modeld {
namespace {

constexpr char kOnnxruntimeProviders[] = "--onnxruntime-providers";
constexpr char kCustomOpsLibrary[] = "--custom-ops-library";
constexpr char kQuantizedEngine[] = "--quantized-engine";

}  // namespace

void DefineEngineOptions(CLI::App& app, EngineOptions& options) {
  app.add_option(
         kOnnxruntimeProviders, options.onnxruntime_providers,
         "Run ONNX files on these execution providers of ONNX Runtime, the first preferred; separated "
         "by commas")
      ->type_name("NAME")
      ->delimiter(',')
      ->take_all()
      ->capture_default_str()
      ->group("Engines");
  app.add_option(kCustomOpsLibrary, options.custom_ops_libraries,
                 "Load this shared library of custom operators for LibTorch before any model; may be given "
                 "more than once")
      ->type_name("PATH")
      ->allow_extra_args(false)
      ->group("Engines");
  app.add_option(kQuantizedEngine, options.quantized_engine,
                 "Run LibTorch's quantized layers by this library: x86, onednn, fbgemm, qnnpack. Default: "
                 "LibTorch's choice for this CPU")
      ->type_name("NAME")
      ->group("Engines");
}

std::vector<std::string> EngineArguments(const EngineOptions& options) {
  std::vector<std::string> arguments;
  if (options.onnxruntime_providers != EngineOptions().onnxruntime_providers) {
    arguments.push_back(
        absl::StrCat(kOnnxruntimeProviders, "=", absl::StrJoin(options.onnxruntime_providers, ",")));
  }
  for (const std::string& library : options.custom_ops_libraries) {
    arguments.push_back(absl::StrCat(kCustomOpsLibrary, "=", library));
  }
  if (!options.quantized_engine.empty()) {
    arguments.push_back(absl::StrCat(kQuantizedEngine, "=", options.quantized_engine));
  }
  return arguments;
}

absl::StatusOr<EngineOptions> TakeEngineOptions(std::vector<std::string>& arguments) {
  EngineOptions options;
  CLI::App app;
  app.set_help_flag();  // it is the others'
  app.allow_extras();
  DefineEngineOptions(app, options);
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(error.what());
  }
  arguments = app.remaining();
  return options;
}

}  // namespace modeld
