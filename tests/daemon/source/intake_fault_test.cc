// Every fault that a disk can have while a dropped file is taken, from the scan to the record, one after the
// other.
#include <filesystem>
#include <memory>
#include <string>

#include "daemon/source/intake.h"
#include "registry/base/log.h"
#include "registry/base/status_macros.h"
#include "tests/support/faults.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/status_matchers.h"
#include "tests/support/store_contents.h"
#include "tests/support/temp_dir.h"
#include "tests/support/zip_builder.h"

namespace modeld {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr absl::Duration kSettle = absl::Milliseconds(500);

// Registers as the manager does: in the registry, once, with the artifact in the store.
class RegistrySink final : public VersionSink {
 public:
  RegistrySink(Registry* registry, const ArtifactStore* store) : registry_(registry), store_(store) {}

  absl::Status Register(const VersionRecord& version, const std::string& canonical_config,
                        const std::vector<VersionFile>& files) override {
    EXPECT_THAT(LookIntoStore(store_->PathOf("").substr(0, store_->PathOf("").find("/sha256"))).whole,
                ::testing::Contains(version.sha256));
    EventRecord event;
    event.time = absl::UnixEpoch();
    event.actor = "daemon";
    event.action = action::kRegistered;
    event.model = version.model;
    event.version = version.version;
    const absl::Status registered = registry_->RegisterVersion(version, canonical_config, event, files);
    return absl::IsAlreadyExists(registered) ? absl::OkStatus() : registered;
  }
  absl::Status RegisterRelease(const std::string& name, const std::vector<NewVersion>&) override {
    ADD_FAILURE() << "no release was dropped, but " << name << " came";
    return absl::InternalError("no release was dropped");
  }

 private:
  Registry* const registry_;
  const ArtifactStore* const store_;
};

// A drop directory with one whole file in it, and all that takes it.
class World {
 public:
  World() {
    SetLogLevel(LogLevel::kError);
    const std::string weights((1 << 20) + 17, 'w');
    dir_.Write("drop/digits.pt",
               TorchScriptZip({{"config.json", R"({"version": "1.0"})"}, {"w", weights}}).Build());
    Heal();
    Open();
  }

  // What a process begins with, on what the one before left.
  void Open() {
    intake_.reset();
    registry_.reset();
    absl::StatusOr<std::unique_ptr<Registry>> registry = Registry::Open(dir_ / "registry.db");
    ASSERT_OK(registry);
    registry_ = *std::move(registry);
    absl::StatusOr<std::unique_ptr<ArtifactStore>> store = ArtifactStore::Open(&store_files_, root());
    ASSERT_OK(store);
    store_ = *std::move(store);
    sink_ = std::make_unique<RegistrySink>(registry_.get(), store_.get());
    intake_ = std::make_unique<Intake>(
        &drop_files_, &clock_, registry_.get(), store_.get(), sink_.get(), nullptr,
        IntakeOptions{.drop_directory = drop_, .settle = {.settle_time = kSettle}, .inspect = {}});
    ASSERT_OK(intake_->LoadRemembered());
  }
  void Heal() {
    drop_files_.Heal();
    store_files_.Heal();
    store_files_.FailAlways(FaultyFileSystem::Call::kClone, absl::UnimplementedError("no reflinks"));
  }

  // Two rounds: one sees the file, one takes it.
  void TryToTake() {
    intake_->Step();
    clock_.Advance(kSettle);
    intake_->Step();
  }
  // Rounds until every back-off is over.
  void TakeAtLast() {
    for (int round = 0; round < 4; ++round) {
      clock_.Advance(absl::Minutes(1));
      intake_->Step();
    }
  }

  FaultyFileSystem& drop_files() { return drop_files_; }
  FaultyFileSystem& store_files() { return store_files_; }
  Intake& intake() { return *intake_; }
  Registry& registry() { return *registry_; }
  std::string root() const { return dir_ / "artifacts"; }

  std::vector<std::string> RegisteredHashes() {
    std::vector<std::string> hashes;
    const std::vector<ModelRecord> models = registry_->ListModels().value();
    for (const ModelRecord& model : models) {
      for (const VersionRecord& version : model.versions) hashes.push_back(version.sha256);
    }
    return hashes;
  }

 private:
  const TempDir dir_;
  const std::string drop_ = std::filesystem::canonical(dir_.path()).string() + "/drop";
  FaultyFileSystem drop_files_;
  FaultyFileSystem store_files_;
  ManualClock clock_;
  std::unique_ptr<Registry> registry_;
  std::unique_ptr<ArtifactStore> store_;
  std::unique_ptr<RegistrySink> sink_;
  std::unique_ptr<Intake> intake_;
};

// Nothing half-made, and a version exactly if its artifact is whole.
void ExpectConsistent(World& world) {
  const StoreContents store = LookIntoStore(world.root());
  EXPECT_THAT(store.faulty, IsEmpty());
  EXPECT_THAT(store.staging, IsEmpty());
  for (const std::string& sha256 : world.RegisteredHashes()) {
    EXPECT_THAT(store.whole, ::testing::Contains(sha256)) << "registered, but not in the store";
  }
}

void ExpectTaken(World& world) {
  ExpectConsistent(world);
  EXPECT_THAT(world.RegisteredHashes(), SizeIs(1));
  EXPECT_THAT(world.intake().dropped_files(), IsEmpty());
  EXPECT_OK(world.intake().source_status());
  EXPECT_THAT(world.registry().ListFiles().value(),
              ElementsAre(Field(&FileRecord::outcome, FileOutcome::kRegistered)));
}

// A fault of the disk is never put down to the file.
void ExpectNotBlamedOnTheFile(World& world) {
  for (const DroppedFileView& file : world.intake().dropped_files()) {
    EXPECT_NE(file.state, DroppedState::kQuarantined) << file.reason;
  }
  const std::vector<FileRecord> files = world.registry().ListFiles().value();
  for (const FileRecord& file : files) {
    EXPECT_EQ(file.outcome, FileOutcome::kRegistered) << file.reason;
  }
}

// Whether the disk of the drop directory or that of the store has the fault.
class IntakeFaultTest : public ::testing::TestWithParam<bool> {
 protected:
  static FaultyFileSystem& Disk(World& world) {
    return GetParam() ? world.store_files() : world.drop_files();
  }
  static std::vector<Fault> Faults() {
    World rehearsal;
    const std::vector<Fault> faults = FaultsOf(Disk(rehearsal), [&] { rehearsal.TryToTake(); });
    ExpectTaken(rehearsal);
    return faults;
  }
};

TEST_P(IntakeFaultTest, NoFaultOfTheDiskLosesAFileOrTakesHalfOfIt) {
  const std::vector<Fault> faults = Faults();
  ASSERT_THAT(faults, SizeIs(testing::Ge(10)));
  for (const Fault& fault : faults) {
    SCOPED_TRACE(testing::PrintToString(fault));
    World world;
    fault.InjectInto(Disk(world));
    world.TryToTake();
    ExpectConsistent(world);
    ExpectNotBlamedOnTheFile(world);
    world.Heal();
    world.TakeAtLast();
    ExpectTaken(world);
  }
}

TEST_P(IntakeFaultTest, AProcessThatEndsAfterTheFaultLeavesItsWorkToTheNext) {
  for (const Fault& fault : Faults()) {
    SCOPED_TRACE(testing::PrintToString(fault));
    World world;
    fault.InjectInto(Disk(world));
    world.store_files().FailAlways(FaultyFileSystem::Call::kRemove, absl::UnavailableError("injected"));
    world.TryToTake();
    world.Heal();
    world.Open();
    ExpectConsistent(world);
    world.TryToTake();
    ExpectTaken(world);
  }
}

INSTANTIATE_TEST_SUITE_P(OfTheDropDirectoryOrTheStore, IntakeFaultTest, ::testing::Bool());

}  // namespace
}  // namespace modeld
