#include "daemon/metrics/families.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/metrics/text.h"

namespace modeld {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

VersionMetrics Version(const std::string& version, int64_t requests = 3) {
  VersionMetrics metrics;
  metrics.version = version;
  metrics.engine = "libtorch";
  metrics.plan = "libtorch fp32";
  metrics.resident_bytes = 1'000;
  metrics.artifact_bytes = 500;
  metrics.instances = 2;
  metrics.load = {.queued = 4, .running = 1, .busy_nanoseconds = 1'500'000'000};
  metrics.requests.by_code[0] = requests;
  metrics.requests.by_code[IndexOfCode(absl::StatusCode::kInternal)] = 1;
  for (int64_t i = 0; i < requests; ++i) {
    metrics.requests.total.Add(2'000'000);
    metrics.requests.queue.Add(300'000);
    metrics.requests.run.Add(1'000'000);
  }
  metrics.requests.in_flight = 5;
  metrics.requests.runs[RunSizes::IndexOf(3)] = {.count = 1, .nanoseconds = 1'000'000};
  metrics.requests.run_rows = 3;
  return metrics;
}

Measured WithModel(const std::string& model, std::vector<VersionMetrics> versions) {
  Measured measured;
  ModelMetrics metrics;
  metrics.name = model;
  metrics.versions_by_state[static_cast<size_t>(VersionState::kReady)] =
      static_cast<int64_t>(versions.size());
  metrics.versions = std::move(versions);
  measured.lifecycle.models.push_back(std::move(metrics));
  return measured;
}

TEST(FamiliesTest, AVersionInMemoryHasItsSeries) {
  const std::string text = MetricsText(WithModel("digits", {Version("1.0")}));
  for (const char* line : {
           "modeld_requests_total{model=\"digits\",version=\"1.0\",code=\"OK\"} 3\n",
           "modeld_requests_total{model=\"digits\",version=\"1.0\",code=\"INTERNAL\"} 1\n",
           "modeld_request_seconds_count{model=\"digits\",version=\"1.0\"} 3\n",
           "modeld_request_seconds_sum{model=\"digits\",version=\"1.0\"} 0.006\n",
           "modeld_request_queue_seconds_bucket{model=\"digits\",version=\"1.0\",le=\"0.0005\"} 3\n",
           "modeld_request_compute_seconds_bucket{model=\"digits\",version=\"1.0\",le=\"0.0005\"} 0\n",
           "modeld_batch_rows_bucket{model=\"digits\",version=\"1.0\",le=\"2\"} 0\n",
           "modeld_batch_rows_bucket{model=\"digits\",version=\"1.0\",le=\"4\"} 1\n",
           "modeld_batch_rows_sum{model=\"digits\",version=\"1.0\"} 3\n",
           "modeld_requests_in_flight{model=\"digits\",version=\"1.0\"} 5\n",
           "modeld_queue_depth{model=\"digits\",version=\"1.0\"} 4\n",
           "modeld_instances{model=\"digits\",version=\"1.0\"} 2\n",
           "modeld_instances_busy{model=\"digits\",version=\"1.0\"} 1\n",
           "modeld_instance_busy_seconds_total{model=\"digits\",version=\"1.0\"} 1.5\n",
           "modeld_version_resident_bytes{model=\"digits\",version=\"1.0\"} 1000\n",
           "modeld_version_artifact_bytes{model=\"digits\",version=\"1.0\"} 500\n",
           "modeld_model_versions{model=\"digits\",state=\"ready\"} 1\n",
           "modeld_versions{state=\"quarantined\"} 0\n",
       }) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(text, Not(HasSubstr("code=\"NOT_FOUND\"} 1")));
}

TEST(FamiliesTest, TheLiveVersionIsSaid) {
  VersionMetrics live = Version("1.1");
  live.live = true;
  EXPECT_THAT(MetricsText(WithModel("digits", {Version("1.0"), live})),
              AllOf(HasSubstr("modeld_version_live{model=\"digits\",version=\"1.1\"} 1\n"),
                    Not(HasSubstr("modeld_version_live{model=\"digits\",version=\"1.0\"}"))));
}

TEST(FamiliesTest, AnUnloadedVersionsSeriesAreGone) {
  EXPECT_THAT(MetricsText(WithModel("digits", {Version("1.1")})), Not(HasSubstr("version=\"1.0\"")));
  EXPECT_THAT(MetricsText(WithModel("digits", {})), Not(HasSubstr("modeld_queue_depth")));
}

TEST(FamiliesTest, RefusedRequestsAreCountedWithoutAVersion) {
  Measured measured = WithModel("digits", {});
  measured.lifecycle.models[0].refused[IndexOfCode(absl::StatusCode::kFailedPrecondition)] = 2;
  measured.refused_without_model[IndexOfCode(absl::StatusCode::kNotFound)] = 9;
  EXPECT_THAT(
      MetricsText(measured),
      AllOf(
          HasSubstr("modeld_requests_total{model=\"digits\",version=\"\",code=\"FAILED_PRECONDITION\"} 2\n"),
          HasSubstr("modeld_unrouted_requests_total{code=\"NOT_FOUND\"} 9\n")));
}

TEST(FamiliesTest, WhatTheLifecycleDidIsCounted) {
  Measured measured;
  measured.lifecycle.counts = {.swaps = 4,
                               .rollbacks = 1,
                               .automatic_rollbacks = 2,
                               .quarantines = 3,
                               .probes_passed = 5,
                               .probes_refused = 6,
                               .probes_failed = 7,
                               .loads = 8,
                               .failed_loads = 9,
                               .swap = {},
                               .drain = {}};
  measured.lifecycle.counts.swap.Add(3'000'000);
  measured.drop_directory_readable = true;
  const std::string text = MetricsText(measured);
  for (const char* line : {"modeld_swaps_total 4\n", "modeld_rollbacks_total{cause=\"command\"} 1\n",
                           "modeld_rollbacks_total{cause=\"watch\"} 2\n", "modeld_quarantines_total 3\n",
                           "modeld_probes_total{verdict=\"refused\"} 6\n",
                           "modeld_loads_total{outcome=\"failed\"} 9\n", "modeld_swap_seconds_count 1\n",
                           "modeld_swap_seconds_sum 0.003\n", "modeld_swap_seconds_bucket{le=\"0.0025\"} 0\n",
                           "modeld_drain_seconds_count 0\n", "modeld_drop_directory_readable 1\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST(FamiliesTest, NamesAreOnesThatPrometheusTakes) {
  for (const prometheus::MetricFamily& family : Families(WithModel("digits", {Version("1.0")}))) {
    EXPECT_TRUE(std::all_of(family.name.begin(), family.name.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || c == '_';
    })) << family.name;
    EXPECT_FALSE(family.help.empty()) << family.name;
    const bool total = family.name.size() > 6 && family.name.substr(family.name.size() - 6) == "_total";
    EXPECT_EQ(total, family.type == prometheus::MetricType::Counter) << family.name;
  }
}

#ifdef MODELD_PROMTOOL
TEST(FamiliesTest, PrometheusOwnLinterFindsNothing) {
  FILE* const linter = ::popen(MODELD_PROMTOOL " check metrics 2>&1", "w");
  ASSERT_NE(linter, nullptr);
  VersionMetrics live = Version("1.0");
  live.live = true;
  std::fputs(MetricsText(WithModel("digits \"quoted\"", {live})).c_str(), linter);
  EXPECT_EQ(::pclose(linter), 0);
}
#endif

// As the manager does it for a scrape, but for its lock. The limit that the project sets itself is 50 ms;
// sanitizers and busy machines take longer.
TEST(FamiliesTest, AThousandModelsAreSoonMeasuredAndWritten) {
  constexpr int kModels = 1'000, kVersions = 2, kThreads = 4;
  std::vector<std::unique_ptr<ServedVersion>> served;
  for (int i = 0; i < kModels * kVersions; ++i) {
    served.push_back(std::make_unique<ServedVersion>());
    served.back()->model = absl::StrCat("some-model-with-a-name-", i / kVersions);
    served.back()->version = absl::StrCat("1.", i % kVersions);
  }
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&] {
      for (const auto& version : served) {
        for (int64_t time = 10'000; time < 1'000'000'000; time *= 7) {
          version->metrics.Begin();
          version->metrics.End({.total_nanoseconds = 2 * time, .run_nanoseconds = time, .run_rows = 1});
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  double best = 1e9;
  size_t bytes = 0;
  for (int i = 0; i < 5; ++i) {
    const std::clock_t begin = std::clock();  // CPU time: other tests run beside this one
    Measured measured;
    for (size_t model = 0; model < served.size(); model += kVersions) {
      ModelMetrics& metrics = measured.lifecycle.models.emplace_back();
      metrics.name = served[model]->model;
      for (size_t version = 0; version < kVersions; ++version) {
        metrics.versions.push_back(MetricsOf(*served[model + version]));
      }
    }
    bytes = MetricsText(measured).size();
    best = std::min(best, 1e3 * static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC);
  }
  std::cout << kModels << " models of " << kVersions << " versions: " << best << " ms, " << bytes
            << " bytes\n";
  EXPECT_LT(best, 500);
}

}  // namespace
}  // namespace modeld
