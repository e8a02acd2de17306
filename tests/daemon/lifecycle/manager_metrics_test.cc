// What the Manager counts of its work, and measures of what is in memory.
#include <gmock/gmock.h>

#include "daemon/lifecycle/lifecycle_metrics.h"
#include "tests/support/manager_fixture.h"

namespace modeld {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class ManagerMetricsTest : public ManagerTest {
 protected:
  LifecycleCounts Counts() { return manager_->Metrics().counts; }
  // "1.1 live", in memory, lowest first.
  std::vector<std::string> InMemory() {
    std::vector<std::string> texts;
    for (const ModelMetrics& model : manager_->Metrics().models) {
      for (const VersionMetrics& version : model.versions) {
        texts.push_back(version.version + (version.live ? " live" : ""));
      }
    }
    return texts;
  }
};

TEST_F(ManagerMetricsTest, BeginsWithNothing) {
  const LifecycleMetrics metrics = manager_->Metrics();
  EXPECT_THAT(metrics.models, IsEmpty());
  EXPECT_EQ(metrics.counts.swaps, 0);
  EXPECT_EQ(metrics.counts.swap.total(), 0);
}

TEST_F(ManagerMetricsTest, LoadsAndSwapsAreCounted) {
  Deploy("1.0");
  EXPECT_THAT(InMemory(), ElementsAre("1.0 live"));
  Deploy("1.1");
  const LifecycleCounts counts = Counts();
  EXPECT_EQ(counts.loads, 2);
  EXPECT_EQ(counts.swaps, 2);
  EXPECT_EQ(counts.swap.total(), 2) << "each of them has a duration";
  EXPECT_EQ(counts.rollbacks, 0);
  EXPECT_THAT(InMemory(), ElementsAre("1.0", "1.1 live"));
}

TEST_F(ManagerMetricsTest, ARollbackIsCountedByWhoAskedForIt) {
  Deploy("1.0");
  Deploy("1.1");
  ASSERT_OK(manager_->Rollback(By(""), kLong));
  EXPECT_EQ(Counts().rollbacks, 1);
  EXPECT_EQ(Counts().automatic_rollbacks, 0);
  EXPECT_EQ(Counts().swaps, 3);
  EXPECT_THAT(InMemory(), ElementsAre("1.0 live", "1.1"));
}

TEST_F(ManagerMetricsTest, AVersionThatCannotBeLoadedIsCountedAsQuarantined) {
  loader_.Fail("digits/1.0", absl::InvalidArgumentError("bad magic"));
  ASSERT_OK(Register("1.0"));
  Settle();
  EXPECT_EQ(Counts().failed_loads, 1);
  EXPECT_EQ(Counts().quarantines, 1);
  EXPECT_EQ(Counts().swaps, 0);
  const LifecycleMetrics metrics = manager_->Metrics();
  ASSERT_EQ(metrics.models.size(), 1u);
  EXPECT_EQ(metrics.models[0].versions_by_state[static_cast<size_t>(VersionState::kQuarantined)], 1);
  EXPECT_THAT(metrics.models[0].versions, IsEmpty());
}

// The series of what was unloaded are to be gone with it.
TEST_F(ManagerMetricsTest, AnUnloadedVersionIsNotMeasuredAndItsDrainIs) {
  Deploy("1.0");
  VersionHandle held = *table_.Resolve({.model = "digits"});
  Deploy("1.1");
  ASSERT_OK(Register("1.2"));
  while (Ask() != "1.2") std::this_thread::yield();
  EXPECT_THAT(InMemory(), ElementsAre("1.1", "1.2 live"));
  EXPECT_EQ(Counts().drain.total(), 0) << "a request still holds it";
  clock_.Advance(absl::Seconds(3));
  held = nullptr;
  Settle();
  EXPECT_EQ(Counts().drain.total(), 1);
  EXPECT_EQ(Counts().drain.nanoseconds, 3'000'000'000);
}

TEST_F(ManagerMetricsTest, RequestsForWhichThereIsNoVersionAreCountedByModel) {
  Deploy("1.0");
  table_.CountRefused("digits", absl::StatusCode::kNotFound);
  Deploy("1.1");  // another entry of the table, the same counts
  table_.CountRefused("digits", absl::StatusCode::kNotFound);
  table_.CountRefused("made up", absl::StatusCode::kNotFound);
  const size_t not_found = IndexOfCode(absl::StatusCode::kNotFound);
  EXPECT_EQ(manager_->Metrics().models[0].refused[not_found], 2);
  EXPECT_EQ(table_.refused_without_model()[not_found], 1);
}

}  // namespace
}  // namespace modeld
