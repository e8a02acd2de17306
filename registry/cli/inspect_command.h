// `modelctl inspect`: what artifacts say of themselves, without a daemon.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "registry/inspect.h"

namespace modeld {

struct InspectArguments {
  std::vector<std::string> files;
  std::string as;              // place below the drop directory; empty: see RelativePathFor
  std::string drop_directory;  // the files lie in it; empty: unknown
  bool sha256 = false;
  bool strict_config = false;
};

// What is told of one file.
struct InspectReport {
  std::string path;
  std::string relative_path;
  absl::Status status;  // of the look at it: what the daemon would refuse it with
  InspectedFile file;   // where status is OK
  std::string sha256;   // empty: not asked for
};

// Where `path` is taken to lie below the drop directory, which gives the defaults of name and version: `as`,
// else its path below `drop_directory`, else NAME/3/model.pt where its directory is a number, else its file
// name. INVALID_ARGUMENT if it does not lie in `drop_directory`.
absl::StatusOr<std::string> RelativePathFor(const std::string& path, const InspectArguments& arguments);

InspectReport Inspect(const std::string& path, const InspectArguments& arguments);

std::string RenderReport(const InspectReport& report);
// The reports as one JSON object: {"files": [...]}.
nlohmann::ordered_json ReportsToJson(const std::vector<InspectReport>& reports);

}  // namespace modeld
