#include "daemon/metrics/text.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <string_view>

namespace modeld {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

void AppendNumber(uint64_t number, std::string& text) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  text.append(digits.data(), end.ptr);
}

void AppendNumber(double number, std::string& text) {
  constexpr double kExact = 1e15;
  if (number >= 0 && number < kExact && number == std::floor(number)) {
    return AppendNumber(static_cast<uint64_t>(number), text);
  }
  if (std::isnan(number)) {
    text += "NaN";
  } else if (std::isinf(number)) {
    text += number > 0 ? "+Inf" : "-Inf";
  } else {
    std::array<char, 32> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number);
    text.append(digits.data(), end.ptr);
  }
}

// Of a bound, which is part of a series' name: as people write it, 0.00025 and not 2.5e-04.
std::string BoundText(double bound) {
  if (std::isinf(bound)) return "+Inf";
  std::array<char, 64> digits;
  const auto end =
      std::to_chars(digits.data(), digits.data() + digits.size(), bound, std::chars_format::fixed);
  return {digits.data(), end.ptr};
}

void AppendEscaped(std::string_view value, bool quote, std::string& text) {
  if (value.find_first_of("\\\n\"") == std::string_view::npos) {
    text += value;
    return;
  }
  for (const char c : value) {
    if (c == '\\') {
      text += "\\\\";
    } else if (c == '\n') {
      text += "\\n";
    } else if (c == '"' && quote) {
      text += "\\\"";
    } else {
      text += c;
    }
  }
}

std::string_view TypeName(MetricType type) {
  switch (type) {
    case MetricType::Counter:
      return "counter";
    case MetricType::Gauge:
      return "gauge";
    case MetricType::Histogram:
      return "histogram";
    case MetricType::Summary:
    case MetricType::Untyped:
      break;
  }
  return "untyped";
}

// `a="1",b="2"`.
std::string LabelsText(const ClientMetric& metric) {
  std::string text;
  for (const ClientMetric::Label& label : metric.label) {
    if (!text.empty()) text += ',';
    text += label.name;
    text += "=\"";
    AppendEscaped(label.value, /*quote=*/true, text);
    text += '"';
  }
  return text;
}

void AppendSeries(const std::string& name, std::string_view suffix, const std::string& labels,
                  std::string& text) {
  text += name;
  text += suffix;
  if (!labels.empty()) {
    text += '{';
    text += labels;
    text += '}';
  }
  text += ' ';
}

// Bounds as text, which all series of a family share.
class BoundTexts {
 public:
  const std::string& Of(size_t place, double bound) {
    if (place >= texts_.size()) texts_.resize(place + 1);
    auto& [known, text] = texts_[place];
    if (text.empty() || known != bound) {
      known = bound;
      text = "le=\"" + BoundText(bound) + "\"} ";
    }
    return text;
  }

 private:
  std::vector<std::pair<double, std::string>> texts_;
};

void AppendHistogram(const std::string& name, const ClientMetric& metric, BoundTexts& bounds,
                     std::string& text) {
  const std::string labels = LabelsText(metric);
  AppendSeries(name, "_count", labels, text);
  AppendNumber(metric.histogram.sample_count, text);
  text += '\n';
  AppendSeries(name, "_sum", labels, text);
  AppendNumber(metric.histogram.sample_sum, text);
  text += '\n';
  const std::string begin = name + "_bucket{" + labels + (labels.empty() ? "" : ",");
  for (size_t i = 0; i < metric.histogram.bucket.size(); ++i) {
    const ClientMetric::Bucket& bucket = metric.histogram.bucket[i];
    text += begin;
    text += bounds.Of(i, bucket.upper_bound);
    AppendNumber(bucket.cumulative_count, text);
    text += '\n';
  }
}

void AppendFamily(const MetricFamily& family, std::string& text) {
  if (family.metric.empty()) return;
  text += "# HELP " + family.name + ' ';
  AppendEscaped(family.help, /*quote=*/false, text);
  text += "\n# TYPE " + family.name + ' ';
  text += TypeName(family.type);
  text += '\n';
  BoundTexts bounds;
  for (const ClientMetric& metric : family.metric) {
    if (family.type == MetricType::Histogram) {
      AppendHistogram(family.name, metric, bounds, text);
      continue;
    }
    AppendSeries(family.name, "", LabelsText(metric), text);
    AppendNumber(family.type == MetricType::Counter ? metric.counter.value : metric.gauge.value, text);
    text += '\n';
  }
}

}  // namespace

std::string ToText(const std::vector<MetricFamily>& families) {
  std::string text;
  for (const MetricFamily& family : families) AppendFamily(family, text);
  return text;
}

}  // namespace modeld
