#include "registry/cli/version_diff.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace modeld {
namespace {

using nlohmann::json;

using Facts = std::vector<std::pair<std::string, json>>;

// Whether a list is best compared as one value: numbers, texts, nothing.
bool IsPlainList(const json& value) {
  return value.is_array() &&
         std::none_of(value.begin(), value.end(), [](const json& item) { return item.is_object(); });
}

void Flatten(const std::string& path, const json& value, Facts* out) {
  if (value.is_object() && !value.empty()) {
    for (const auto& [key, item] : value.items()) {
      Flatten(path.empty() ? key : absl::StrCat(path, ".", key), item, out);
    }
  } else if (value.is_array() && !IsPlainList(value)) {
    for (size_t i = 0; i < value.size(); ++i) Flatten(absl::StrCat(path, "[", i, "]"), value[i], out);
  } else if (!path.empty()) {
    out->emplace_back(path, value);
  }
}

// Facts by key, those of `from` first and in its order.
std::vector<Difference> Compare(const Facts& from, const Facts& to, bool also_same) {
  std::vector<Difference> differences;
  const auto find = [](const Facts& facts, const std::string& key) {
    const auto found =
        std::find_if(facts.begin(), facts.end(), [&](const auto& fact) { return fact.first == key; });
    return found == facts.end() ? json() : found->second;
  };
  for (const auto& [key, value] : from) differences.push_back({key, value, find(to, key)});
  for (const auto& [key, value] : to) {
    if (find(from, key).is_null()) differences.push_back({key, json(), value});
  }
  if (!also_same) {
    std::erase_if(differences, [](const Difference& each) { return each.change() == Change::kSame; });
  }
  return differences;
}

Facts ArtifactFacts(const v1::Version& version) {
  return {{"size_bytes", version.size_bytes()},
          {"sha256", version.sha256()},
          {"format", version.format()},
          {"state", EnumText(v1::VersionState_Name(version.state()), "VERSION_STATE_")}};
}

// "Tensor FP32 [-1, 4], optional".
std::string TypeOf(const v1::ArgumentSignature& argument) {
  std::string text = argument.type();
  if (!argument.dtype().empty()) absl::StrAppend(&text, " ", argument.dtype());
  if (!argument.shape().empty()) absl::StrAppend(&text, " [", absl::StrJoin(argument.shape(), ", "), "]");
  if (argument.optional()) absl::StrAppend(&text, ", optional");
  return text;
}

template <typename Arguments>
std::string NamesOf(const Arguments& arguments) {
  return absl::StrJoin(arguments, ", ", [](std::string* out, const v1::ArgumentSignature& argument) {
    out->append(argument.name());
  });
}

Facts SchemaFacts(const v1::ProbeReport& probe) {
  Facts facts;
  for (const v1::MethodSignature& method : probe.methods()) {
    facts.emplace_back(method.name(),
                       absl::StrCat("(", NamesOf(method.inputs()), ") -> (", NamesOf(method.outputs()), ")"));
    for (const v1::ArgumentSignature& input : method.inputs()) {
      facts.emplace_back(absl::StrCat(method.name(), "(", input.name(), ")"), TypeOf(input));
    }
    for (const v1::ArgumentSignature& output : method.outputs()) {
      facts.emplace_back(absl::StrCat(method.name(), " -> ", output.name()), TypeOf(output));
    }
  }
  return facts;
}

Facts MeasuredFacts(const v1::ProbeReport& probe) {
  return {{"outcome", EnumText(v1::ProbeOutcome_Name(probe.outcome()), "PROBE_OUTCOME_")},
          {"resident_bytes", probe.resident_bytes()},
          {"peak_bytes", probe.peak_bytes()},
          {"load_seconds", probe.load_seconds()},
          {"engine", probe.engine()},
          {"machine", probe.machine()}};
}

Facts GoldenFacts(const v1::ProbeReport& probe) {
  Facts facts;
  for (const v1::GoldenResult& result : probe.golden()) {
    facts.emplace_back(result.sample(), json{{"passed", result.passed()},
                                             {"detail", result.detail()},
                                             {"max_absolute", result.max_absolute()},
                                             {"max_relative", result.max_relative()}});
  }
  return facts;
}

Facts LatencyFacts(const v1::ProbeReport& probe) {
  Facts facts;
  for (const v1::BatchLatency& latency : probe.latencies()) {
    facts.emplace_back(absl::StrCat(latency.batch_size()), latency.seconds());
  }
  return facts;
}

}  // namespace

std::string_view ChangeName(Change change) {
  switch (change) {
    case Change::kSame:
      return "same";
    case Change::kChanged:
      return "changed";
    case Change::kAdded:
      return "added";
    case Change::kRemoved:
      return "removed";
  }
  return "";
}

Change Difference::change() const {
  if (from == to) return Change::kSame;
  if (from.is_null()) return Change::kAdded;
  return to.is_null() ? Change::kRemoved : Change::kChanged;
}

std::vector<std::pair<std::string, json>> FlattenConfig(const std::string& config_json) {
  Facts facts;
  const json config = json::parse(config_json, /*cb=*/nullptr, /*allow_exceptions=*/false);
  if (config.is_discarded()) {
    facts.emplace_back("", config_json);
  } else {
    Flatten("", config, &facts);
  }
  return facts;
}

VersionDiff DiffVersions(const v1::GetVersionResponse& from, const v1::GetVersionResponse& to) {
  VersionDiff diff;
  diff.model = from.model();
  diff.from_version = from.version().version();
  diff.to_version = to.version().version();
  diff.from_probed = from.has_probe();
  diff.to_probed = to.has_probe();
  diff.artifact = Compare(ArtifactFacts(from.version()), ArtifactFacts(to.version()), /*also_same=*/true);
  diff.config =
      Compare(FlattenConfig(from.config_json()), FlattenConfig(to.config_json()), /*also_same=*/false);
  const auto of = [](const v1::GetVersionResponse& version, Facts (*facts)(const v1::ProbeReport&)) {
    return version.has_probe() ? facts(version.probe()) : Facts();
  };
  // Against nothing, everything would seem new.
  if (diff.from_probed && diff.to_probed) {
    diff.schema = Compare(of(from, SchemaFacts), of(to, SchemaFacts), /*also_same=*/false);
  }
  diff.measured = Compare(of(from, MeasuredFacts), of(to, MeasuredFacts), /*also_same=*/true);
  diff.golden = Compare(of(from, GoldenFacts), of(to, GoldenFacts), /*also_same=*/true);
  diff.latency = Compare(of(from, LatencyFacts), of(to, LatencyFacts), /*also_same=*/true);
  return diff;
}

nlohmann::ordered_json DiffToJson(const VersionDiff& diff) {
  const auto section = [](const std::vector<Difference>& differences) {
    nlohmann::ordered_json object = nlohmann::ordered_json::object();
    for (const Difference& each : differences) {
      object[each.key] = {
          {"change", std::string(ChangeName(each.change()))}, {"from", each.from}, {"to", each.to}};
    }
    return object;
  };
  return {{"model", diff.model},
          {"from_version", diff.from_version},
          {"to_version", diff.to_version},
          {"from_probed", diff.from_probed},
          {"to_probed", diff.to_probed},
          {"artifact", section(diff.artifact)},
          {"config", section(diff.config)},
          {"schema", section(diff.schema)},
          {"measured", section(diff.measured)},
          {"golden", section(diff.golden)},
          {"latency_seconds", section(diff.latency)}};
}

}  // namespace modeld
