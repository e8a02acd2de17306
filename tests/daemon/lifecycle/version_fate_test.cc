#include "daemon/lifecycle/version_fate.h"

#include <gmock/gmock.h>

#include <thread>

#include "tests/support/fake_loader.h"
#include "tests/support/manager_fixture.h"

namespace modeld {
namespace {

using ::testing::HasSubstr;

VersionRecord Record(const std::string& version, Disposition disposition = Disposition::kGood,
                     const std::string& reason = "") {
  VersionRecord record;
  record.model = "digits";
  record.version = version;
  record.disposition = disposition;
  record.reason = reason;
  return record;
}

ModelState Model(std::vector<VersionRecord> versions, LiveState live = {}) {
  return ModelState({.name = "digits",
                     .live = std::move(live),
                     .routing = {},
                     .watch = {},
                     .versions = std::move(versions)});
}

void Load(ModelState& model, const std::string& version) {
  model.BeginLoad(version);
  model.EndLoad(version, FakeServedVersion("digits", version), {});
}

// "live", "refused: …", "kept: …", or "under way".
std::string Fate(const ModelState& model, const std::string& version) {
  const std::optional<FateReport> report = FateOf(model, version);
  if (!report.has_value()) return "under way";
  EXPECT_EQ(report->version.record.version, version);
  switch (report->fate) {
    case VersionFate::kLive:
      return "live" + report->reason;
    case VersionFate::kRefused:
      return "refused: " + report->reason;
    case VersionFate::kKept:
      return "kept: " + report->reason;
  }
  return "";
}

TEST(FateOfTest, OnItsWayToLive) {
  ModelState model = Model({Record("1.0")});
  EXPECT_EQ(Fate(model, "1.0"), "under way");
  model.BeginLoad("1.0");
  EXPECT_EQ(Fate(model, "1.0"), "under way");
  model.EndLoad("1.0", FakeServedVersion("digits", "1.0"), {});
  EXPECT_EQ(Fate(model, "1.0"), "under way");  // ready, and not committed as live yet
  model.SetLive({.history = {"1.0"}, .pinned = "", .pin_reason = ""});
  EXPECT_EQ(Fate(model, "1.0"), "live");
}

TEST(FateOfTest, WhatIsLiveButNotInMemoryIsUnderWay) {
  const ModelState model = Model({Record("1.0")}, {.history = {"1.0"}, .pinned = "", .pin_reason = ""});
  EXPECT_EQ(Fate(model, "1.0"), "under way");
}

TEST(FateOfTest, ALoadThatIsTriedAgainIsUnderWay) {
  ModelState model = Model({Record("1.0")});
  model.BeginLoad("1.0");
  const auto fail = [&](const absl::Status& why) {
    model.BeginLoad("1.0");
    model.FailLoad("1.0", why, absl::FromUnixSeconds(1));
  };
  model.FailLoad("1.0", absl::UnavailableError("disk"), absl::FromUnixSeconds(1));
  fail(absl::UnavailableError("disk"));
  fail(absl::UnavailableError("disk"));
  EXPECT_EQ(Fate(model, "1.0"), "under way");
  fail(absl::UnavailableError("disk"));
  EXPECT_EQ(Fate(model, "1.0"), "kept: it cannot be loaded for now: disk; it is tried again");
  model.BeginLoad("1.0");
  EXPECT_EQ(Fate(model, "1.0"), "under way");
}

TEST(FateOfTest, AVersionWithoutRoomIsKeptAtOnce) {
  ModelState model = Model({Record("1.0")});
  model.BeginLoad("1.0");
  model.FailLoad("1.0", absl::ResourceExhaustedError("needs 5 GB"), absl::FromUnixSeconds(1));
  EXPECT_EQ(Fate(model, "1.0"), "kept: it cannot be loaded for now: needs 5 GB; it is tried again");
}

TEST(FateOfTest, Refused) {
  EXPECT_EQ(Fate(Model({Record("1.0", Disposition::kQuarantined, "bad magic")}), "1.0"),
            "refused: quarantined: bad magic");
  EXPECT_EQ(Fate(Model({Record("1.0", Disposition::kRetired)}), "1.0"), "refused: retired");
}

TEST(FateOfTest, KeptByAPin) {
  ModelState model = Model({Record("1.0"), Record("1.1")},
                           {.history = {"1.0"}, .pinned = "1.0", .pin_reason = "worse on sevens"});
  Load(model, "1.0");
  EXPECT_EQ(Fate(model, "1.1"), "under way");  // prepared for unpin
  Load(model, "1.1");
  EXPECT_EQ(Fate(model, "1.1"), "kept: live is pinned to 1.0");
  EXPECT_EQ(Fate(model, "1.0"), "live");
}

TEST(FateOfTest, KeptByAHigherVersion) {
  ModelState model = Model({Record("0.9"), Record("1.0"), Record("1.1")},
                           {.history = {"1.0", "1.1"}, .pinned = "", .pin_reason = ""});
  Load(model, "1.1");
  EXPECT_EQ(Fate(model, "0.9"), "kept: live follows the highest good version, 1.1; it is not in memory");
  Load(model, "1.0");
  EXPECT_EQ(Fate(model, "1.0"), "kept: live follows the highest good version, 1.1");
}

class WaitVersionTest : public ManagerTest {};

TEST_F(WaitVersionTest, WaitsFromBeforeTheRegistrationUntilItIsLive) {
  absl::StatusOr<FateReport> report = absl::UnknownError("");
  std::thread waiter([&] { report = manager_->WaitVersion("digits", "1.0", kLong); });
  ASSERT_OK(Register("1.0"));
  waiter.join();
  ASSERT_OK(report);
  EXPECT_EQ(report->fate, VersionFate::kLive);
  EXPECT_EQ(report->version.state, VersionState::kReady);
}

TEST_F(WaitVersionTest, EndsWhenTheVersionIsRefused) {
  loader_.Fail("digits/1.0", absl::InvalidArgumentError("bad magic"));
  ASSERT_OK(Register("1.0"));
  ASSERT_OK_AND_ASSIGN(const FateReport report, manager_->WaitVersion("digits", "1.0", kLong));
  EXPECT_EQ(report.fate, VersionFate::kRefused);
  EXPECT_THAT(report.reason, HasSubstr("bad magic"));
}

TEST_F(WaitVersionTest, SaysWhatItWasWhenTheTimeWasOver) {
  EXPECT_THAT(manager_->WaitVersion("digits", "1.0", absl::ZeroDuration()),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("was not registered")));
  loader_.Block("digits/1.0");
  ASSERT_OK(Register("1.0"));
  EXPECT_THAT(manager_->WaitVersion("digits", "1.0", absl::Milliseconds(20)),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("is still")));
}

TEST_F(WaitVersionTest, EndsWhenTheDaemonStops) {
  absl::StatusOr<FateReport> report = absl::UnknownError("");
  std::thread waiter([&] { report = manager_->WaitVersion("digits", "1.0", kLong); });
  manager_->Stop();
  waiter.join();
  EXPECT_THAT(report, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("shutting down")));
}

}  // namespace
}  // namespace modeld
