#include "registry/store_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "SQLiteCpp/Database.h"
#include "absl/strings/str_join.h"
#include "tests/registry/store_fixture.h"

namespace modeld {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Call = FaultyFileSystem::Call;

class StoreCheckTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    first_ = Add("digits", "1.0", "one");
    second_ = Add("digits", "1.1", "two");
    MakeLive("digits", "1.1");
  }

  v1::VerifyStoreResponse Verify(bool repair = false) {
    v1::VerifyStoreRequest request;
    request.set_repair(repair);
    request.set_actor("ann");
    absl::StatusOr<v1::VerifyStoreResponse> response = care_->Verify(request, [] { return false; });
    EXPECT_OK(response);
    return response.value_or(v1::VerifyStoreResponse());
  }
  // "DAMAGED ab12 digits 1.0: done", each.
  std::vector<std::string> Findings(bool repair = false) {
    std::vector<std::string> texts;
    const v1::VerifyStoreResponse response = Verify(repair);
    for (const v1::StoreFinding& finding : response.findings()) {
      const std::string kind = v1::StoreFindingKind_Name(finding.kind()).substr(19);
      texts.push_back(absl::StrCat(kind, " ", finding.sha256().substr(0, 4), " ",
                                   absl::StrJoin(finding.versions(), ","), ": ", finding.repair()));
    }
    return texts;
  }
  static std::string Short(const std::string& sha256) { return sha256.substr(0, 4); }

  std::string first_, second_;
};

TEST_F(StoreCheckTest, ASoundStoreHasNoFindings) {
  const v1::VerifyStoreResponse response = Verify();
  EXPECT_EQ(response.findings_size(), 0) << response.DebugString();
  EXPECT_EQ(response.artifacts(), 2);
  EXPECT_EQ(response.bytes(), 6);
}

TEST_F(StoreCheckTest, WhatWasMendedSinceItWasFoundIsLeftAsItIs) {
  const std::string third = Add("digits", "0.9", "three");
  FlipByte(first_);
  std::filesystem::remove(store_->PathOf(third));
  absl::StatusOr<StoreReport> report =
      CheckStore(*registry_, *store_, files_, clock_.Now(), [] { return false; });
  ASSERT_OK(report);
  ASSERT_EQ(report->findings.size(), 2u);
  // Both files are dropped again while others are checked.
  Put("one");
  Put("three");
  ASSERT_OK(RepairStore(*registry_, *store_, files_, *keeper_, "ann", clock_, &*report));
  for (const StoreFinding& finding : report->findings) {
    EXPECT_THAT(finding.message.repair(), HasSubstr("whole again"));
  }
  for (const char* version : {"0.9", "1.0"}) {
    EXPECT_EQ(Version("digits", version).disposition, Disposition::kGood) << version;
  }
  EXPECT_TRUE(store_->Contains(first_));
}

TEST_F(StoreCheckTest, AStopEndsACheck) {
  care_->Stop();
  EXPECT_TRUE(absl::IsCancelled(care_->Verify({}, [] { return false; }).status()));
}

TEST_F(StoreCheckTest, AFlippedByteIsFoundAndRepairQuarantines) {
  FlipByte(first_);
  EXPECT_THAT(Findings(), ElementsAre(absl::StrCat("DAMAGED ", Short(first_), " digits 1.0: ")));
  EXPECT_EQ(Version("digits", "1.0").disposition, Disposition::kGood);
  EXPECT_TRUE(store_->Contains(first_));

  EXPECT_THAT(
      Findings(/*repair=*/true),
      ElementsAre(absl::StrCat("DAMAGED ", Short(first_), " digits 1.0: digits 1.0 quarantined; removed")));
  const VersionRecord version = Version("digits", "1.0");
  EXPECT_EQ(version.disposition, Disposition::kQuarantined);
  EXPECT_THAT(version.reason, AllOf(HasSubstr("artifact is damaged"), HasSubstr("drop its file again")));
  EXPECT_FALSE(store_->Contains(first_));
  const EventRecord event = Events().front();
  EXPECT_EQ(event.action, action::kRepaired);
  EXPECT_EQ(event.actor, "ann");
  EXPECT_EQ(event.reason, "1 damaged artifacts removed, 1 versions quarantined");
}

TEST_F(StoreCheckTest, ALiveVersionsArtifactIsToldOfAndLeftAsItIs) {
  FlipByte(second_);
  Add("faces", "1", "other");
  Add("digits", "0.9", "two");  // the same bytes: mended with them
  ASSERT_NO_FATAL_FAILURE(FlipByte(second_));
  const v1::VerifyStoreResponse response = Verify(/*repair=*/true);
  ASSERT_EQ(response.findings_size(), 1);
  EXPECT_THAT(response.findings(0).versions(), ElementsAre("digits 0.9", "digits 1.1"));
  EXPECT_EQ(response.findings(0).repair(), "");
  EXPECT_THAT(response.findings(0).detail(), HasSubstr("digits 1.1 is live: drop its file again"));
  EXPECT_EQ(Version("digits", "0.9").disposition, Disposition::kGood);
  EXPECT_EQ(Version("digits", "1.1").disposition, Disposition::kGood);
  EXPECT_TRUE(store_->Contains(second_));
  EXPECT_NE(Events().front().action, action::kRepaired);
}

TEST_F(StoreCheckTest, AMissingArtifactIsFoundAndRepairQuarantines) {
  std::filesystem::remove(store_->PathOf(first_));
  EXPECT_THAT(Findings(), ElementsAre(absl::StrCat("MISSING ", Short(first_), " digits 1.0: ")));
  EXPECT_THAT(Findings(/*repair=*/true),
              ElementsAre(absl::StrCat("MISSING ", Short(first_), " digits 1.0: digits 1.0 quarantined")));
  EXPECT_EQ(Version("digits", "1.0").disposition, Disposition::kQuarantined);
  // What is refused already is told of, and there is nothing more to do.
  EXPECT_THAT(Findings(/*repair=*/true),
              ElementsAre(absl::StrCat("MISSING ", Short(first_), " digits 1.0: ")));
}

TEST_F(StoreCheckTest, AMissingFileOfAVersionIsFound) {
  const std::string sample = Put("sample");
  Add("digits", "2.0", "twenty", {{.name = "golden/0", .sha256 = sample, .size_bytes = 6}});
  std::filesystem::remove(store_->PathOf(sample));
  EXPECT_THAT(Findings(), ElementsAre(absl::StrCat("MISSING ", Short(sample), " digits 2.0: ")));
}

TEST_F(StoreCheckTest, OrphansAreFoundWhenTheyAreOldAndRemoved) {
  const std::string orphan = Put("a conflict");
  EXPECT_THAT(Findings(), IsEmpty());
  Age(orphan);
  EXPECT_THAT(Findings(), ElementsAre(absl::StrCat("ORPHAN ", Short(orphan), " : ")));
  EXPECT_THAT(Findings(/*repair=*/true), ElementsAre(absl::StrCat("ORPHAN ", Short(orphan), " : removed")));
  EXPECT_FALSE(store_->Contains(orphan));
  EXPECT_THAT(Findings(), IsEmpty());
}

TEST_F(StoreCheckTest, StrangersAndLeftoversAreToldOf) {
  state_.Write("artifacts/sha256/ab/notes.txt", "hello");
  AgePath(state_.Write("artifacts/staging/1-1", "half"));
  const v1::VerifyStoreResponse response = Verify(/*repair=*/true);
  ASSERT_EQ(response.findings_size(), 2);
  EXPECT_THAT(response.findings(0).detail(), HasSubstr("sha256/ab/notes.txt"));
  EXPECT_THAT(response.findings(1).detail(), HasSubstr("staging/1-1"));
  EXPECT_EQ(response.findings(0).repair(), "");
}

TEST_F(StoreCheckTest, AnArtifactThatCannotBeReadIsDamaged) {
  files_.FailPath(Call::kOpenForRead, store_->PathOf(first_), absl::UnavailableError("I/O error"));
  const v1::VerifyStoreResponse response = Verify();
  ASSERT_EQ(response.findings_size(), 1);
  EXPECT_EQ(response.findings(0).kind(), v1::STORE_FINDING_KIND_DAMAGED);
  EXPECT_THAT(response.findings(0).detail(), HasSubstr("I/O error"));
}

TEST_F(StoreCheckTest, LackOfPermissionOrDescriptorsSaysNothingOfTheArtifact) {
  files_.FailPath(Call::kOpenForRead, store_->PathOf(first_), absl::ResourceExhaustedError("too many files"));
  v1::VerifyStoreRequest request;
  request.set_repair(true);
  EXPECT_THAT(care_->Verify(request, [] { return false; }),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("too many files")));
  EXPECT_EQ(Version("digits", "1.0").disposition, Disposition::kGood);
}

TEST_F(StoreCheckTest, ADamagedDatabaseIsToldOf) {
  {
    SQLite::Database database(state_ / "registry.db", SQLite::OPEN_READWRITE, 10'000);
    database.exec("PRAGMA foreign_keys = OFF");
    database.exec("DELETE FROM artifacts WHERE sha256 = '" + first_ + "'");
  }
  ASSERT_OK_AND_ASSIGN(const std::vector<std::string> problems, registry_->CheckIntegrity());
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_THAT(problems[0], HasSubstr("table versions"));
}

TEST_F(StoreCheckTest, ItCanBeGivenUp) {
  int asked = 0;
  EXPECT_THAT(care_->Verify({}, [&] { return ++asked == 2; }),
              StatusIs(absl::StatusCode::kCancelled, HasSubstr("given up")));
  // And lets the store go.
  EXPECT_THAT(Findings(/*repair=*/true), IsEmpty());
}

}  // namespace
}  // namespace modeld
