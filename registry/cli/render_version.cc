// Traffic, probes and fates as text for people.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "registry/cli/render.h"
#include "registry/cli/table.h"

namespace modeld {
namespace {

// "99.7 % of 1234".
std::string AgreementText(const v1::ShadowStats& stats) {
  const double share = static_cast<double>(stats.agreed()) / static_cast<double>(stats.compared());
  return absl::StrFormat("agreed on %.4g %% of %d", share * 100, stats.compared());
}

std::string ShadowLine(const v1::Traffic& traffic) {
  const v1::ShadowStats& stats = traffic.shadow();
  std::vector<std::string> facts = {absl::StrCat("shadow ", traffic.shadow_version(), ": copies of ",
                                                 FormatShare(traffic.shadow_share()),
                                                 " of the unnamed requests")};
  if (stats.compared() > 0) {
    facts.push_back(AgreementText(stats));
    facts.push_back(absl::StrCat(FormatSeconds(stats.shadow_seconds()), " where live takes ",
                                 FormatSeconds(stats.live_seconds())));
  }
  if (stats.failed() > 0) facts.push_back(absl::StrCat("failed on ", stats.failed()));
  if (stats.skipped() > 0) facts.push_back(absl::StrCat(stats.skipped(), " left out"));
  if (!stats.last_difference().empty())
    facts.push_back(absl::StrCat("last difference: ", stats.last_difference()));
  return absl::StrJoin(facts, "; ");
}

std::string TypeText(const v1::ArgumentSignature& argument) {
  std::string text = absl::StrCat(argument.name(), ": ", argument.type());
  if (!argument.dtype().empty()) absl::StrAppend(&text, " ", argument.dtype());
  if (!argument.shape().empty()) absl::StrAppend(&text, " [", absl::StrJoin(argument.shape(), ", "), "]");
  return text;
}

std::string MethodText(const v1::MethodSignature& method) {
  const auto list = [](const auto& arguments) {
    return absl::StrJoin(arguments, ", ", [](std::string* out, const v1::ArgumentSignature& argument) {
      out->append(TypeText(argument));
    });
  };
  return absl::StrCat(method.name(), "(", list(method.inputs()), ") -> (", list(method.outputs()), ")");
}

std::string BytesText(int64_t bytes) { return bytes <= 0 ? "-" : FormatBytes(static_cast<uint64_t>(bytes)); }

// The last words as they are, line by line, indented.
std::string Indented(const std::string& text) {
  std::string out;
  size_t begin = 0;
  while (begin < text.size()) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    absl::StrAppend(&out, "    ", Printable(text.substr(begin, end - begin)), "\n");
    begin = end + 1;
  }
  return out;
}

std::string RenderLatencies(const v1::ProbeReport& probe, const Look& look) {
  if (probe.latencies().empty()) return "";
  Table table({"BATCH SIZE", "LATENCY", "CALLS", "NOTE"});
  for (const v1::BatchLatency& latency : probe.latencies()) {
    table.AddRow({absl::StrCat(latency.batch_size()), FormatSeconds(latency.seconds()),
                  absl::StrCat(latency.calls()), latency.stable() ? "" : "was still changing"});
  }
  return absl::StrCat("\n", table.ToString(look.color));
}

std::string RenderGolden(const v1::ProbeReport& probe, const Look& look) {
  if (probe.golden().empty()) return "";
  Table table({"GOLDEN SAMPLE", "RESULT", "MAX ABSOLUTE", "MAX RELATIVE", "DETAIL"});
  for (const v1::GoldenResult& result : probe.golden()) {
    table.AddRow({result.sample(),
                  {result.passed() ? "passed" : "failed", result.passed() ? Tone::kGood : Tone::kBad},
                  absl::StrFormat("%.3g", result.max_absolute()),
                  absl::StrFormat("%.3g", result.max_relative()),
                  result.detail()});
  }
  return absl::StrCat("\n", table.ToString(look.color));
}

std::string LatenciesText(const v1::PlanResult& plan) {
  return absl::StrJoin(plan.latencies(), ", ", [](std::string* out, const v1::BatchLatency& latency) {
    absl::StrAppend(out, latency.batch_size(), ": ", FormatSeconds(latency.seconds()));
  });
}

// What was not compared does not differ by 0.
std::string DifferenceText(const v1::PlanResult& plan, double difference) {
  const bool compared = !plan.latencies().empty() || plan.max_absolute() > 0 || plan.max_relative() > 0;
  return compared ? absl::StrFormat("%.3g", difference) : "-";
}

Cell NoteOf(const v1::PlanResult& plan) {
  if (plan.chosen()) return {"chosen", Tone::kGood};
  return {Printable(plan.refused()), Tone::kFaint};
}

// "openvino by threads of a run: 1: 14.4 ms, 2: 7.6 ms; it takes 2", by the clock. Empty: not measured.
std::string ThreadsLine(const v1::ProbeReport& probe) {
  for (const v1::PlanResult& plan : probe.plans()) {
    if (plan.thread_latencies().empty()) continue;
    return absl::StrCat(plan.name(), " by threads of a run: ",
                        absl::StrJoin(plan.thread_latencies(), ", ",
                                      [](std::string* out, const v1::ThreadLatency& latency) {
                                        absl::StrAppend(out, latency.threads(), ": ",
                                                        FormatSeconds(latency.seconds()));
                                      }),
                        "; it takes ", plan.threads(), "\n");
  }
  return "";
}

std::string RenderPlanTable(const v1::ProbeReport& probe, const Look& look) {
  if (probe.plans().empty()) return "";
  Table table({"PLAN", "LATENCY BY BATCH SIZE", "MEMORY", "LOAD", "MAX ABSOLUTE", "MAX RELATIVE", "NOTE"});
  for (const v1::PlanResult& plan : probe.plans()) {
    const bool measured = !plan.latencies().empty();
    table.AddRow({plan.name(), measured ? LatenciesText(plan) : "-", BytesText(plan.resident_bytes()),
                  plan.load_seconds() > 0 ? FormatSeconds(plan.load_seconds()) : "-",
                  DifferenceText(plan, plan.max_absolute()), DifferenceText(plan, plan.max_relative()),
                  NoteOf(plan)});
  }
  return table.ToString(look.color) + ThreadsLine(probe);
}

std::string FateLine(const std::string& name, const v1::WaitVersionResponse& response) {
  switch (response.fate()) {
    case v1::VERSION_FATE_LIVE:
      return absl::StrCat(name, " is live\n");
    case v1::VERSION_FATE_REFUSED:
      return absl::StrCat(name, " is refused: ", Printable(response.reason()), "\n");
    case v1::VERSION_FATE_READY:
      return absl::StrCat(name, " is kept from live: ", Printable(response.reason()), "\n");
    default:
      return absl::StrCat(name, ": the daemon gave an answer that this modelctl does not know\n");
  }
}

// That the version, in memory, runs by another plan than the chosen one. Empty: it does not.
std::string OtherPlanText(const v1::GetVersionResponse& response) {
  const std::string& runs_as = response.version().plan();  // "openvino on 4 threads"
  if (runs_as.empty()) return "";
  for (const v1::PlanResult& plan : response.probe().plans()) {
    if (!plan.chosen()) continue;
    if (runs_as == plan.name() || absl::StartsWith(runs_as, absl::StrCat(plan.name(), " on "))) return "";
  }
  return absl::StrCat("It runs as ", Printable(runs_as),
                      " now; by the chosen plan from when it is loaded again, where modeld runs with "
                      "--try-plans on that machine and with these engines\n");
}

}  // namespace

std::string TrafficNote(const v1::Model& model) {
  std::vector<std::string> notes;
  const v1::Traffic& traffic = model.traffic();
  if (!traffic.canary_version().empty()) {
    notes.push_back(
        absl::StrCat("canary ", traffic.canary_version(), " ", FormatShare(traffic.canary_share())));
  }
  if (!traffic.shadow_version().empty()) {
    std::string note =
        absl::StrCat("shadow ", traffic.shadow_version(), " ", FormatShare(traffic.shadow_share()));
    if (traffic.shadow().compared() > 0) absl::StrAppend(&note, ", ", AgreementText(traffic.shadow()));
    notes.push_back(std::move(note));
  }
  if (model.has_watch()) notes.push_back("watched");
  return absl::StrJoin(notes, "; ");
}

std::string RenderTraffic(const v1::Model& model, const Look& look) {
  std::string out;
  const v1::Traffic& traffic = model.traffic();
  const auto add = [&](const std::string& line) { absl::StrAppend(&out, Printable(line), "\n"); };
  if (!traffic.canary_version().empty()) {
    add(absl::StrCat("canary ", traffic.canary_version(), ": ", FormatShare(traffic.canary_share()),
                     " of the unnamed requests"));
  }
  if (!traffic.shadow_version().empty()) add(ShadowLine(traffic));
  if (model.has_watch()) {
    const v1::Watch& watch = model.watch();
    add(absl::StrCat("watch over ", watch.version(), " until ", FormatTimestamp(watch.ends_at(), look.zone),
                     watch.previous_version().empty()
                         ? ""
                         : absl::StrCat("; back to ", watch.previous_version(), " if it fails")));
  }
  return out;
}

std::string RenderProbe(const v1::GetVersionResponse& response, const Look& look) {
  const std::string name =
      absl::StrCat(Printable(response.model()), " ", Printable(response.version().version()));
  if (!response.has_probe()) return absl::StrCat(name, " was never probed\n");
  const v1::ProbeReport& probe = response.probe();
  const bool passed = probe.outcome() == v1::PROBE_OUTCOME_PASSED;
  std::vector<std::pair<std::string, std::string>> facts;
  const auto add = [&](const char* key, const std::string& value) {
    if (!value.empty()) facts.emplace_back(key, value);
  };
  add("reason", probe.reason());
  add("hint", probe.hint());
  if (!passed) add("while", probe.stage());
  add("probed", FormatTimestamp(probe.probed_at(), look.zone));
  add("took", FormatSeconds(probe.wall_seconds()));
  add("load", FormatSeconds(probe.load_seconds()));
  add("memory", BytesText(probe.resident_bytes()));
  add("memory at most", BytesText(probe.peak_bytes()));
  add("engine", probe.engine());
  add("machine", probe.machine());
  for (const v1::MethodSignature& method : probe.methods()) add("method", MethodText(method));
  for (const std::string& warning : probe.warnings()) add("warning", warning);
  for (const std::string& limit : probe.unconfined()) add("not applied", limit);
  std::string out =
      absl::StrCat(name, ": ",
                   Toned(EnumText(v1::ProbeOutcome_Name(probe.outcome()), "PROBE_OUTCOME_"),
                         passed ? Tone::kGood : Tone::kBad, look.color),
                   "\n", RenderFacts(facts), RenderLatencies(probe, look), RenderGolden(probe, look));
  if (!probe.plans().empty()) absl::StrAppend(&out, "\n", RenderPlanTable(probe, look));
  if (!probe.last_words().empty()) absl::StrAppend(&out, "\nLast words:\n", Indented(probe.last_words()));
  return out;
}

std::string RenderPlans(const v1::GetVersionResponse& response, const Look& look) {
  const std::string name =
      absl::StrCat(Printable(response.model()), " ", Printable(response.version().version()));
  const v1::ProbeReport& probe = response.probe();
  if (probe.plans().empty()) {
    if (!response.has_probe()) return absl::StrCat(name, " was never probed\n");
    if (probe.outcome() != v1::PROBE_OUTCOME_PASSED) {
      return absl::StrCat(name, " did not pass its probe; see `modelctl probe`\n");
    }
    if (!probe.no_plans().empty()) {
      return absl::StrCat(name, " was probed as it was saved only: ", Printable(probe.no_plans()), "\n");
    }
    return absl::StrCat(name,
                        " was probed as it was saved only; other plans are tried behind what serves, unless "
                        "modeld runs with --try-plans=false\n");
  }
  return absl::StrCat(name, ", measured ", FormatTimestamp(probe.probed_at(), look.zone),
                      " on one thread of ", Printable(probe.machine()), ", ", probe.cpus(),
                      probe.cpus() == 1 ? " CPU" : " CPUs", ", with ", Printable(probe.engine()), "\n",
                      probe.plans_of().empty()
                          ? ""
                          : absl::StrCat("The same graph as ", Printable(probe.plans_of()),
                                         ", with which the plans were measured\n"),
                      OtherPlanText(response), RenderPlanTable(probe, look));
}

std::string RenderFate(const std::string& model, const v1::WaitVersionResponse& response) {
  const v1::Version& version = response.version();
  std::string out = FateLine(absl::StrCat(Printable(model), " ", Printable(version.version())), response);
  for (const std::string& warning : version.warnings()) {
    absl::StrAppend(&out, "warning: ", Printable(warning), "\n");
  }
  return out;
}

}  // namespace modeld
