#include "registry/cli/render.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "registry/cli/render_value.h"
#include "registry/cli/table.h"

namespace modeld {
namespace {

constexpr char kNothing[] = "-";
constexpr size_t kShortHash = 12;

std::string OrNothing(const std::string& text) { return text.empty() ? kNothing : text; }

Cell StateCell(v1::VersionState state) {
  const std::string text = EnumText(v1::VersionState_Name(state), "VERSION_STATE_");
  switch (state) {
    case v1::VERSION_STATE_READY:
      return {text, Tone::kGood};
    case v1::VERSION_STATE_PROBING:
    case v1::VERSION_STATE_LOADING:
    case v1::VERSION_STATE_DRAINING:
      return {text, Tone::kBusy};
    case v1::VERSION_STATE_QUARANTINED:
      return {text, Tone::kBad};
    default:
      return {text, Tone::kFaint};
  }
}

Cell StateCell(v1::DroppedFileState state) {
  const std::string text = EnumText(v1::DroppedFileState_Name(state), "DROPPED_FILE_STATE_");
  return {text, state == v1::DROPPED_FILE_STATE_QUARANTINED ? Tone::kBad : Tone::kBusy};
}

// Preceded by an empty line and a title; nothing where there are none.
template <typename Files>
std::string RenderDroppedFiles(const Files& files, const Look& look) {
  if (files.empty()) return "";
  Table table({"FILE", "STATE", "SINCE", "REASON"});
  for (const v1::DroppedFile& file : files) {
    table.AddRow(
        {file.path(), StateCell(file.state()), FormatTimestamp(file.since(), look.zone), file.reason()});
  }
  return absl::StrCat("\nIn the drop directory, not registered:\n", table.ToString(look.color));
}

std::string MemoryText(const v1::Version& version) {
  if (version.resident_bytes() <= 0) return kNothing;
  return FormatBytes(static_cast<uint64_t>(version.resident_bytes()));
}

// Of requests that ended well; there may be none.
std::string LatencyText(double seconds) { return seconds > 0 ? FormatSeconds(seconds) : kNothing; }

// What the versions have done since they were loaded, after an empty line; nothing where that is nothing.
std::string RenderStats(const v1::Model& model, const Look& look) {
  Table table({"VERSION", "REQUESTS", "ERRORS", "NAN", "P50", "P99"});
  for (const v1::Version& version : model.versions()) {
    const v1::VersionStats& stats = version.stats();
    if (stats.requests() == 0) continue;
    table.AddRow({version.version(),
                  absl::StrCat(stats.requests()),
                  {absl::StrCat(stats.errors()), stats.errors() > 0 ? Tone::kBad : Tone::kPlain},
                  {absl::StrCat(stats.not_a_number()), stats.not_a_number() > 0 ? Tone::kBad : Tone::kPlain},
                  LatencyText(stats.latency_p50_seconds()),
                  LatencyText(stats.latency_p99_seconds())});
  }
  return table.empty() ? "" : absl::StrCat("\nSince they were loaded:\n", table.ToString(look.color));
}

// "3 (1 quarantined, 1 retired)".
std::string CountVersions(const v1::Model& model) {
  int quarantined = 0, retired = 0;
  for (const v1::Version& version : model.versions()) {
    quarantined += version.state() == v1::VERSION_STATE_QUARANTINED ? 1 : 0;
    retired += version.state() == v1::VERSION_STATE_RETIRED ? 1 : 0;
  }
  std::vector<std::string> notes;
  if (quarantined > 0) notes.push_back(absl::StrCat(quarantined, " quarantined"));
  if (retired > 0) notes.push_back(absl::StrCat(retired, " retired"));
  if (notes.empty()) return absl::StrCat(model.versions_size());
  return absl::StrCat(model.versions_size(), " (", absl::StrJoin(notes, ", "), ")");
}

std::string PinText(const v1::Model& model) {
  if (model.pinned_version().empty()) return "";
  const std::string pinned = absl::StrCat("pinned to ", model.pinned_version());
  return model.pin_reason().empty() ? pinned : absl::StrCat(pinned, ": ", model.pin_reason());
}

// What the newest version is about, where it is not what serves: "1.2 probing", "1.2 quarantined".
std::string NewestNote(const v1::Model& model) {
  if (model.versions().empty()) return "";
  const v1::Version& newest = model.versions(0);
  if (newest.version() == model.live_version()) return "";
  switch (newest.state()) {
    case v1::VERSION_STATE_PROBING:
    case v1::VERSION_STATE_LOADING:
    case v1::VERSION_STATE_QUARANTINED:
      return absl::StrCat(newest.version(), " ",
                          EnumText(v1::VersionState_Name(newest.state()), "VERSION_STATE_"));
    default:
      return "";
  }
}

std::string ModelNote(const v1::Model& model) {
  std::vector<std::string> notes;
  for (const std::string& note : {NewestNote(model), PinText(model), TrafficNote(model)}) {
    if (!note.empty()) notes.push_back(note);
  }
  return absl::StrJoin(notes, "; ");
}

Cell LiveStateCell(const v1::Model& model) {
  for (const v1::Version& version : model.versions()) {
    if (version.version() == model.live_version()) return StateCell(version.state());
  }
  return {kNothing, Tone::kBad};
}

std::string Labels(const v1::Model& model, const std::string& version) {
  const std::map<std::string, std::string> sorted(model.labels().begin(), model.labels().end());
  std::vector<std::string> labels;
  for (const auto& [label, of] : sorted) {
    if (of == version) labels.push_back(label);
  }
  return absl::StrJoin(labels, ",");
}

std::string Note(const v1::Version& version) {
  std::vector<std::string> notes;
  if (!version.reason().empty()) notes.push_back(version.reason());
  for (const std::string& warning : version.warnings()) notes.push_back(absl::StrCat("warning: ", warning));
  return absl::StrJoin(notes, "; ");
}

}  // namespace

std::string FormatTimestamp(const google::protobuf::Timestamp& time, absl::TimeZone zone) {
  if (time.seconds() == 0) return "";
  return absl::FormatTime("%Y-%m-%dT%H:%M:%S%Ez", absl::FromUnixSeconds(time.seconds()), zone);
}

std::string FormatBytes(uint64_t bytes) {
  static constexpr const char* kUnits[] = {"kB", "MB", "GB", "TB"};
  if (bytes < 1000) return absl::StrCat(bytes, " B");
  double value = static_cast<double>(bytes) / 1000;
  size_t unit = 0;
  // From 999.5 on it would be written as 1000.
  for (; value >= 999.5 && unit + 1 < std::size(kUnits); ++unit) value /= 1000;
  const int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return absl::StrFormat("%.*f %s", decimals, value, kUnits[unit]);
}

std::string FormatSeconds(double seconds) {
  const auto [value, unit] = seconds < 1e-3 ? std::pair(seconds * 1e6, "µs")
                             : seconds < 1  ? std::pair(seconds * 1e3, "ms")
                                            : std::pair(seconds, "s");
  const int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return absl::StrFormat("%.*f %s", decimals, value, unit);
}

std::string FormatShare(double share) { return absl::StrFormat("%.6g %%", share * 100); }

std::string EnumText(const std::string& name, std::string_view prefix) {
  return absl::AsciiStrToLower(name.substr(std::min(prefix.size(), name.size())));
}

std::string RenderFacts(const std::vector<std::pair<std::string, std::string>>& facts) {
  size_t width = 0;
  for (const auto& [key, value] : facts) width = std::max(width, key.size());
  std::string out;
  for (const auto& [key, value] : facts) {
    absl::StrAppend(&out, key, std::string(width - key.size() + 2, ' '), Printable(value), "\n");
  }
  return out;
}

std::string RenderModels(const v1::ListModelsResponse& response, const Look& look) {
  std::string out;
  if (!response.source_error().empty()) {
    absl::StrAppend(&out, Toned("drop directory: ", Tone::kBad, look.color),
                    Printable(response.source_error()), "\n\n");
  }
  if (response.models().empty()) {
    absl::StrAppend(&out, "no models\n");
  } else {
    Table table({"MODEL", "LIVE", "STATE", "VERSIONS", "NOTE"});
    for (const v1::Model& model : response.models()) {
      table.AddRow({model.name(), OrNothing(model.live_version()), LiveStateCell(model), CountVersions(model),
                    ModelNote(model)});
    }
    absl::StrAppend(&out, table.ToString(look.color));
  }
  return out + RenderDroppedFiles(response.dropped_files(), look);
}

std::string RenderVersions(const v1::GetModelResponse& response, const Look& look) {
  const v1::Model& model = response.model();
  Table table({" ", "VERSION", "STATE", "LABELS", "SIZE", "MEMORY", "REGISTERED", "SHA256", "NOTE"});
  for (const v1::Version& version : model.versions()) {
    const bool live = version.version() == model.live_version();
    table.AddRow({live ? "*" : " ",
                  {version.version(), live ? Tone::kHeading : Tone::kPlain},
                  StateCell(version.state()),
                  OrNothing(Labels(model, version.version())),
                  FormatBytes(static_cast<uint64_t>(version.size_bytes())),
                  MemoryText(version),
                  FormatTimestamp(version.registered_at(), look.zone),
                  version.sha256().substr(0, kShortHash),
                  Note(version)});
  }
  std::string out = table.ToString(look.color);
  std::string below = RenderTraffic(model, look);
  if (!model.pinned_version().empty()) below = absl::StrCat(Printable(PinText(model)), "\n", below);
  if (!below.empty()) absl::StrAppend(&out, "\n", below);
  return absl::StrCat(out, RenderStats(model, look), RenderDroppedFiles(response.dropped_files(), look));
}

std::string RenderChange(const v1::LiveChange& change) {
  const std::string from = change.from_version().empty() ? "none" : change.from_version();
  const std::string to = change.to_version().empty() ? "none" : change.to_version();
  const std::string live =
      from == to ? absl::StrCat("live stays ", to) : absl::StrCat("live ", from, " -> ", to);
  const std::string pin =
      change.pinned_version().empty() ? "not pinned" : absl::StrCat("pinned to ", change.pinned_version());
  return absl::StrCat(Printable(change.model()), ": ", live, ", ", pin, "\n");
}

std::string RenderRescan(const v1::RescanResponse& response, const Look& look) {
  return absl::StrCat("model files seen: ", response.files(), "\n",
                      RenderDroppedFiles(response.dropped_files(), look));
}

std::string RenderStatus(const v1::GetStatusResponse& response, const Look& look) {
  const std::string versions = absl::StrCat(response.versions(), " (", response.ready_versions(), " ready, ",
                                            response.quarantined_versions(), " quarantined)");
  if (response.process_id() == 0) {
    return RenderFacts({{"daemon", "not running; this is the registry file"},
                        {"state directory", response.state_directory()},
                        {"models", absl::StrCat(response.models())},
                        {"versions", versions},
                        {"refused files", absl::StrCat(response.dropped_files())}});
  }
  std::vector<std::pair<std::string, std::string>> facts = {
      {"daemon", absl::StrCat("modeld ", response.version(), ", process ", response.process_id(), ", ",
                              response.ready() ? "ready" : "starting")},
      {"started", FormatTimestamp(response.started_at(), look.zone)},
      {"listening on", OrNothing(absl::StrJoin(response.addresses(), ", "))},
      {"engines", OrNothing(absl::StrJoin(response.engines(), ", "))},
      {"drop directory", response.drop_directory()},
      {"state directory", response.state_directory()},
      {"models", absl::StrCat(response.models())},
      {"versions", versions},
      {"files not registered", absl::StrCat(response.dropped_files())},
      {"requests in flight", absl::StrCat(response.requests_in_flight())}};
  if (!response.source_error().empty()) facts.emplace_back("trouble", response.source_error());
  return RenderFacts(facts);
}

std::string RenderPrediction(const v1::PredictResponse& response, const Look& look) {
  Table table({"OUTPUT", "TYPE", "SHAPE", "VALUE"});
  const std::map<std::string, v1::Value> sorted(response.outputs().begin(), response.outputs().end());
  for (const auto& [name, value] : sorted) {
    for (ValueLine& line : DescribeValue(name, value)) {
      table.AddRow({std::move(line.path), std::move(line.type), std::move(line.shape), std::move(line.text)});
    }
  }
  return absl::StrCat(Printable(response.model()), " ", Printable(response.version()), "\n",
                      table.empty() ? "no outputs\n" : table.ToString(look.color));
}

}  // namespace modeld
