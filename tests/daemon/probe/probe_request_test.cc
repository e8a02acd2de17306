#include "daemon/probe/probe_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using ::testing::HasSubstr;

TEST(ProbeRequestTest, ComesBackAsItWas) {
  v1::ProbeReport known_plans;
  known_plans.set_plans_of("1.0");
  known_plans.add_plans()->set_chosen(true);
  known_plans.mutable_plans(0)->set_name("fake frozen");
  const ProbeRequest request{
      .artifact_path = "/a/\xff path\nwith all",
      .unpacked = "/unpacked/1",
      .config_json = "{}",
      .golden = {{.name = "golden/0", .path = ""}, {.name = "golden/1", .path = "/b"}},
      .limits = {.wall = absl::Milliseconds(1500), .cpu = absl::Seconds(7), .memory_bytes = 1 << 30},
      .try_plans = true,
      .known_plans = known_plans,
      .most_threads = 12,
      .parent_process = 4711};
  const std::string bytes = EncodeRequest(request);
  ASSERT_OK_AND_ASSIGN(const ProbeRequest decoded, DecodeRequest(bytes));
  EXPECT_EQ(decoded.artifact_path, request.artifact_path);
  EXPECT_EQ(decoded.unpacked, request.unpacked);
  EXPECT_EQ(decoded.config_json, request.config_json);
  EXPECT_EQ(decoded.golden, request.golden);
  EXPECT_EQ(decoded.limits.wall, request.limits.wall);
  EXPECT_EQ(decoded.limits.cpu, request.limits.cpu);
  EXPECT_EQ(decoded.limits.memory_bytes, request.limits.memory_bytes);
  EXPECT_TRUE(decoded.try_plans);
  EXPECT_EQ(decoded.known_plans.SerializeAsString(), known_plans.SerializeAsString());
  EXPECT_EQ(decoded.parent_process, 4711);
  EXPECT_EQ(decoded.most_threads, 12);
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THAT(DecodeRequest(bytes.substr(0, size)),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr("short")));
  }
}

TEST(ProbeRequestTest, WhereNothingIsKnownNothingComes) {
  ASSERT_OK_AND_ASSIGN(const ProbeRequest decoded, DecodeRequest(EncodeRequest(ProbeRequest())));
  EXPECT_FALSE(decoded.try_plans);
  EXPECT_EQ(decoded.known_plans.plans_size(), 0);
}

TEST(ProbeRequestTest, KnownPlansThatAreNoReportAreRefused) {
  ProbeRequest request;
  request.known_plans.set_plans_of("the version");
  std::string bytes = EncodeRequest(request);
  const size_t length_of_text = bytes.find("the version") - 1;
  bytes[length_of_text] = 100;
  EXPECT_THAT(DecodeRequest(bytes), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("no report")));
}

v1::ProbeReport ReportAt(const std::string& stage) {
  v1::ProbeReport report;
  report.set_stage(stage);
  return report;
}

TEST(ReportReaderTest, TheLastWholeReportCountsHoweverItArrives) {
  const std::string bytes =
      EncodeReport(ReportAt("loading")) + EncodeReport(ReportAt("warming")) + EncodeReport(v1::ProbeReport());
  for (size_t step : {1, 3, 7, 1000}) {
    ReportReader reader;
    std::string stages;
    for (size_t i = 0; i < bytes.size(); i += step) {
      ASSERT_OK(reader.Add(bytes.substr(i, step)));
      if (!stages.ends_with(reader.last().stage())) stages += reader.last().stage();
    }
    EXPECT_EQ(stages, step == 1000 ? "" : "loadingwarming") << step;
    EXPECT_EQ(reader.last().stage(), "");
  }
  ReportReader reader;
  ASSERT_OK(reader.Add(EncodeReport(ReportAt("loading"))));
  ASSERT_OK(reader.Add(EncodeReport(ReportAt("warming")).substr(0, 6)));
  EXPECT_EQ(reader.last().stage(), "loading");
}

TEST(ReportReaderTest, GarbageIsNoReportAndNothingAfterItIs) {
  ReportReader reader;
  ASSERT_OK(reader.Add(EncodeReport(ReportAt("loading"))));
  EXPECT_THAT(reader.Add("\xff\xff\xff\xff"), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("no report")));
  EXPECT_THAT(reader.Add(EncodeReport(ReportAt("warming"))),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("no report")));
  EXPECT_EQ(reader.last().stage(), "loading");
  ReportReader other;
  EXPECT_THAT(other.Add(std::string("\2\0\0\0\xff\xff", 6)),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("no report")));
}

}  // namespace
}  // namespace modeld
