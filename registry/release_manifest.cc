#include "registry/release_manifest.h"

#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "registry/archive_reader.h"
#include "registry/base/closest_match.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/config_checker.h"
#include "registry/identify.h"
#include "registry/strict_json.h"

namespace modeld {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxJsonDepth = 8;
// NAME/VERSION/anything.pt
constexpr size_t kMaxParts = 3;

absl::Status ManifestError(const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(kManifestName, ": ", what));
}

absl::Status ManifestFieldError(const std::string& field, const std::string& what) {
  return ManifestError(absl::StrCat("field ", Quote(field), ": ", what));
}

// OK, or what is off with a model file's path; it follows the path itself.
absl::Status CheckModelPath(const std::string& path) {
  const auto refuse = [](const std::string& what) { return absl::InvalidArgumentError(what); };
  if (path.starts_with('/')) return refuse("is absolute; expected a path inside the release's directory");
  if (!IsPrintable(path) || path.find('\\') != std::string::npos) {
    return refuse("holds control characters or backslashes; rename the file");
  }
  const std::vector<std::string> parts = absl::StrSplit(path, '/');
  for (const std::string& part : parts) {
    if (part == "..") return refuse("leads out of the release's directory; put the file into it");
    if (part.empty() || part == ".") {
      return refuse(
          "has a part that is empty or \".\"; expected a path as \"digits.pt\" or \"faces/2.0.pt\"");
    }
    if (IsWorkInProgress(part)) {
      return refuse(absl::StrCat("is hidden or work in progress, as ", Quote(part),
                                 " says, and would be left out; rename it"));
    }
  }
  if (parts.size() > kMaxParts) {
    return refuse(
        "lies too deep; in a release's directory model files lie at NAME.pt, NAME/anything.pt or "
        "NAME/VERSION/anything.pt");
  }
  if (!FormatFromExtension(path)) {
    return refuse(
        "is no model file by its extension; expected .pt, .pth, .jit or .ts (TorchScript), or .onnx");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> ParseModels(const Json& models) {
  const std::string field = "models";
  if (!models.is_array()) {
    return ManifestFieldError(
        field, absl::StrCat("expected a list of paths, as [\"digits.pt\"], got ", DescribeJson(models)));
  }
  if (models.empty()) return ManifestFieldError(field, "names no model file; a release has at least one");
  if (models.size() > kMaxReleaseModels) {
    return ManifestFieldError(field,
                              absl::StrCat(models.size(), " model files; at most ", kMaxReleaseModels));
  }
  std::vector<std::string> paths;
  std::set<std::string> seen;
  for (size_t i = 0; i < models.size(); ++i) {
    const std::string element = ElementPath(field, i);
    if (!models[i].is_string()) {
      return ManifestFieldError(
          element,
          absl::StrCat("expected the path of a model file, as \"digits.pt\", got ", DescribeJson(models[i])));
    }
    std::string path = models[i].get<std::string>();
    if (const absl::Status ok = CheckModelPath(path); !ok.ok()) {
      return ManifestFieldError(element, absl::StrCat(Quote(path), " ", ok.message()));
    }
    if (!seen.insert(path).second) {
      return ManifestFieldError(element, absl::StrCat(Quote(path), " is there twice"));
    }
    paths.push_back(std::move(path));
  }
  return paths;
}

}  // namespace

absl::StatusOr<ReleaseManifest> ParseReleaseManifest(std::string_view json) {
  const absl::StatusOr<StrictJson> parsed = ParseStrictJson(json, kMaxJsonDepth);
  if (!parsed.ok()) return ManifestError(std::string(parsed.status().message()));
  const Json& root = parsed->value;
  if (!root.is_object()) {
    return ManifestError(
        absl::StrCat("expected an object, as {\"models\": [\"digits.pt\"]}, got ", DescribeJson(root)));
  }
  for (const auto& [key, value] : root.items()) {
    if (key == "models" || key == "description") continue;
    return ManifestError(
        absl::StrCat("unknown key ", Quote(MemberPath("", key)), DidYouMean(key, {"models", "description"})));
  }
  ReleaseManifest manifest;
  if (const auto description = root.find("description"); description != root.end()) {
    if (!description->is_string()) {
      return ManifestFieldError("description",
                                absl::StrCat("expected a string, got ", DescribeJson(*description)));
    }
    manifest.description = description->get<std::string>();
  }
  const auto models = root.find("models");
  if (models == root.end()) {
    return ManifestFieldError("models", "missing; it lists the release's model files, as [\"digits.pt\"]");
  }
  MODELD_ASSIGN_OR_RETURN(manifest.models, ParseModels(*models));
  return manifest;
}

}  // namespace modeld
