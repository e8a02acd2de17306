#include "daemon/metrics/text.h"

#include <gmock/gmock.h>
#include <prometheus/text_serializer.h>

#include <limits>
#include <sstream>

#include "daemon/metrics/family_builder.h"

namespace modeld {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;
using testing::HasSubstr;

std::string Library(const std::vector<MetricFamily>& families) {
  std::ostringstream text;
  prometheus::TextSerializer().Serialize(text, families);
  return text.str();
}

MetricFamily One(MetricType type, double value, Labels labels = {{"model", "digits"}}) {
  FamilyBuilder family("modeld_x", "what it is", type);
  family.Add(std::move(labels), value);
  return family.Take();
}

TEST(TextTest, ACounterIsOneLineASeries) {
  EXPECT_EQ(ToText({One(MetricType::Counter, 42)}),
            "# HELP modeld_x what it is\n"
            "# TYPE modeld_x counter\n"
            "modeld_x{model=\"digits\"} 42\n");
}

TEST(TextTest, AHistogramIsCumulative) {
  TimeCounts times;
  times.Add(90'000);
  times.Add(200'000);
  times.Add(200'000);
  times.Add(60'000'000'000);
  FamilyBuilder family("modeld_x_seconds", "how long", MetricType::Histogram);
  family.Add({{"model", "digits"}}, times);
  const std::string text = ToText({family.Take()});
  EXPECT_THAT(text, HasSubstr("modeld_x_seconds_count{model=\"digits\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("modeld_x_seconds_sum{model=\"digits\"} 60.00049\n"));
  EXPECT_THAT(text, HasSubstr("modeld_x_seconds_bucket{model=\"digits\",le=\"0.0001\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("modeld_x_seconds_bucket{model=\"digits\",le=\"0.00025\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("modeld_x_seconds_bucket{model=\"digits\",le=\"10\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("modeld_x_seconds_bucket{model=\"digits\",le=\"+Inf\"} 4\n"));
}

TEST(TextTest, SaysWhatTheLibrarysSerializerSays) {
  TimeCounts times;
  for (int64_t time = 1; time < 20'000'000'000; time *= 3) times.Add(time);
  FamilyBuilder histogram("modeld_x_seconds", "how long", MetricType::Histogram);
  histogram.Add({{"model", "digits"}, {"version", "1.0"}}, times);
  histogram.Add({}, TimeCounts());
  const std::vector<MetricFamily> families = {
      One(MetricType::Counter, 0),
      One(MetricType::Counter, 9'007'199'254'740'991.0),
      One(MetricType::Gauge, -3),
      One(MetricType::Gauge, 0.5),
      One(MetricType::Gauge, 1'700'000'000.25),
      One(MetricType::Gauge, std::numeric_limits<double>::infinity(), {}),
      One(MetricType::Gauge, 1, {{"a", "quote \" slash \\ line\n"}, {"b", ""}}),
      histogram.Take(),
  };
  EXPECT_EQ(ToText(families), Library(families));
}

TEST(TextTest, AFamilyWithoutSeriesIsLeftOut) {
  EXPECT_EQ(ToText({FamilyBuilder("modeld_x", "what it is", MetricType::Gauge).Take()}), "");
}

}  // namespace
}  // namespace modeld
