// EngineLoader: loads versions with a real engine from the artifact store.
#pragma once

#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "daemon/engine/engine.h"
#include "daemon/lifecycle/golden_samples.h"
#include "daemon/lifecycle/instance_options.h"
#include "daemon/lifecycle/loader.h"
#include "daemon/probe/machine.h"
#include "daemon/scheduling/request_scheduler.h"
#include "daemon/vision/image_limits.h"
#include "modeld/v1/model_config.pb.h"
#include "registry/artifact_store.h"
#include "registry/base/artifact_format.h"
#include "registry/base/background.h"
#include "registry/base/mutex.h"
#include "registry/registry.h"
#include "registry/unpacker.h"

namespace modeld {

struct EngineLoaderOptions {
  SchedulingDefaults scheduling = {};
  // How long versions are watched whose config does not say it.
  absl::Duration default_watch = absl::ZeroDuration();
  bool use_plans = false;
  FormatSet formats = DefaultFormats();  // others are not loaded: FAILED_PRECONDITION
  const Unpacker* unpacker = nullptr;    // outlives the loader; null: no format needs one
  ImageLimits images = {};
};

// Reads the version's config from the registry, loads the artifact, checks the config's declarations against
// `forward`'s signature, and warms: for each warm-up batch size, `forward` on generated inputs until its
// latency is stable (see daemon/probe/warm_up.h). That needs every argument without default to be a declared
// tensor with dtype and shape; otherwise a golden sample's inputs serve, if there is one. A failed warm-up is
// a warning that names the shapes. Then the version's golden samples are run: one that comes out otherwise is
// the version's fault (INVALID_ARGUMENT). But what passed its probe is not at
// fault for what this daemon lacks, nor for what fails here where that was with other engines or on another
// machine: FAILED_PRECONDITION, with both places.
//
// With `use_plans` the artifact is loaded by the plan that its probe chose on this machine. Where it cannot
// run so any more, whatever the reason, it is loaded as it was saved, with a warning.
class EngineLoader final : public VersionLoader {
 public:
  // All pointers outlive this.
  EngineLoader(Engine* engine, const ArtifactStore* store, Registry* registry, RequestScheduler* scheduler,
               const EngineLoaderOptions& options = {});
  absl::StatusOr<LoadedVersion> Load(const VersionRecord& record, bool awaited) override;
  void Hurry() override { background_.Hurry(); }
  absl::Status health() const override { return engine_->health(); }
  absl::Status CheckAgain(const VersionRecord& record, const ServedVersion& version) override;

 private:
  // What was found to be best for the version: as it was saved, where that was nothing, or nothing that this
  // engine has.
  struct Measured {
    Plan plan;
    int threads = 0;  // of a run; 0: not said
  };

  // Both as Load, but they throw std::bad_alloc.
  absl::StatusOr<LoadedVersion> ReadAndLoad(const VersionRecord& record, bool awaited);
  absl::StatusOr<LoadedVersion> LoadAndWarm(const VersionRecord& record, const v1::ModelConfig& config,
                                            const std::vector<GoldenSample>& samples);
  absl::StatusOr<LoadedVersion> LoadByPlan(const VersionRecord& record, const v1::ModelConfig& config,
                                           const std::vector<GoldenSample>& samples,
                                           const Measured& measured);
  absl::StatusOr<Measured> MeasuredFor(const VersionRecord& record) const;
  // INVALID_ARGUMENT where the version is at fault for `why`.
  absl::Status VersionOrPlace(const VersionRecord& record, const absl::Status& why) const;

  // Where the version's package lies unpacked; empty for formats that are loaded as they lie.
  absl::StatusOr<UnpackedFiles> TakeUnpacked(const VersionRecord& record);
  void KeepUnpacked(const VersionRecord& record, UnpackedFiles files);

  // Thread settings are per thread, and whoever calls may warm here for the first time.
  void PrepareThisThread();

  Engine* const engine_;
  const ArtifactStore* const store_;
  Registry* const registry_;
  RequestScheduler* const scheduler_;
  const EngineLoaderOptions options_;
  const Machine machine_;
  BackgroundThread background_;
  // Machine code that a thread has called may stay in memory, and its file on the disk, until that thread
  // ends (AOTInductor's has a variable for each). So the files of what was loaded are kept, by the artifact's
  // hash: loading it again finds the same file, and the code that is there.
  Mutex mutex_;
  std::map<std::string, UnpackedFiles> unpacked_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace modeld
