#include "daemon/metrics/process_metrics.h"

#include <gmock/gmock.h>
#include <unistd.h>

namespace modeld {
namespace {

TEST(ProcessMetricsTest, ReadsWhatTheSystemSaysOfThisProcess) {
  const ProcessMetrics metrics = ReadProcessMetrics();
  EXPECT_GT(metrics.resident_bytes, 1 << 20);
  EXPECT_GT(metrics.virtual_bytes, metrics.resident_bytes);
  EXPECT_GE(metrics.threads, 1);
  EXPECT_GE(metrics.open_files, 3);
  EXPECT_GE(metrics.max_files, metrics.open_files);
  EXPECT_GT(metrics.start_seconds, 1.5e9);
}

TEST(ProcessMetricsTest, TheProgramsNameMayHoldAnything) {
  const ProcessMetrics metrics = ParseProcessStat(
      "4711 (a) R 1 (b) S 1 4711 4711 0 -1 4194304 1000 0 0 0 250 50 0 0 20 0 7 0 1200 104857600 256 "
      "18446744073709551615 1 1",
      /*boot_seconds=*/1'700'000'000, /*ticks=*/100, /*page_bytes=*/4096);
  EXPECT_EQ(metrics.cpu_seconds, 3);
  EXPECT_EQ(metrics.threads, 7);
  EXPECT_EQ(metrics.virtual_bytes, 104'857'600);
  EXPECT_EQ(metrics.resident_bytes, 1 << 20);
  EXPECT_EQ(metrics.start_seconds, 1'700'000'012);
}

TEST(ProcessMetricsTest, WhatIsNotUnderstoodIsZero) {
  for (const char* text : {"", "1", "1 (", "1 (x)", "1 (x) S", "1 (x) S a b c"}) {
    EXPECT_EQ(ParseProcessStat(text, 0, 100, 4096).resident_bytes, 0) << text;
  }
}

}  // namespace
}  // namespace modeld
