#include "registry/identify.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "registry/base/artifact_format.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/version_order.h"

namespace modeld {
namespace {

// Without its last extension.
std::string Stem(std::string_view file_name) {
  const size_t dot = file_name.rfind('.');
  return std::string(dot == std::string_view::npos || dot == 0 ? file_name : file_name.substr(0, dot));
}

bool IsNumber(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
}

// The rule that a name or version broke, with where that name or version came from.
absl::Status WithOrigin(const absl::Status& broken, const std::string& origin) {
  if (broken.ok()) return broken;
  return absl::Status(broken.code(), absl::StrCat(broken.message(), origin));
}

absl::Status NoVersion(const std::string& relative_path, const std::string& name) {
  const std::string file_name = relative_path.substr(relative_path.rfind('/') + 1);
  const char* const inside =
      FormatFromExtension(relative_path) != ArtifactFormat::kTorchScript
          ? "write it into the model with modelctl stamp"
          : "save the model with _extra_files={\"config.json\": '{\"version\": \"1.0\"}'}";
  return absl::InvalidArgumentError(absl::StrCat(
      "no version: ", inside, ", or write {\"version\": \"1.0\"} into ", Quote(SidecarPath(file_name)),
      " beside it, or put it at ", Quote(absl::StrCat(name, "/1/", file_name))));
}

}  // namespace

PathIdentity IdentityFromPath(std::string_view relative_path) {
  const std::vector<std::string> parts = absl::StrSplit(std::string(relative_path), '/');
  PathIdentity identity;
  identity.name = parts.size() > 1 ? parts[0] : Stem(parts[0]);
  if (parts.size() > 2 && IsNumber(parts[1])) identity.version = parts[1];
  return identity;
}

absl::StatusOr<ModelIdentity> IdentifyModel(std::string_view relative_path, const v1::ModelConfig& config) {
  const std::string path(relative_path);
  PathIdentity from_path = IdentityFromPath(relative_path);
  ModelIdentity identity{.name = config.name(), .version = config.version()};

  const bool name_from_path = identity.name.empty();
  if (name_from_path) identity.name = std::move(from_path.name);
  MODELD_RETURN_IF_ERROR(WithOrigin(ValidateModelName(identity.name),
                                    name_from_path
                                        ? absl::StrCat("; the name comes from the path ", Quote(path),
                                                       ": give \"name\" in config.json, or rename it")
                                        : "; the name comes from config.json"));

  if (!identity.version.empty() && from_path.version && identity.version != *from_path.version) {
    return absl::InvalidArgumentError(
        absl::StrCat("the directory of ", Quote(path), " says version ", Quote(*from_path.version),
                     ", but config.json says ", Quote(identity.version), "; make them equal, or drop one"));
  }
  if (identity.version.empty()) identity.version = std::move(from_path.version).value_or("");
  if (identity.version.empty()) return NoVersion(path, identity.name);
  MODELD_RETURN_IF_ERROR(ValidateVersion(identity.version));
  return identity;
}

bool IsWorkInProgress(std::string_view file_name) {
  if (absl::StartsWith(std::string(file_name), ".")) return true;
  const std::string name = absl::AsciiStrToLower(std::string(file_name));
  for (const char* suffix : {"~", ".tmp", ".part", ".partial", ".crdownload", ".filepart", ".swp"}) {
    if (absl::EndsWith(name, suffix)) return true;
  }
  return false;
}

std::string SidecarPath(std::string_view path) { return std::string(path) + ".config.json"; }

}  // namespace modeld
