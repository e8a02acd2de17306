#include "daemon/predict/required.h"

namespace modeld {

absl::Status RequireModel(const std::string& model) {
  if (!model.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError("the request names no model; set `model`");
}

absl::Status RequireVersion(const std::string& version) {
  if (!version.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError("the request names no version; set `version`");
}

}  // namespace modeld
