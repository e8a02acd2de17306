#include "daemon/server/engine_options.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace modeld {
namespace {

constexpr char kOnnxruntimeProviders[] = "--onnxruntime-providers";

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
}

std::vector<std::string> EngineArguments(const EngineOptions& options) {
  if (options == EngineOptions{}) return {};
  return {absl::StrCat(kOnnxruntimeProviders, "=", absl::StrJoin(options.onnxruntime_providers, ","))};
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
