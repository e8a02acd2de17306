#include "daemon/probe/choose_plan.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"

namespace modeld {
namespace {

constexpr char kBf16[] = "bf16";
constexpr char kCompilesForEachInstance[] = "openvino";
constexpr char kMemory[] = "memory", kThroughput[] = "throughput";
constexpr double kWorthIt = 0.98;
constexpr double kNear = 2;
constexpr size_t kMostFinalists = 3;
constexpr double kWorthThreads = 0.75;

double SecondsOfRow(const v1::BatchLatency& latency) {
  return latency.seconds() / static_cast<double>(std::max<int64_t>(1, latency.batch_size()));
}

// What is to be as small as possible.
double CostOf(const v1::PlanResult& plan, const std::string& objective) {
  if (objective == kMemory) return static_cast<double>(plan.resident_bytes());
  const v1::BatchLatency* const latency = DecidingLatency(plan, objective);
  if (latency == nullptr) return std::numeric_limits<double>::infinity();
  return objective == kThroughput ? SecondsOfRow(*latency) : latency->seconds();
}

// Null: the report says nothing of this machine.
const v1::PlanResult* ChosenOf(const v1::ProbeReport& report, const std::string& engine,
                               const Machine& machine) {
  if (report.engine() != engine || machine.cpu_model.empty()) return nullptr;
  if (Machine{.cpu_model = report.machine(), .cpus = report.cpus()} != machine) return nullptr;
  for (const v1::PlanResult& plan : report.plans()) {
    if (plan.chosen()) return &plan;
  }
  return nullptr;
}

}  // namespace

int ChoosePlan(const google::protobuf::RepeatedPtrField<v1::PlanResult>& plans, const std::string& objective,
               const std::vector<int>& among) {
  const auto may_be = [&](int i) {
    return plans[i].refused().empty() &&
           (among.empty() || std::find(among.begin(), among.end(), i) != among.end());
  };
  int best = 0;
  double best_cost =
      may_be(0) ? CostOf(plans[0], objective) * kWorthIt : std::numeric_limits<double>::infinity();
  for (int i = 1; i < plans.size(); ++i) {
    const double cost = CostOf(plans[i], objective);
    if (!may_be(i) || cost >= best_cost) continue;
    best = i;
    best_cost = cost;
  }
  return best;
}

const v1::BatchLatency* DecidingLatency(const v1::PlanResult& plan, const std::string& objective) {
  if (plan.latencies().empty()) return nullptr;
  if (objective != kThroughput) return &plan.latencies(0);
  return &*std::min_element(plan.latencies().begin(), plan.latencies().end(),
                            [](const auto& a, const auto& b) { return SecondsOfRow(a) < SecondsOfRow(b); });
}

std::vector<int> Finalists(const google::protobuf::RepeatedPtrField<v1::PlanResult>& plans,
                           const std::string& objective) {
  if (objective == kMemory) return {};
  std::vector<std::pair<double, int>> ranked;
  for (int i = 0; i < plans.size(); ++i) {
    const double cost = CostOf(plans[i], objective);
    if (plans[i].refused().empty() && std::isfinite(cost)) ranked.emplace_back(cost, i);
  }
  std::sort(ranked.begin(), ranked.end());
  std::erase_if(ranked, [best = ranked.empty() ? 0 : ranked.front().first](const auto& entry) {
    return entry.first > kNear * best;
  });
  // It has a place of its own.
  std::stable_partition(ranked.begin(), ranked.end(), [](const auto& entry) { return entry.second == 0; });
  std::vector<int> finalists;
  for (const auto& [cost, index] : ranked) {
    if (finalists.size() < kMostFinalists) finalists.push_back(index);
  }
  if (finalists.size() < 2) return {};
  std::sort(finalists.begin(), finalists.end());
  return finalists;
}

int MostThreads(const v1::ExecutionConfig& execution, int daemon_instances, int daemon_threads, int cpus) {
  if (execution.objective() != "latency") return 1;
  if (execution.threads_per_instance() > 0 || daemon_threads > 0) return 1;
  const int instances = execution.instances() > 0 ? execution.instances() : std::max(1, daemon_instances);
  return std::max(1, cpus / instances);
}

int ChooseThreads(const google::protobuf::RepeatedPtrField<v1::ThreadLatency>& measured) {
  const v1::ThreadLatency* taken = nullptr;
  for (const v1::ThreadLatency& latency : measured) {
    if (taken != nullptr && latency.seconds() > kWorthThreads * taken->seconds()) break;
    taken = &latency;
  }
  return taken == nullptr ? 0 : taken->threads();
}

bool AllowsBf16(const v1::ExecutionConfig& execution) {
  const auto& named = execution.precisions();
  if (named.empty()) return execution.has_tolerance();
  return std::find(named.begin(), named.end(), kBf16) != named.end();
}

void SetPlan(const Plan& plan, v1::PlanResult* result) {
  result->set_engine(plan.engine);
  result->set_variant(plan.variant);
  result->set_precision(plan.precision == Precision::kBf16 ? kBf16 : "");
  result->set_name(PlanName(plan));
}

Plan PlanOf(const v1::PlanResult& result) {
  return {.engine = result.engine(),
          .variant = result.variant(),
          .precision = result.precision() == kBf16 ? Precision::kBf16 : Precision::kAsSaved};
}

Plan ChosenPlan(const v1::ProbeReport& report, const std::string& engine, const Machine& machine) {
  const v1::PlanResult* const chosen = ChosenOf(report, engine, machine);
  return chosen == nullptr ? Plan{} : PlanOf(*chosen);
}

int ChosenThreads(const v1::ProbeReport& report, const std::string& engine, const Machine& machine) {
  const v1::PlanResult* const chosen = ChosenOf(report, engine, machine);
  return chosen == nullptr ? 0 : chosen->threads();
}

int64_t BytesOfInstances(const v1::ProbeReport& report, int instances) {
  for (const v1::PlanResult& plan : report.plans()) {
    if (plan.chosen() && plan.engine() == kCompilesForEachInstance) {
      return report.resident_bytes() + (instances - 1) * plan.resident_bytes();
    }
  }
  return report.resident_bytes();
}

std::string PlanText(const std::string& plan_name, int threads) {
  return threads > 1 ? absl::StrCat(plan_name, " on ", threads, " threads") : plan_name;
}

}  // namespace modeld
