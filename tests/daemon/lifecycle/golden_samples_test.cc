#include "daemon/lifecycle/golden_samples.h"

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/onnx_builder.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/zip_builder.h"

namespace modeld {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class GoldenSamplesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<std::unique_ptr<Registry>> registry = Registry::Open(dir_ / "registry.db");
    ASSERT_OK(registry);
    registry_ = *std::move(registry);
    absl::StatusOr<std::unique_ptr<ArtifactStore>> store =
        ArtifactStore::Open(FileSystem::Real(), dir_ / "store");
    ASSERT_OK(store);
    store_ = *std::move(store);
  }

  VersionRecord Registered(ArtifactFormat format, const std::string& artifact,
                           const std::vector<VersionFile>& files = {}) {
    VersionRecord record;
    record.model = "digits";
    record.version = "1.0";
    record.format = format;
    record.sha256 = std::string(64, 'a');
    dir_.Write("store/sha256/aa/" + record.sha256, artifact);
    EventRecord event;
    event.actor = "daemon";
    event.action = action::kRegistered;
    EXPECT_OK(registry_->RegisterVersion(record, "{}", event, files));
    return record;
  }
  absl::StatusOr<std::vector<GoldenFile>> Find(const VersionRecord& record) {
    return FindGoldenSamples(*store_, *registry_, record, v1::ModelConfig());
  }

  const TempDir dir_;
  std::unique_ptr<Registry> registry_;
  std::unique_ptr<ArtifactStore> store_;
};

TEST_F(GoldenSamplesTest, OfAnArchiveLieInIt) {
  const VersionRecord record =
      Registered(ArtifactFormat::kTorchScript, TorchScriptZip({{"golden/0", "x"}}).Build());
  ASSERT_OK_AND_ASSIGN(const std::vector<GoldenFile> samples, Find(record));
  EXPECT_THAT(samples, ElementsAre(GoldenFile{"golden/0", ""}));
}

// An artifact of the store has no extension: it was opened as a ZIP file, whatever it was.
TEST_F(GoldenSamplesTest, OfAnOnnxFileLieBesideIt) {
  const VersionFile file{.name = "golden/0", .sha256 = std::string(64, 'b'), .size_bytes = 1};
  dir_.Write("store/sha256/bb/" + file.sha256, "x");
  const VersionRecord record = Registered(ArtifactFormat::kOnnx, OnnxFile(), {file});
  ASSERT_OK_AND_ASSIGN(const std::vector<GoldenFile> samples, Find(record));
  EXPECT_THAT(samples, ElementsAre(GoldenFile{"golden/0", store_->PathOf(file.sha256)}));
}

TEST_F(GoldenSamplesTest, AnOnnxFileNeedsNone) {
  const VersionRecord record = Registered(ArtifactFormat::kOnnx, OnnxFile());
  ASSERT_OK_AND_ASSIGN(const std::vector<GoldenFile> samples, Find(record));
  EXPECT_THAT(samples, IsEmpty());
}

TEST_F(GoldenSamplesTest, AMissingArtifactIsToldOfWhateverItsFormat) {
  for (const ArtifactFormat format : {ArtifactFormat::kOnnx, ArtifactFormat::kTorchScript}) {
    VersionRecord record;
    record.model = "digits";
    record.version = "2.0";
    record.format = format;
    record.sha256 = std::string(64, 'c');
    EXPECT_THAT(Find(record),
                StatusIs(absl::StatusCode::kNotFound,
                         HasSubstr("the artifact of version \"2.0\" of model \"digits\" is missing")));
  }
}

}  // namespace
}  // namespace modeld
