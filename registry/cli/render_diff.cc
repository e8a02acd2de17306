// A VersionDiff as text for people.
#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "registry/cli/table.h"
#include "registry/cli/version_diff.h"

namespace modeld {
namespace {

using nlohmann::json;

constexpr char kNothing[] = "-";
constexpr size_t kShortHash = 12;

// A value as a person reads it, going by what its key says.
std::string ValueText(const std::string& key, const json& value) {
  if (value.is_null()) return kNothing;
  if (key == "sha256") return value.get<std::string>().substr(0, kShortHash);
  if (key.ends_with("_bytes"))
    return FormatBytes(static_cast<uint64_t>(std::max<int64_t>(value.get<int64_t>(), 0)));
  if (key.ends_with("_seconds")) return FormatSeconds(value.get<double>());
  if (value.is_string()) return value.get<std::string>().empty() ? kNothing : value.get<std::string>();
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string GoldenText(const json& result) {
  if (result.is_null()) return kNothing;
  if (!result["passed"].get<bool>()) return absl::StrCat("failed: ", result["detail"].get<std::string>());
  return absl::StrFormat("passed, within %.3g", result["max_absolute"].get<double>());
}

// "+12 %"; empty where that says nothing.
std::string Growth(const json& from, const json& to) {
  if (!from.is_number() || !to.is_number() || from.get<double>() <= 0 || from == to) return "";
  const double percent = (to.get<double>() / from.get<double>() - 1) * 100;
  return absl::StrFormat("%+.*f %%", std::abs(percent) < 10 ? 1 : 0, percent);
}

Tone ToneOf(Change change) {
  switch (change) {
    case Change::kSame:
      return Tone::kFaint;
    case Change::kChanged:
      return Tone::kBusy;
    case Change::kAdded:
      return Tone::kGood;
    case Change::kRemoved:
      return Tone::kBad;
  }
  return Tone::kPlain;
}

const char* SignOf(Change change) {
  switch (change) {
    case Change::kSame:
      return " ";
    case Change::kChanged:
      return "~";
    case Change::kAdded:
      return "+";
    case Change::kRemoved:
      return "-";
  }
  return "";
}

class Section {
 public:
  Section(const char* title, const VersionDiff& diff)
      : title_(title), table_({" ", title, diff.from_version, diff.to_version, ""}) {}

  void Add(const Difference& difference, const std::string& from, const std::string& to) {
    const Change change = difference.change();
    const Tone tone = ToneOf(change);
    table_.AddRow({{SignOf(change), tone},
                   {difference.key, tone},
                   {from, change == Change::kSame ? tone : Tone::kPlain},
                   {to, change == Change::kSame ? tone : Tone::kPlain},
                   Growth(difference.from, difference.to)});
  }
  std::string Text(const char* otherwise, const Look& look) const {
    return table_.empty() ? absl::StrCat("   ", title_, ": ", otherwise, "\n") : table_.ToString(look.color);
  }

 private:
  const char* const title_;
  Table table_;
};

}  // namespace

std::string RenderDiff(const VersionDiff& diff, const Look& look) {
  const auto facts = [&](const char* title, const std::vector<Difference>& differences,
                         const char* otherwise) {
    Section section(title, diff);
    for (const Difference& each : differences) {
      section.Add(each, ValueText(each.key, each.from), ValueText(each.key, each.to));
    }
    return section.Text(otherwise, look);
  };
  const bool both = diff.from_probed && diff.to_probed;
  const char* const unknown = "known of versions that were probed";
  Section golden("GOLDEN SAMPLE", diff);
  for (const Difference& each : diff.golden) golden.Add(each, GoldenText(each.from), GoldenText(each.to));
  Section latency("BATCH SIZE", diff);
  for (const Difference& each : diff.latency) {
    latency.Add(each, ValueText("_seconds", each.from), ValueText("_seconds", each.to));
  }
  std::string out = absl::StrCat(Printable(diff.model), " ", Printable(diff.from_version), " -> ",
                                 Printable(diff.to_version), "\n");
  for (const std::string& section :
       {facts("ARTIFACT", diff.artifact, ""), facts("CONFIG", diff.config, "the same"),
        facts("SCHEMA", diff.schema, both ? "the same" : unknown), facts("MEASURED", diff.measured, unknown),
        golden.Text("none", look), latency.Text(both ? "not measured" : unknown, look)}) {
    absl::StrAppend(&out, "\n", section);
  }
  return out;
}

}  // namespace modeld
