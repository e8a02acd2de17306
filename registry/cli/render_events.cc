// The history as text for people.
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "registry/cli/render.h"
#include "registry/cli/table.h"

namespace modeld {
namespace {

constexpr char kNothing[] = "-";
constexpr char kIndent[] = "    ";

std::string OrNothing(const std::string& text) { return text.empty() ? kNothing : text; }

// Events that should not be overlooked, and those that are good news.
Tone ToneOf(const std::string& action) {
  if (action == "quarantined" || action == "auto_rollback" || action == "refused_release") return Tone::kBad;
  if (action == "published" || action == "released" || action == "watch_passed") return Tone::kGood;
  return action == "rollback" ? Tone::kBusy : Tone::kPlain;
}

std::string VersionText(const v1::Event& event) {
  if (event.from_version() == event.to_version()) return OrNothing(event.version());
  return absl::StrCat(OrNothing(event.from_version()), " -> ", OrNothing(event.to_version()));
}

std::vector<std::string> Headings(const EventsLook& events) {
  std::vector<std::string> headings = {"TIME", "ACTOR", "ACTION", "VERSION", "REASON"};
  if (!events.of_one_model) headings.insert(headings.begin() + 3, "MODEL");
  return headings;
}

std::vector<Cell> RowOf(const v1::Event& event, const EventsLook& events, const Look& look) {
  std::vector<Cell> row = {FormatTimestamp(event.time(), look.zone),
                           event.actor(),
                           {event.action(), ToneOf(event.action())},
                           VersionText(event),
                           event.reason()};
  if (!events.of_one_model) row.insert(row.begin() + 3, OrNothing(event.model()));
  return row;
}

// The evidence, indented, a line a fact.
std::string EvidenceLines(const v1::Event& event) {
  if (event.evidence().empty()) return "";
  const auto json =
      nlohmann::ordered_json::parse(event.evidence(), /*cb=*/nullptr, /*allow_exceptions=*/false);
  const std::string text = json.is_discarded() ? event.evidence() : json.dump(2);
  std::string lines;
  for (const auto line : absl::StrSplit(text, '\n')) {
    absl::StrAppend(&lines, kIndent, Printable(std::string(line)), "\n");
  }
  return lines;
}

// `text` filled up to `width` columns.
std::string Padded(const std::string& text, size_t width) {
  return text.size() < width ? text + std::string(width - text.size(), ' ') : text;
}

}  // namespace

std::string RenderEvents(const v1::ListEventsResponse& response, const EventsLook& events, const Look& look) {
  if (response.events().empty()) return "no events\n";
  Table table(Headings(events));
  for (const v1::Event& event : response.events()) table.AddRow(RowOf(event, events, look));
  const std::string text = table.ToString(look.color);
  if (!events.evidence) return text;

  // Every row is one line, after that of the headings.
  std::string out;
  int row = -1;
  for (const auto line : absl::StrSplit(text, '\n')) {
    if (line.empty()) continue;
    absl::StrAppend(&out, line, "\n");
    if (row >= 0) absl::StrAppend(&out, EvidenceLines(response.events(row)));
    ++row;
  }
  return out;
}

std::string RenderEventLine(const v1::Event& event, const EventsLook& events, const Look& look) {
  // Of the columns before the last, which may be as wide as it is.
  std::vector<size_t> widths = {25, 12, 12, 16};
  if (!events.of_one_model) widths.insert(widths.begin() + 3, 16);
  const std::vector<Cell> row = RowOf(event, events, look);
  std::string line;
  for (size_t column = 0; column < row.size(); ++column) {
    const std::string text = Printable(row[column].text);
    const std::string padded = column < widths.size() ? Padded(text, widths[column]) + "  " : text;
    absl::StrAppend(&line, Toned(text, row[column].tone, look.color), padded.substr(text.size()));
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return absl::StrCat(line, "\n", events.evidence ? EvidenceLines(event) : "");
}

}  // namespace modeld
