// config.json to ModelConfig, with errors that name the field. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "modeld/v1/model_config.pb.h"

namespace modeld {

struct ParsedConfig {
  // Where images are preprocessed, with their inputs declared, be it that they were not.
  v1::ModelConfig config;
  // Things the owner should know: `unknown key "verison" (did you mean "version"?)`.
  std::vector<std::string> warnings;
  // The whole text as canonical JSON (sorted keys, no white space), unknown keys included: equal for equal
  // configs, whatever their formatting.
  std::string canonical_json;
};

struct ConfigOptions {
  // Refuse unknown top-level keys instead of keeping them as the user's metadata.
  bool strict = false;
};

// Parses and validates. Unknown top-level keys are kept and warned of (or refused, if strict); everything
// else that is off is INVALID_ARGUMENT naming the field, its value and what was expected: malformed JSON
// (with line and column), duplicate keys, wrong types, impossible values (dtype, shape below -1, name and
// version rules), unknown keys inside a known section (with "did you mean"), a field whose part is not built
// ("not supported by this build").
absl::StatusOr<ParsedConfig> ParseModelConfig(std::string_view json, const ConfigOptions& options = {});

// Where the version computes, "cuda:1"; empty: on the CPU. As LoadRequest::device.
std::string DeviceOf(const v1::ModelConfig& config);

// True for the dtype names of TensorSpec.dtype and Tensor.dtype.
bool IsKnownDtype(std::string_view dtype);

}  // namespace modeld
