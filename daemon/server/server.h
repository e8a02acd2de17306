// Server: all parts of the daemon, built and wired. The only class that knows them all.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "daemon/engine/engine.h"
#include "daemon/http/http_server.h"
#include "daemon/lifecycle/engine_loader.h"
#include "daemon/lifecycle/known_plans.h"
#include "daemon/lifecycle/manager.h"
#include "daemon/lifecycle/plan_tuner.h"
#include "daemon/lifecycle/process_prober.h"
#include "daemon/lifecycle/serving_table.h"
#include "daemon/lifecycle/shadow_runner.h"
#include "daemon/oip/inference_views.h"
#include "daemon/predict/predict_job.h"
#include "daemon/predict/router.h"
#include "daemon/rpc/admin_service.h"
#include "daemon/rpc/health_reporter.h"
#include "daemon/rpc/inference_service.h"
#include "daemon/rpc/manager_keeper.h"
#include "daemon/rpc/model_service.h"
#include "daemon/scheduling/request_scheduler.h"
#include "daemon/server/admin_listener.h"
#include "daemon/server/grpc_servers.h"
#include "daemon/server/open_streams.h"
#include "daemon/server/options.h"
#include "daemon/source/intake.h"
#include "daemon/source/push_taker.h"
#include "daemon/source/watcher.h"
#include "daemon/vision/decode_pool.h"
#include "registry/artifact_store.h"
#include "registry/base/file_lock.h"
#include "registry/base/free_memory.h"
#include "registry/base/serial_thread.h"
#include "registry/registry.h"
#include "registry/store_care.h"
#include "registry/unpacker.h"
#include "registry/upload_store.h"

namespace modeld {

struct Measured;

// Thread-safe, except Start, Stop and destruction.
class Server {
 public:
  // Starts everything: takes the state directory, begins to load what was live, listens, watches. Health says
  // NOT_SERVING until AnnounceServing. Errors name what could not be had, and the remedy; then nothing is
  // left behind. REQUIRES: ConfigureGrpc was called, umask is 0077.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const Options& options, std::unique_ptr<Engine> engine,
                                                       const std::string& version);
  // Stops at once, if Stop was not called.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Every version that was live before the start is loaded or has failed.
  bool ready() const { return manager_->ready(); }
  // From now on health says SERVING.
  void AnnounceServing() { health_.SetServer(true); }
  // What is measured, in Prometheus' text format (kMetricsContentType). Takes the manager's lock for as long
  // as it takes to copy a handle a version. Not to be called once Stop was.
  std::string MetricsText();
  void RequestRescan() { intake_->RequestRescan(); }
  // Returns if the locks of all parts can be had; a deadlock keeps it from returning.
  void CheckLocks() const;
  // See Engine::health.
  absl::Status engine_health() const { return engine_->health(); }

  // Takes nothing new, ends streams, lets requests in flight finish until `deadline`, then cancels them,
  // stops all parts and frees the models. Returns when nothing runs any more: a model that does not come
  // back, or a load, keeps it waiting. Afterwards only CancelRequests and Stop, which then do nothing, may be
  // called.
  void Stop(absl::Time deadline);
  // That it stopped, into the history; while another thread is in Stop, which does so only at its end.
  void RecordStopped();
  // Before Stop, that it cannot go on, and why: it counts as an end without a stop.
  void RecordDeath(const std::string& reason);
  // Cancels the requests in flight, while another thread is in Stop.
  void CancelRequests();

 private:
  // Hands new versions to the manager.
  class ManagerSink final : public VersionSink {
   public:
    explicit ManagerSink(Manager* manager) : manager_(manager) {}
    absl::Status Register(const VersionRecord& version, const std::string& canonical_config,
                          const std::vector<VersionFile>& files) override {
      return manager_->Register(version, canonical_config, files);
    }
    absl::Status RegisterRelease(const std::string& name, const std::vector<NewVersion>& versions) override {
      return manager_->RegisterRelease(name, versions);
    }

   private:
    Manager* const manager_;
  };

  Server(const Options& options, std::unique_ptr<Engine> engine);
  absl::Status StartParts(const std::string& version);
  absl::Status OpenState();
  absl::Status StartManager();
  absl::Status StartListeners(const std::string& version);
  absl::Status StartHttp();
  Measured Measure() const;
  void RecordEvent(const char* action, const std::string& reason);

  const Options options_;
  std::string version_;  // of the daemon

  // In the order of their lifetimes: each part uses only parts above it.
  FreeMemoryReturner free_memory_;
  std::optional<FileLock> lock_;
  std::unique_ptr<Registry> registry_;
  std::unique_ptr<ArtifactStore> store_;
  std::unique_ptr<UploadStore> uploads_;
  std::unique_ptr<Unpacker> unpacker_;
  const std::unique_ptr<Engine> engine_;
  RequestScheduler scheduler_;
  ServingTable table_;
  HealthReporter health_;
  OpenStreams streams_;
  std::unique_ptr<EngineLoader> loader_;
  std::unique_ptr<KnownPlans> known_plans_;  // null: versions run as they were saved
  std::unique_ptr<ProcessProber> prober_;    // null: versions are not probed
  std::unique_ptr<PlanTuner> tuner_;         // null: as known_plans_
  std::unique_ptr<Manager> manager_;
  std::unique_ptr<ShadowRunner> shadows_;
  std::unique_ptr<Sequences> sequences_;
  std::unique_ptr<DecodePool> decoders_;
  std::unique_ptr<ManagerSink> sink_;
  std::unique_ptr<PushTaker> push_taker_;
  std::unique_ptr<ManagerKeeper> keeper_;
  std::unique_ptr<StoreCare> care_;
  std::unique_ptr<Watcher> watcher_;  // null: the system has no inotify instance left
  std::unique_ptr<Intake> intake_;
  std::unique_ptr<RequestLog> request_log_;
  std::unique_ptr<Router> router_;
  PredictJob::Shared jobs_{};
  std::unique_ptr<InferenceViews> views_;
  std::unique_ptr<ModelServiceImpl> public_service_;
  std::unique_ptr<InferenceServiceImpl> public_inference_;
  PublicServer public_;
  SerialThread scrapes_;              // writes the text of /metrics, behind what requests need
  std::unique_ptr<HttpServer> http_;  // null: it is off
  std::unique_ptr<AdminListener> admin_listener_;
  std::unique_ptr<AdminServiceImpl> admin_service_;
  std::unique_ptr<ModelServiceImpl> admin_model_service_;
  std::unique_ptr<InferenceServiceImpl> admin_inference_;
  std::unique_ptr<grpc::Server> admin_;
  std::thread intake_thread_;
  std::atomic_flag stop_recorded_;
};

}  // namespace modeld
