// Metric families as text. Format:
// https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
#pragma once

#include <prometheus/metric_family.h>

#include <string>
#include <vector>

#include "daemon/metrics/families.h"

namespace modeld {

inline constexpr char kMetricsContentType[] = "text/plain; version=0.0.4; charset=utf-8";

// Says what prometheus::TextSerializer does, several times as fast: that one formats each line's numbers and
// labels anew, through a stream. Families without a series are left out. Counters, gauges and histograms
// only; no timestamps. Pure.
std::string ToText(const std::vector<prometheus::MetricFamily>& families);

inline std::string MetricsText(const Measured& measured) { return ToText(Families(measured)); }

}  // namespace modeld
