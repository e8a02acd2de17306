#include "daemon/rpc/view_codec.h"

#include <gmock/gmock.h>

#include "tests/support/registry_records.h"

namespace modeld {
namespace {

ModelView Digits() {
  ModelView model;
  model.name = "digits";
  model.live = "1.0";
  VersionView version;
  version.record = TestVersion("digits", "1.0");
  version.state = VersionState::kReady;
  model.versions.push_back(version);
  return model;
}

TEST(ViewCodecTest, WhatThereIsNotIsAbsent) {
  v1::Model wire;
  ToWire(Digits(), &wire);
  EXPECT_FALSE(wire.has_traffic());
  EXPECT_FALSE(wire.has_watch());
  EXPECT_FALSE(wire.versions(0).has_stats());
}

TEST(ViewCodecTest, AVersionsStats) {
  ModelView model = Digits();
  model.versions[0].stats = VersionStatsView{
      .requests = 7, .errors = 2, .not_a_number = 1, .latency_p50_seconds = 0.25, .latency_p99_seconds = 0.5};
  v1::Model wire;
  ToWire(model, &wire);
  const v1::VersionStats& stats = wire.versions(0).stats();
  EXPECT_EQ(stats.requests(), 7);
  EXPECT_EQ(stats.errors(), 2);
  EXPECT_EQ(stats.not_a_number(), 1);
  EXPECT_EQ(stats.latency_p50_seconds(), 0.25);
  EXPECT_EQ(stats.latency_p99_seconds(), 0.5);
}

TEST(ViewCodecTest, TrafficAndWatch) {
  ModelView model = Digits();
  model.traffic = TrafficView{.canary = "1.1", .canary_share = 0.1, .shadow = "1.2", .shadow_share = 0.5};
  model.traffic->shadow_stats = {.compared = 9,
                                 .agreed = 8,
                                 .failed = 1,
                                 .skipped = 3,
                                 .max_absolute = 0.125,
                                 .last_difference = "a\xff",
                                 .live_seconds = 0.001,
                                 .shadow_seconds = 0.002};
  model.watch =
      WatchView{.version = "1.0", .previous = "0.9", .ends_at = absl::FromUnixSeconds(1'700'000'300)};
  v1::Model wire;
  ToWire(model, &wire);
  EXPECT_EQ(wire.traffic().canary_version(), "1.1");
  EXPECT_EQ(wire.traffic().canary_share(), 0.1);
  EXPECT_EQ(wire.traffic().shadow_version(), "1.2");
  EXPECT_EQ(wire.traffic().shadow_share(), 0.5);
  const v1::ShadowStats& shadow = wire.traffic().shadow();
  EXPECT_EQ(shadow.compared(), 9);
  EXPECT_EQ(shadow.agreed(), 8);
  EXPECT_EQ(shadow.failed(), 1);
  EXPECT_EQ(shadow.skipped(), 3);
  EXPECT_EQ(shadow.max_absolute(), 0.125);
  EXPECT_EQ(shadow.last_difference(), "a\xef\xbf\xbd") << "a model's text need not be UTF-8";
  EXPECT_EQ(shadow.live_seconds(), 0.001);
  EXPECT_EQ(shadow.shadow_seconds(), 0.002);
  EXPECT_EQ(wire.watch().version(), "1.0");
  EXPECT_EQ(wire.watch().previous_version(), "0.9");
  EXPECT_EQ(wire.watch().ends_at().seconds(), 1'700'000'300);
}

TEST(ViewCodecTest, ACanaryAloneHasNoShadow) {
  v1::Traffic wire;
  ToWire(TrafficView{.canary = "1.1", .canary_share = 0.1, .shadow = "", .shadow_share = 0}, &wire);
  EXPECT_FALSE(wire.has_shadow());
  EXPECT_EQ(wire.canary_version(), "1.1");
}

}  // namespace
}  // namespace modeld
