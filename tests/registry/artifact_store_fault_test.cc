// Every fault that a file system can have while an artifact is taken, one after the other.
#include <algorithm>
#include <memory>
#include <string>

#include "registry/artifact_store.h"
#include "registry/base/status_macros.h"
#include "tests/support/faults.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/status_matchers.h"
#include "tests/support/store_contents.h"
#include "tests/support/temp_dir.h"

namespace modeld {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Call = FaultyFileSystem::Call;

// A store of its own, with one artifact in it and a file that is to become the second.
class World {
 public:
  explicit World(bool can_clone) : can_clone_(can_clone) {
    Heal();
    Open();
    EXPECT_OK(Take(dir_.Write("first.pt", "first")));
    std::string content;
    // More than one of the buffers that are copied at a time, and not a whole number of them.
    for (int i = 0; content.size() < (1u << 20) + 17; ++i) content += std::to_string(i);
    source_ = dir_.Write("second.pt", content);
  }

  void Open() {
    absl::StatusOr<std::unique_ptr<ArtifactStore>> store = ArtifactStore::Open(&files_, root_);
    ASSERT_OK(store);
    store_ = *std::move(store);
  }
  absl::Status Take(const std::string& path) {
    MODELD_ASSIGN_OR_RETURN(const FileStat stat, FileSystem::Real()->Stat(path));
    MODELD_ASSIGN_OR_RETURN(StagedArtifact staged, store_->Stage(path, stat.identity));
    sha256_ = staged.sha256();
    return staged.Commit();
  }
  absl::Status TakeSecond() { return Take(source_); }
  // No file system here can be relied on to share blocks; where one does, nothing is written.
  void Heal() {
    files_.Heal();
    if (!can_clone_) files_.FailAlways(Call::kClone, absl::UnimplementedError("cannot share blocks"));
  }

  FaultyFileSystem& files() { return files_; }
  const std::string& root() const { return root_; }
  ArtifactStore& store() { return *store_; }
  const std::string& sha256() const { return sha256_; }  // of what was staged last

 private:
  const bool can_clone_;
  const TempDir dir_;
  const std::string root_ = dir_ / "store";
  FaultyFileSystem files_;
  std::unique_ptr<ArtifactStore> store_;
  std::string source_;
  std::string sha256_;
};

class ArtifactStoreFaultTest : public ::testing::TestWithParam<bool> {};

TEST_P(ArtifactStoreFaultTest, NoFaultOfTakingLeavesAnythingHalfMadeOrInTheWay) {
  World rehearsal(GetParam());
  const std::vector<Fault> faults = FaultsOf(rehearsal.files(), [&] { ASSERT_OK(rehearsal.TakeSecond()); });
  ASSERT_THAT(faults, SizeIs(testing::Ge(20)));
  const std::string second = rehearsal.sha256();

  for (const Fault& fault : faults) {
    SCOPED_TRACE(testing::PrintToString(fault));
    World world(GetParam());
    fault.InjectInto(world.files());
    const absl::Status taken = world.TakeSecond();
    // Where blocks cannot be shared, for whatever reason, they are copied.
    if (fault.call == Call::kClone) {
      EXPECT_OK(taken);
    } else {
      EXPECT_THAT(taken, StatusIs(fault.failure.code(), std::string(fault.failure.message())));
    }
    const StoreContents left = LookIntoStore(world.root());
    EXPECT_THAT(left.faulty, IsEmpty());
    EXPECT_THAT(left.staging, IsEmpty());
    EXPECT_THAT(left.whole, SizeIs(testing::AllOf(testing::Ge(1), testing::Le(2))));

    world.Heal();
    ASSERT_OK(world.TakeSecond());
    EXPECT_TRUE(world.store().Contains(second));
    world.Open();
    const StoreContents healed = LookIntoStore(world.root());
    EXPECT_THAT(healed.faulty, IsEmpty());
    EXPECT_THAT(healed.staging, IsEmpty());
    EXPECT_THAT(healed.whole, SizeIs(2));
  }
}

// As a crash leaves it: what was being made cannot be cleared up either.
TEST_P(ArtifactStoreFaultTest, WhatCannotBeClearedUpIsClearedUpByTheNextStart) {
  World rehearsal(GetParam());
  const std::vector<Fault> faults = FaultsOf(rehearsal.files(), [&] { ASSERT_OK(rehearsal.TakeSecond()); });
  size_t left_over = 0;
  for (const Fault& fault : faults) {
    SCOPED_TRACE(testing::PrintToString(fault));
    World world(GetParam());
    fault.InjectInto(world.files());
    world.files().FailAlways(Call::kRemove, absl::UnavailableError("injected: cannot remove"));
    world.TakeSecond().IgnoreError();
    const StoreContents left = LookIntoStore(world.root());
    EXPECT_THAT(left.faulty, IsEmpty());
    left_over += left.staging.size();

    world.Heal();
    world.Open();
    EXPECT_THAT(LookIntoStore(world.root()).staging, IsEmpty());
    ASSERT_OK(world.TakeSecond());
    EXPECT_THAT(LookIntoStore(world.root()).whole, SizeIs(2));
  }
  EXPECT_GT(left_over, 0u) << "the test left nothing to clear up";
}

TEST_P(ArtifactStoreFaultTest, NoFaultOfOpeningLosesAnything) {
  World rehearsal(GetParam());
  const std::vector<Fault> faults = FaultsOf(rehearsal.files(), [&] { rehearsal.Open(); });
  ASSERT_THAT(faults, SizeIs(testing::Ge(4)));
  for (const Fault& fault : faults) {
    SCOPED_TRACE(testing::PrintToString(fault));
    World world(GetParam());
    fault.InjectInto(world.files());
    EXPECT_THAT(ArtifactStore::Open(&world.files(), world.root()),
                StatusIs(fault.failure.code(), std::string(fault.failure.message())));
    world.Heal();
    world.Open();
    EXPECT_THAT(LookIntoStore(world.root()).whole, ElementsAre(world.sha256()));
    ASSERT_OK(world.TakeSecond());
  }
}

INSTANTIATE_TEST_SUITE_P(CopiesOrMayShareBlocks, ArtifactStoreFaultTest, ::testing::Bool());

}  // namespace
}  // namespace modeld
