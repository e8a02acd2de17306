// What docs/ says of the metrics, and what is ready-made of them, is what the daemon has.
#include <gmock/gmock.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <string>

#include "daemon/metrics/families.h"

namespace modeld {
namespace {

using testing::IsEmpty;
using testing::IsSupersetOf;

std::string Read(const std::string& name) {
  std::ifstream file(std::string(MODELD_DOCS) + "/" + name);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::set<std::string> Known() {
  Measured measured;
  measured.lifecycle.models.emplace_back();
  std::set<std::string> names;
  for (const prometheus::MetricFamily& family : Families(measured)) names.insert(family.name);
  return names;
}

// The metrics that a text speaks of, without a histogram's suffixes.
std::set<std::string> NamedIn(const std::string& text) {
  static const std::regex name("\\b(modeld|process)_[a-z_]+");
  const std::set<std::string> known = Known();
  std::set<std::string> names;
  for (auto found = std::sregex_iterator(text.begin(), text.end(), name); found != std::sregex_iterator();
       ++found) {
    std::string metric = found->str();
    for (const std::string suffix : {"_bucket", "_sum", "_count"}) {
      const size_t without = metric.size() - std::min(metric.size(), suffix.size());
      if (metric.substr(without) == suffix && known.contains(metric.substr(0, without))) {
        metric.resize(without);
      }
    }
    names.insert(metric);
  }
  return names;
}

TEST(OperationsTest, EachMetricIsDocumentedAndNothingElse) {
  EXPECT_EQ(NamedIn(Read("metrics.md")), Known());
}

TEST(OperationsTest, AlertsAreAboutMetricsThatThereAre) {
  const std::set<std::string> named = NamedIn(Read("operations/alerts.yml"));
  EXPECT_THAT(named, testing::Not(IsEmpty()));
  EXPECT_THAT(Known(), IsSupersetOf(named));
}

TEST(OperationsTest, TheDashboardShowsMetricsThatThereAre) {
  const nlohmann::json dashboard = nlohmann::json::parse(Read("operations/grafana-dashboard.json"));
  std::set<int> ids;
  std::set<std::string> named;
  for (const nlohmann::json& panel : dashboard.at("panels")) {
    EXPECT_TRUE(ids.insert(panel.at("id").get<int>()).second);
    if (panel.at("type") == "row") continue;
    EXPECT_FALSE(panel.at("targets").empty()) << panel.at("title");
    for (const nlohmann::json& target : panel.at("targets")) {
      named.merge(NamedIn(target.at("expr").get<std::string>()));
    }
  }
  EXPECT_THAT(named, testing::Not(IsEmpty()));
  EXPECT_THAT(Known(), IsSupersetOf(named));
}

}  // namespace
}  // namespace modeld
