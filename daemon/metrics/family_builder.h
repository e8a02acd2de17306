// FamilyBuilder: one metric family while it is filled.
#pragma once

#include <prometheus/metric_family.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "daemon/lifecycle/request_metrics.h"
#include "daemon/lifecycle/time_histogram.h"

namespace modeld {

using Labels = std::vector<prometheus::ClientMetric::Label>;

class FamilyBuilder {
 public:
  FamilyBuilder(const char* name, const char* help, prometheus::MetricType type) {
    family_.name = name;
    family_.help = help;
    family_.type = type;
  }

  // By the family's type.
  void Add(Labels labels, double value) {
    prometheus::ClientMetric& metric = NewMetric(std::move(labels));
    (family_.type == prometheus::MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
  }
  void Add(Labels labels, int64_t value) { Add(std::move(labels), static_cast<double>(value)); }
  void Add(Labels labels, const TimeCounts& times);
  // Sizes in rows.
  void AddRuns(Labels labels, const RequestCounts& requests);

  prometheus::MetricFamily Take() { return std::move(family_); }

 private:
  prometheus::ClientMetric& NewMetric(Labels labels) {
    prometheus::ClientMetric& metric = family_.metric.emplace_back();
    metric.label = std::move(labels);
    return metric;
  }

  prometheus::MetricFamily family_;
};

}  // namespace modeld
