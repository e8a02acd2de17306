#include "registry/stamp_config.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/model_config.h"
#include "registry/strict_json.h"

namespace modeld {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMaxDepth = 24;  // as the config has

// An object, or `discarded`.
Json ParseObject(const std::string& text) {
  // The lenient parser has no limit of depth.
  if (!ParseStrictJson(text, kMaxDepth).ok()) return Json(Json::value_t::discarded);
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  return json.is_object() ? json : Json(Json::value_t::discarded);
}

absl::Status CheckExisting(const Json& config, const char* key, const std::string& wanted) {
  const auto existing = config.find(key);
  if (wanted.empty() || existing == config.end() || *existing == wanted) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("it is stamped already: its config.json says ", key, " ",
                   existing->dump(-1, ' ', false, Json::error_handler_t::replace), ", not ", Quote(wanted),
                   "; --force replaces that"));
}

std::string KeptKeys(const Json& config, const Stamp& stamp) {
  std::vector<std::string> kept;
  for (const auto& [key, value] : config.items()) {
    const bool replaced = key == "version" || (key == "name" && !stamp.name.empty()) ||
                          (key == "description" && stamp.description.has_value());
    if (!replaced) kept.push_back(key);
  }
  return absl::StrJoin(kept, ", ");
}

}  // namespace

absl::StatusOr<StampedConfig> StampConfig(const std::optional<std::string>& existing, const Stamp& stamp) {
  StampedConfig stamped;
  Json config = Json::object();
  if (existing) {
    // Strictly, as the daemon would: not into a config that is refused anyway.
    const absl::StatusOr<ParsedConfig> parsed = ParseModelConfig(*existing);
    config = ParseObject(*existing);
    if (!parsed.ok() && !stamp.force) {
      return absl::InvalidArgumentError(
          absl::StrCat("its config.json is refused: ", std::string(parsed.status().message()),
                       "; --force replaces it where it cannot be read, else its name and version"));
    }
    if (config.is_discarded()) {
      config = Json::object();
      stamped.warnings.emplace_back("the config.json that it carried could not be read; it is replaced");
    }
    if (!stamp.force) {
      MODELD_RETURN_IF_ERROR(CheckExisting(config, "name", stamp.name));
      MODELD_RETURN_IF_ERROR(CheckExisting(config, "version", stamp.version));
    }
    if (const std::string kept = KeptKeys(config, stamp); !kept.empty()) {
      stamped.warnings.push_back(absl::StrCat("kept from the config.json that it carries: ", kept));
    }
  }
  if (!stamp.name.empty()) config["name"] = stamp.name;
  config["version"] = stamp.version;
  if (stamp.description) config["description"] = *stamp.description;
  stamped.json = config.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";

  MODELD_ASSIGN_OR_RETURN(const ParsedConfig parsed, ParseModelConfig(stamped.json));
  stamped.name = parsed.config.name();
  stamped.version = parsed.config.version();
  stamped.warnings.insert(stamped.warnings.end(), parsed.warnings.begin(), parsed.warnings.end());
  return stamped;
}

}  // namespace modeld
