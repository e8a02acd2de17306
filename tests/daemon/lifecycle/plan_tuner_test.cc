#include "daemon/lifecycle/plan_tuner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "SQLiteCpp/Database.h"
#include "absl/strings/str_cat.h"
#include "registry/base/file_system.h"
#include "registry/base/log.h"
#include "tests/support/fake_engine.h"
#include "tests/support/fake_prober.h"
#include "tests/support/plan_reports.h"
#include "tests/support/registry_records.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace modeld {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Code = absl::StatusCode;

constexpr absl::Duration kLong = absl::Seconds(60);

// A tuner over a real registry, with a fake prober and a clock that the test moves.
class PlanTunerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    SetLogLevel(LogLevel::kError);
    ASSERT_OK_AND_ASSIGN(registry_, Registry::Open(dir_ / "registry.db"));
    ASSERT_OK_AND_ASSIGN(store_, ArtifactStore::Open(FileSystem::Real(), dir_ / "store"));
    known_plans_ = std::make_unique<KnownPlans>(store_.get(), registry_.get(), engine_, TestMachine());
    auto prober = std::make_unique<FakeProber>();
    prober_ = prober.get();
    tuner_ = std::make_unique<PlanTuner>(registry_.get(), known_plans_.get(), &clock_, std::move(prober));
  }

  void Start() {
    tuner_->Start([this](const VersionRecord& record, const std::string& plan, int64_t resident_bytes) {
      const absl::StatusOr<std::optional<v1::ProbeReport>> report =
          registry_->ProbeOf(record.model, record.version);
      const bool on_disk = report.ok() && report->has_value() && (*report)->plans_size() > 0;
      MutexLock lock(&mutex_);
      reloads_.push_back(absl::StrCat(record.model, "/", record.version, " as ", plan, ", ", resident_bytes,
                                      " bytes", on_disk ? "" : ", not on disk"));
    });
  }
  std::vector<std::string> Reloads() {
    MutexLock lock(&mutex_);
    return reloads_;
  }

  VersionRecord Registered(const std::string& version, const std::string& model = "digits",
                           const std::string& objective = "latency") {
    EventRecord event = TestEvent(action::kRegistered, model);
    event.version = version;
    const std::string config =
        absl::StrCat(R"({"version":"1.0","execution":{"objective":")", objective, R"("}})");
    EXPECT_OK(registry_->RegisterVersion(TestVersion(model, version), config, event));
    return TestVersion(model, version);
  }
  void Probed(const std::string& version, const v1::ProbeReport& report) {
    EventRecord event = TestEvent(action::kProbed);
    event.version = version;
    EXPECT_OK(registry_->RecordProbe("digits", version, report, event));
  }
  v1::ProbeReport Known(const std::string& version) {
    const absl::StatusOr<std::optional<v1::ProbeReport>> report = registry_->ProbeOf("digits", version);
    EXPECT_OK(report);
    return report.ok() && report->has_value() ? **report : v1::ProbeReport();
  }
  // "daemon tuned 1.0, because", oldest first.
  std::vector<std::string> TuneEvents() {
    const absl::StatusOr<std::vector<EventRecord>> events =
        registry_->ListEvents({.model = "", .oldest_first = true, .limit = 1000});
    EXPECT_OK(events);
    std::vector<std::string> texts;
    for (const EventRecord& event : *events) {
      if (event.action != action::kTuned) continue;
      texts.push_back(absl::StrCat(event.actor, " tuned ", event.version, ", ", event.reason));
    }
    return texts;
  }

  // Waits until everything is done that is due. What is asked for last is tried last.
  void Settle() {
    const VersionRecord marker = TestVersion(absl::StrCat("marker-", ++markers_), "1");
    const std::string name = marker.model + "/1";
    prober_->Fail(name, absl::FailedPreconditionError("so that it is not tried again"));
    tuner_->Notice(marker);
    prober_->AwaitProbe(name);
  }
  // Probes begun, without those that Settle waited for.
  std::vector<std::string> Probes() {
    std::vector<std::string> probes = prober_->probes();
    std::erase_if(probes, [](const std::string& name) { return name.starts_with("marker-"); });
    return probes;
  }

  TempDir dir_;
  ManualClock clock_;
  FakeEngine engine_;
  std::unique_ptr<Registry> registry_;
  std::unique_ptr<ArtifactStore> store_;
  std::unique_ptr<KnownPlans> known_plans_;
  FakeProber* prober_ = nullptr;  // the tuner's
  int markers_ = 0;
  Mutex mutex_;
  std::vector<std::string> reloads_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<PlanTuner> tuner_;
};

TEST_F(PlanTunerTest, WhatIsLoadedAndNotKnownIsTriedAndLoadedAgain) {
  const VersionRecord version = Registered("1.0");
  Probed("1.0", ReportWithoutPlans());
  prober_->Report("digits/1.0", ReportWithPlans());
  Start();
  tuner_->Notice(version);
  Settle();
  EXPECT_THAT(Probes(), ElementsAre("digits/1.0"));
  EXPECT_THAT(Reloads(), ElementsAre("digits/1.0 as fake frozen, 5000 bytes"));
  EXPECT_EQ(Known("1.0").plans_size(), 2);
  EXPECT_THAT(
      TuneEvents(),
      ElementsAre("daemon tuned 1.0, runs as fake frozen: 14.4 ms for batch size 1 on one thread; as it was "
                  "saved, 30 ms for batch size 1 on one thread"));
}

TEST_F(PlanTunerTest, TheEventTellsWhatTheObjectiveLooksAt) {
  v1::ProbeReport report = ReportWithPlans();
  for (v1::PlanResult& plan : *report.mutable_plans()) {
    v1::BatchLatency* const batch = plan.add_latencies();
    batch->set_batch_size(8);
    batch->set_seconds(plan.chosen() ? 0.05 : 0.1);
    plan.set_resident_bytes(plan.chosen() ? 4'000'000 : 6'500'000);
  }
  Start();
  for (const std::string objective : {"throughput", "memory"}) {
    const VersionRecord version = Registered(objective, "digits", objective);
    prober_->Report(absl::StrCat("digits/", objective), report);
    tuner_->Notice(version);
    Settle();
  }
  EXPECT_THAT(
      TuneEvents(),
      ElementsAre("daemon tuned throughput, runs as fake frozen: 50 ms for batch size 8 on one thread; "
                  "as it was saved, 100 ms for batch size 8 on one thread",
                  "daemon tuned memory, runs as fake frozen: 4.0 MB; as it was saved, 6.5 MB"));
}

TEST_F(PlanTunerTest, WhatIsKnownIsNotTriedAgain) {
  const VersionRecord version = Registered("1.0");
  Probed("1.0", ReportAsSaved());
  Start();
  tuner_->Notice(version);
  Settle();
  EXPECT_THAT(Probes(), IsEmpty());
  EXPECT_THAT(Reloads(), IsEmpty());
  EXPECT_THAT(TuneEvents(), IsEmpty());
}

TEST_F(PlanTunerTest, WhatWasMeasuredOnAnotherMachineIsTriedAgain) {
  const VersionRecord version = Registered("1.0");
  v1::ProbeReport elsewhere = ReportWithPlans();
  elsewhere.set_cpus(64);
  Probed("1.0", elsewhere);
  prober_->Report("digits/1.0", ReportAsSaved());
  Start();
  tuner_->Notice(version);
  Settle();
  EXPECT_THAT(Reloads(), ElementsAre("digits/1.0 as fake, 5000 bytes"));
  EXPECT_THAT(TuneEvents(), ElementsAre("daemon tuned 1.0, runs as fake"));
  EXPECT_EQ(Known("1.0").cpus(), 2);
}

TEST_F(PlanTunerTest, WhereNoPlanCouldBeTriedThatIsKnownFromThenOn) {
  const VersionRecord version = Registered("1.0");
  v1::ProbeReport none = ReportWithoutPlans();
  none.set_no_plans("no inputs of forward are known");
  prober_->Report("digits/1.0", none);
  Start();
  tuner_->Notice(version);
  Settle();
  tuner_->Notice(version);
  Settle();
  EXPECT_THAT(Probes(), ElementsAre("digits/1.0"));
  EXPECT_THAT(Reloads(), IsEmpty());
  EXPECT_THAT(TuneEvents(),
              ElementsAre("daemon tuned 1.0, runs as it was saved: no inputs of forward are known"));
}

// The loader would take no plan from such a report, and the version come back here, again and again.
TEST_F(PlanTunerTest, NothingIsLoadedAgainForAReportThatDoesNotHoldHere) {
  const VersionRecord version = Registered("1.0");
  v1::ProbeReport elsewhere = ReportWithPlans();
  elsewhere.set_cpus(64);
  prober_->Report("digits/1.0", elsewhere);
  Start();
  tuner_->Notice(version);
  Settle();
  EXPECT_THAT(Probes(), ElementsAre("digits/1.0"));
  EXPECT_EQ(Known("1.0").cpus(), 64);
  EXPECT_THAT(Reloads(), IsEmpty());
}

TEST_F(PlanTunerTest, WhatWaitsIsNotNotedTwice) {
  const VersionRecord first = Registered("1.0"), second = Registered("1.1");
  prober_->Block("digits/1.0");
  Start();
  tuner_->Notice(first);
  prober_->AwaitProbe("digits/1.0");
  tuner_->Notice(second);
  tuner_->Notice(second);
  // Its report does not hold, so that a second job would try it again.
  prober_->Report("digits/1.1", ReportWithoutPlans());
  prober_->Unblock("digits/1.0");
  Settle();
  EXPECT_THAT(Probes(), ElementsAre("digits/1.0", "digits/1.1"));
}

TEST_F(PlanTunerTest, RetuneTriesWhatIsKnownTooAndWaits) {
  const VersionRecord version = Registered("1.0");
  Probed("1.0", ReportAsSaved());
  prober_->Report("digits/1.0", ReportWithPlans());
  Start();
  ASSERT_OK(tuner_->Retune(version, kLong));
  EXPECT_THAT(Reloads(), ElementsAre("digits/1.0 as fake frozen, 5000 bytes"));
  EXPECT_EQ(TuneEvents().size(), 1u);
  EXPECT_TRUE(Known("1.0").plans(1).chosen());
}

TEST_F(PlanTunerTest, RetuneComesBeforeWhatNobodyWaitsForAndGoesOnAfterItsTime) {
  const VersionRecord first = Registered("1.0"), second = Registered("1.1"), third = Registered("1.2");
  Probed("1.2", ReportAsSaved());
  prober_->Block("digits/1.0");
  prober_->Report("digits/1.2", ReportWithPlans());
  Start();
  tuner_->Notice(first);
  prober_->AwaitProbe("digits/1.0");
  tuner_->Notice(second);
  EXPECT_THAT(tuner_->Retune(third, absl::ZeroDuration()),
              StatusIs(Code::kDeadlineExceeded, HasSubstr("still being tried; see `modelctl plans`")));
  prober_->Unblock("digits/1.0");
  Settle();
  EXPECT_THAT(Probes(), ElementsAre("digits/1.0", "digits/1.2", "digits/1.1"));
  EXPECT_TRUE(Known("1.2").plans(1).chosen());
}

TEST_F(PlanTunerTest, RetuneReturnsWhatKeptItFromBeingTriedAndTriesItOnce) {
  const VersionRecord version = Registered("1.0");
  Start();
  prober_->Fail("digits/1.0", absl::ResourceExhaustedError("no memory"));
  EXPECT_THAT(tuner_->Retune(version, kLong), StatusIs(Code::kResourceExhausted, "no memory"));
  prober_->Fail("digits/1.0", absl::InvalidArgumentError("y is 2, not 1"));
  EXPECT_THAT(tuner_->Retune(version, kLong),
              StatusIs(Code::kFailedPrecondition, "tried again, it did not pass: y is 2, not 1"));
  clock_.Advance(absl::Hours(1));
  Settle();
  EXPECT_THAT(Probes(), ElementsAre("digits/1.0", "digits/1.0"));
  EXPECT_THAT(TuneEvents(), IsEmpty());
}

TEST_F(PlanTunerTest, TwoWhoRetuneAtOnceAreBothAnswered) {
  const VersionRecord version = Registered("1.0");
  prober_->Report("digits/1.0", ReportWithPlans());
  Start();
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] { EXPECT_OK(tuner_->Retune(version, kLong)); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(Probes().size(), testing::AnyOf(1u, 2u)) << "the second may come before the first is begun";
  EXPECT_EQ(Probes().size(), TuneEvents().size());
}

// Each call of an impatient caller was a trial of its own, of minutes.
TEST_F(PlanTunerTest, ThoseWhoRetuneBeforeItHasBegunShareOneTrial) {
  const VersionRecord first = Registered("1.0"), second = Registered("1.1");
  prober_->Block("digits/1.0");
  prober_->Report("digits/1.1", ReportWithPlans());
  Start();
  tuner_->Notice(first);
  prober_->AwaitProbe("digits/1.0");
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(tuner_->Retune(second, absl::ZeroDuration()),
                StatusIs(Code::kDeadlineExceeded, HasSubstr("still being tried")));
  }
  prober_->Unblock("digits/1.0");
  Settle();
  EXPECT_THAT(Probes(), ElementsAre("digits/1.0", "digits/1.1"));
}

TEST_F(PlanTunerTest, WhatIsNotedWhileItIsRetunedIsKnownAfterThat) {
  const VersionRecord version = Registered("1.0");
  prober_->Report("digits/1.0", ReportWithPlans());
  prober_->Block("digits/1.0");
  Start();
  std::thread retune([&] { EXPECT_OK(tuner_->Retune(version, kLong)); });
  prober_->AwaitProbe("digits/1.0");
  tuner_->Notice(version);
  prober_->Unblock("digits/1.0");
  retune.join();
  Settle();
  EXPECT_THAT(Probes(), ElementsAre("digits/1.0"));
}

TEST_F(PlanTunerTest, WhatTheMachineKeptFromBeingTriedIsTriedThreeTimes) {
  const VersionRecord version = Registered("1.0");
  prober_->Fail("digits/1.0", absl::ResourceExhaustedError("no memory"));
  Start();
  tuner_->Notice(version);
  Settle();
  EXPECT_EQ(Probes().size(), 1u);
  clock_.Advance(absl::Seconds(59));
  Settle();
  EXPECT_EQ(Probes().size(), 1u) << "not before a minute has passed";
  tuner_->Notice(version);
  Settle();
  EXPECT_EQ(Probes().size(), 1u) << "also where it was loaded again";
  clock_.Advance(absl::Seconds(1));
  Settle();
  EXPECT_EQ(Probes().size(), 2u);
  clock_.Advance(absl::Minutes(1));
  Settle();
  EXPECT_EQ(Probes().size(), 3u);
  clock_.Advance(absl::Hours(1));
  Settle();
  EXPECT_EQ(Probes().size(), 3u);
  // Until it is loaded again.
  prober_->Fail("digits/1.0", absl::OkStatus());
  prober_->Report("digits/1.0", ReportWithPlans());
  tuner_->Notice(version);
  Settle();
  EXPECT_THAT(Reloads(), ElementsAre("digits/1.0 as fake frozen, 5000 bytes"));
}

TEST_F(PlanTunerTest, AClockThatWasSetBackKeepsNothingWaiting) {
  const VersionRecord version = Registered("1.0");
  prober_->Fail("digits/1.0", absl::ResourceExhaustedError("no memory"));
  Start();
  tuner_->Notice(version);
  Settle();
  clock_.Advance(absl::Hours(-1));
  Settle();
  EXPECT_EQ(Probes().size(), 2u);
}

TEST_F(PlanTunerTest, AVersionThatDoesNotPassAnyMoreStaysAsItIs) {
  const VersionRecord version = Registered("1.0");
  Probed("1.0", ReportWithoutPlans());
  prober_->Fail("digits/1.0", absl::InvalidArgumentError("y is 2, not 1"));
  Start();
  tuner_->Notice(version);
  Settle();
  clock_.Advance(absl::Hours(1));
  Settle();
  EXPECT_THAT(Probes(), ElementsAre("digits/1.0"));
  EXPECT_EQ(Known("1.0").outcome(), v1::PROBE_OUTCOME_PASSED);
  EXPECT_THAT(TuneEvents(), IsEmpty());
  EXPECT_THAT(Reloads(), IsEmpty());
}

TEST_F(PlanTunerTest, WhatIsNotOnDiskIsNotInForceAndTriedAgain) {
  const VersionRecord version = Registered("1.0");
  prober_->Report("digits/1.0", ReportWithPlans());
  SQLite::Database database(dir_ / "registry.db", SQLite::OPEN_READWRITE, 10'000);
  database.exec(
      "CREATE TRIGGER fail BEFORE INSERT ON events WHEN NEW.action = 'tuned' BEGIN SELECT RAISE(ABORT, "
      "'disk full'); END");
  Start();
  tuner_->Notice(version);
  Settle();
  EXPECT_THAT(Reloads(), IsEmpty());
  EXPECT_EQ(Known("1.0").plans_size(), 0);
  database.exec("DROP TRIGGER fail");
  clock_.Advance(absl::Minutes(1));
  Settle();
  EXPECT_THAT(Reloads(), ElementsAre("digits/1.0 as fake frozen, 5000 bytes"));
}

TEST_F(PlanTunerTest, AVersionThatIsNotRegisteredAnyMoreIsLeftAlone) {
  prober_->Report("digits/1.0", ReportWithPlans());
  Start();
  EXPECT_THAT(tuner_->Retune(TestVersion("digits", "1.0"), kLong),
              StatusIs(Code::kNotFound, HasSubstr("1.0")));
  EXPECT_THAT(Reloads(), IsEmpty());
}

TEST_F(PlanTunerTest, StopEndsAProbeAndWhoWaits) {
  const VersionRecord running = Registered("1.0"), waiting = Registered("1.1");
  prober_->Block("digits/1.0");
  Start();
  std::thread of_running([&] {
    EXPECT_THAT(tuner_->Retune(running, kLong), StatusIs(Code::kUnavailable, HasSubstr("shutting down")));
  });
  prober_->AwaitProbe("digits/1.0");
  std::thread of_waiting([&] {
    EXPECT_THAT(tuner_->Retune(waiting, kLong), StatusIs(Code::kUnavailable, HasSubstr("shutting down")));
  });
  tuner_->Stop();
  of_running.join();
  of_waiting.join();
  EXPECT_THAT(Reloads(), IsEmpty());
  EXPECT_THAT(TuneEvents(), IsEmpty());
}

TEST_F(PlanTunerTest, StopEndsAProbeThatNobodyWaitsForAndBeginsNoOther) {
  const VersionRecord running = Registered("1.0"), waiting = Registered("1.1");
  prober_->Block("digits/1.0");
  Start();
  tuner_->Notice(running);
  prober_->AwaitProbe("digits/1.0");
  tuner_->Notice(waiting);
  tuner_->Stop();
  tuner_->Stop();
  tuner_->Notice(waiting);
  EXPECT_THAT(tuner_->Retune(waiting, kLong), StatusIs(Code::kUnavailable, HasSubstr("shutting down")));
  EXPECT_THAT(Probes(), ElementsAre("digits/1.0"));
}

TEST_F(PlanTunerTest, WhatIsNotedBeforeTheStartIsTriedAfterIt) {
  prober_->Report("digits/1.0", ReportWithPlans());
  tuner_->Notice(Registered("1.0"));
  Start();
  Settle();
  EXPECT_THAT(Reloads(), ElementsAre("digits/1.0 as fake frozen, 5000 bytes"));
}

TEST_F(PlanTunerTest, OneThatWasStoppedNeverStarts) {
  tuner_->Notice(Registered("1.0"));
  tuner_->Stop();
  Start();
  tuner_.reset();
  EXPECT_THAT(Reloads(), IsEmpty());
}

}  // namespace
}  // namespace modeld
