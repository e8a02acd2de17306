// What the care of the artifact store asks of the Manager.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/manager_fixture.h"

namespace modeld {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ManagerStoreTest : public ManagerTest {
 protected:
  // 1.2 is live, 1.1 was before and stays in memory, 1.0 does not.
  void SetUp() override {
    ManagerTest::SetUp();
    char byte = 'a';
    for (const char* version : {"1.0", "1.1", "1.2"}) {
      ASSERT_OK(manager_->Register(Record(version, byte++), kConfig));
      Settle();
    }
    ASSERT_THAT(ReadyVersions(), ElementsAre("1.2", "1.1"));
  }

  bool Removed(char byte) {
    const absl::StatusOr<std::vector<ArtifactRecord>> artifacts = registry_->ListArtifacts();
    EXPECT_OK(artifacts);
    for (const ArtifactRecord& artifact : *artifacts) {
      if (artifact.sha256[0] == byte) return artifact.removed;
    }
    ADD_FAILURE() << "no artifact " << byte;
    return false;
  }
};

TEST_F(ManagerStoreTest, ACollectedVersionIsRetiredInMemoryAndOnDisk) {
  EXPECT_FALSE(manager_->InMemory("digits", "1.0"));
  ASSERT_OK(manager_->Collect(By("1.0", "disk")));
  EXPECT_EQ(State("1.0"), "retired");
  EXPECT_EQ(VersionOf("1.0").reason, kCollectedReason);
  EXPECT_EQ(Events().back(), "ann collected 1.0, disk");
  EXPECT_TRUE(Removed('a'));
  Restart();
  EXPECT_EQ(State("1.0"), "retired");
  EXPECT_EQ(VersionOf("1.0").reason, kCollectedReason);
}

TEST_F(ManagerStoreTest, WhatIsInMemoryIsNotCollected) {
  EXPECT_TRUE(manager_->InMemory("digits", "1.1"));
  EXPECT_THAT(manager_->Collect(By("1.1")),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("is in memory")));
  EXPECT_FALSE(Removed('b'));
  EXPECT_THAT(ReadyVersions(), ElementsAre("1.2", "1.1"));
}

TEST_F(ManagerStoreTest, AVersionThatWaitsToBeLoadedIsNotCollected) {
  loader_.Block("digits/1.3");
  ASSERT_OK(manager_->Register(Record("1.3", 'd'), kConfig));
  EXPECT_TRUE(manager_->InMemory("digits", "1.3"));
  EXPECT_THAT(manager_->Collect(By("1.3")),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("about to be")));
  loader_.UnblockAll();
}

TEST_F(ManagerStoreTest, ACollectedVersionThatIsDroppedAgainNeedsItsArtifactAgain) {
  ASSERT_OK(manager_->Collect(By("1.0")));
  ASSERT_TRUE(Removed('a'));
  EXPECT_THAT(manager_->Register(Record("1.0", 'a'), kConfig),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("modelctl promote digits 1.0")));
  EXPECT_FALSE(Removed('a'));
  EXPECT_EQ(VersionOf("1.0").reason, "collected, and dropped again since");
  ASSERT_OK(manager_->Promote(By("1.0"), kLong));
  EXPECT_EQ(Ask(), "1.0");
}

TEST_F(ManagerStoreTest, ACollectedVersionIsNotLoadedFromAFileThatIsAboutToGo) {
  ASSERT_OK(manager_->Collect(By("1.0")));
  const size_t loads = loader_.loads().size();
  EXPECT_THAT(manager_->Promote(By("1.0"), kLong),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("drop its file again")));
  EXPECT_EQ(loader_.loads().size(), loads);
  EXPECT_EQ(Ask(), "1.2");
}

TEST_F(ManagerStoreTest, OtherBytesAreAConflictStill) {
  ASSERT_OK(manager_->Collect(By("1.0")));
  EXPECT_THAT(manager_->Register(Record("1.0", 'f'), kConfig),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("other bytes")));
  EXPECT_TRUE(Removed('a'));
}

TEST_F(ManagerStoreTest, CollectionThatIsNotCommittedIsNotInForce) {
  FailWrites("collected");
  EXPECT_FALSE(manager_->Collect(By("1.0")).ok());
  EXPECT_EQ(State("1.0"), "available");
  AllowWrites("collected");
  EXPECT_OK(manager_->Collect(By("1.0")));
}

TEST_F(ManagerStoreTest, AQuarantineTakesTheVersionOutOfMemoryButNotLive) {
  ASSERT_OK(manager_->Quarantine(By("1.1", "its artifact is damaged")));
  Settle();
  EXPECT_EQ(State("1.1"), "quarantined");
  EXPECT_EQ(VersionOf("1.1").reason, "its artifact is damaged");
  EXPECT_FALSE(manager_->InMemory("digits", "1.1"));
  EXPECT_THAT(manager_->Quarantine(By("1.2")),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("is live")));
  EXPECT_EQ(Ask(), "1.2");
  // Dropped again, it is tried again.
  ASSERT_OK(manager_->Register(Record("1.1", 'b'), kConfig));
  Settle();
  EXPECT_EQ(State("1.1"), "ready");
}

TEST_F(ManagerStoreTest, UnknownVersionsAreNamed) {
  EXPECT_THAT(manager_->Collect(By("7")), StatusIs(absl::StatusCode::kNotFound, HasSubstr("\"7\"")));
  EXPECT_THAT(manager_->Quarantine(By("7")), StatusIs(absl::StatusCode::kNotFound, HasSubstr("\"7\"")));
  EXPECT_FALSE(manager_->InMemory("faces", "1"));
}

}  // namespace
}  // namespace modeld
