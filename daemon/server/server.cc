#include "daemon/server/server.h"

#include <grpc/grpc.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <future>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "daemon/metrics/families.h"
#include "daemon/metrics/text.h"
#include "daemon/probe/sandbox.h"
#include "daemon/scheduling/cpu_budget.h"
#include "daemon/scheduling/thread_priority.h"
#include "daemon/server/listen_address.h"
#include "registry/base/clock.h"
#include "registry/base/file_system.h"
#include "registry/base/log.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

constexpr char kDaemon[] = "daemon";
constexpr int64_t kMebibyte = 1 << 20;

SchedulingDefaults DefaultsOf(const Options& options) {
  const CpuBudget budget = ReadCpuBudget(*FileSystem::Real());
  return {.instances = options.instances,
          .threads_per_instance = options.threads_per_instance,
          .cpus = budget.count,
          .pin_to = options.pin_instances ? budget.cpus : std::vector<int>(),
          .max_queue_calls = static_cast<size_t>(options.max_queue),
          .max_queue_bytes = options.max_queue_mib * kMebibyte};
}

int64_t MemoryBudgetBytes(const Options& options) {
  if (options.memory_budget_mib > 0) return options.memory_budget_mib * kMebibyte;
  // The rest is for the daemon itself, requests, probes and the page cache.
  return MachineMemoryBytes() / 5 * 4;
}

// Also of the largest messages some come in at the same time.
int64_t MaxReceivedBytes(const Options& options) {
  return std::max(options.max_received_mib * kMebibyte, 4 * options.max_message_bytes);
}

int64_t MaxSequenceBytes(const Options& options) {
  if (options.max_sequences_mib > 0) return options.max_sequences_mib * kMebibyte;
  return MachineMemoryBytes() / 10;
}

InspectOptions InspectOptionsOf(const Options& options) {
  return {.config = {.strict = options.strict_config}, .formats = FormatsFromNames(options.formats)};
}

RequestLogOptions RequestLogOptionsOf(const Options& options) {
  return {.all = options.log_requests,
          .slow = options.slow_request_ms == 0 ? absl::InfiniteDuration()
                                               : absl::Milliseconds(options.slow_request_ms)};
}

// What probes rest for.
Pacer::Serving PacedBy(const RequestScheduler& scheduler, int cpus) {
  return {.served = [&scheduler] { return scheduler.begun(); },
          .is_full = [&scheduler, cpus] { return scheduler.running_threads() >= cpus; }};
}

}  // namespace

Server::Server(const Options& options, std::unique_ptr<Engine> engine)
    : options_(options),
      engine_(std::move(engine)),
      scheduler_(Clock::Real(), [engine = engine_.get()](int threads) { engine->PrepareThread(threads); }) {}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const Options& options, std::unique_ptr<Engine> engine,
                                                      const std::string& version) {
  std::unique_ptr<Server> server(new Server(options, std::move(engine)));
  MODELD_RETURN_IF_ERROR(server->StartParts(version));
  return server;
}

absl::Status Server::StartParts(const std::string& version) {
  version_ = version;
  MODELD_RETURN_IF_ERROR(OpenState());
  MODELD_RETURN_IF_ERROR(StartManager());
  sink_ = std::make_unique<ManagerSink>(manager_.get());
  push_taker_ = std::make_unique<PushTaker>(FileSystem::Real(), Clock::Real(), registry_.get(), store_.get(),
                                            sink_.get(), InspectOptionsOf(options_));
  keeper_ = std::make_unique<ManagerKeeper>(manager_.get());
  care_ = std::make_unique<StoreCare>(registry_.get(), store_.get(), FileSystem::Real(), Clock::Real(),
                                      keeper_.get());
  if (absl::StatusOr<std::unique_ptr<Watcher>> watcher = Watcher::Create(); watcher.ok()) {
    watcher_ = *std::move(watcher);
  } else {
    LogWarning("the drop directory is only rescanned",
               {{"seconds", absl::StrCat(options_.rescan_interval_s)}, {"error", watcher.status()}});
  }
  intake_ = std::make_unique<Intake>(
      FileSystem::Real(), Clock::Real(), registry_.get(), store_.get(), sink_.get(), watcher_.get(),
      IntakeOptions{.drop_directory = options_.drop_directory,
                    .settle = {.settle_time = absl::Milliseconds(options_.settle_ms),
                               .incomplete_time = absl::Seconds(options_.incomplete_timeout_s)},
                    .rescan_interval = absl::Seconds(options_.rescan_interval_s),
                    .inspect = InspectOptionsOf(options_)});
  MODELD_RETURN_IF_ERROR(intake_->LoadRemembered());
  MODELD_RETURN_IF_ERROR(StartListeners(version));
  intake_thread_ = std::thread([this] { intake_->Run(); });
  RecordEvent(action::kStarted, absl::StrCat("modeld ", version, ", ", EngineText(*engine_)));
  return absl::OkStatus();
}

absl::Status Server::OpenState() {
  const std::string& state = options_.state_directory;
  MODELD_RETURN_IF_ERROR(FileSystem::Real()->MakeDirectories(state));
  absl::StatusOr<FileLock> lock = FileLock::Acquire(state + "/lock");
  if (absl::IsFailedPrecondition(lock.status())) {
    return absl::FailedPreconditionError(absl::StrCat("the state directory ", state,
                                                      " is in use: ", lock.status().message(),
                                                      "; stop that one or choose another --state-directory"));
  }
  MODELD_RETURN_IF_ERROR(lock.status());
  lock_ = *std::move(lock);
  MODELD_ASSIGN_OR_RETURN(registry_, Registry::Open(state + "/registry.db"));
  MODELD_ASSIGN_OR_RETURN(store_, ArtifactStore::Open(FileSystem::Real(), state + "/artifacts"));
  MODELD_ASSIGN_OR_RETURN(unpacker_, Unpacker::Open(FileSystem::Real(), state + "/unpacked"));
  MODELD_ASSIGN_OR_RETURN(uploads_,
                          UploadStore::Open(FileSystem::Real(), Clock::Real(), state + "/artifacts/uploads"));
  return absl::OkStatus();
}

absl::Status Server::StartManager() {
  loader_ = std::make_unique<EngineLoader>(
      engine_.get(), store_.get(), registry_.get(), &scheduler_,
      EngineLoaderOptions{.scheduling = DefaultsOf(options_),
                          .default_watch = absl::Seconds(options_.guard_watch_s),
                          .use_plans = options_.try_plans,
                          .formats = FormatsFromNames(options_.formats),
                          .unpacker = unpacker_.get(),
                          .images = {.max_pixels = options_.max_image_megapixels * 1'000'000}});
  if (options_.probe) {
    const auto new_prober = [this](const PlanSearch& search) {
      return std::make_unique<ProcessProber>(
          store_.get(), registry_.get(),
          ProcessProberOptions{
              .limits = {.wall = absl::Seconds(options_.probe_timeout_s),
                         .cpu = absl::Seconds(options_.probe_timeout_s),
                         .memory_bytes = options_.probe_memory_mib * kMebibyte},
              .search = search,
              .formats = FormatsFromNames(options_.formats),
              .unpacker = unpacker_.get(),
              .scheduling = DefaultsOf(options_),
              .release_device_memory = [engine = engine_.get()] { engine->ReleaseUnusedMemory(); }},
          std::make_unique<ProbeProcess>(ProbeProcess::OwnCommand(EngineArguments(options_.engines)),
                                         PacedBy(scheduler_, DefaultsOf(options_).cpus)));
    };
    if (options_.try_plans) {
      known_plans_ = std::make_unique<KnownPlans>(store_.get(), registry_.get(), *engine_);
      tuner_ = std::make_unique<PlanTuner>(registry_.get(), known_plans_.get(), Clock::Real(),
                                           new_prober({.known_plans = known_plans_.get(), .always = true}));
    }
    prober_ = new_prober({.known_plans = known_plans_.get()});
  } else {
    LogWarning("versions are loaded without being probed first", {{"option", "--probe=false"}});
  }
  MODELD_ASSIGN_OR_RETURN(
      manager_,
      Manager::Start({.registry = registry_.get(),
                      .loader = loader_.get(),
                      .prober = prober_.get(),
                      .table = &table_,
                      .clock = Clock::Real(),
                      .on_serving_changed = [this](const std::string& model,
                                                   bool serving) { health_.SetModel(model, serving); },
                      .on_loaded =
                          [this](const VersionRecord& version) {
                            if (tuner_ != nullptr) tuner_->Notice(version);
                          },
                      .memory_budget_bytes = MemoryBudgetBytes(options_),
                      .memory_policy = options_.memory_policy == "resource" ? MemoryPolicy::kResource
                                                                            : MemoryPolicy::kAvailability}));
  if (tuner_ != nullptr) {
    tuner_->Start([this](const VersionRecord& version, const std::string& plan, int64_t resident_bytes) {
      manager_->Reload(version, plan, resident_bytes);
    });
  }
  return absl::OkStatus();
}

absl::Status Server::StartListeners(const std::string& version) {
  shadows_ = std::make_unique<ShadowRunner>(ShadowRunnerOptions{
      .prepare_thread = [engine = engine_.get()] { engine->PrepareThread(/*intra_op_threads=*/1); }});
  sequences_ = std::make_unique<Sequences>(
      Clock::Real(), SequenceLimits{.max_sequences = static_cast<size_t>(options_.max_sequences),
                                    .max_waiting_bytes = options_.max_queue_mib * kMebibyte,
                                    .max_bytes = MaxSequenceBytes(options_),
                                    .idle = absl::Seconds(options_.sequence_idle_s)});
  router_ = std::make_unique<Router>(&table_, [this] { return manager_->ready(); });
  request_log_ = std::make_unique<RequestLog>(Clock::Real(), RequestLogOptionsOf(options_));
  decoders_ = std::make_unique<DecodePool>(
      DecodePoolOptions{.threads = DefaultsOf(options_).cpus,
                        .max_waiting = static_cast<size_t>(options_.max_queue),
                        .max_waiting_bytes = options_.max_queue_mib * kMebibyte});
  jobs_ = {.router = router_.get(),
           .shadows = shadows_.get(),
           .sequences = sequences_.get(),
           .max_message_bytes = options_.max_message_bytes,
           .log = request_log_.get(),
           .decoders = decoders_.get()};
  views_ = std::make_unique<InferenceViews>(
      router_.get(), manager_.get(), registry_.get(), [this] { return health_.serving(); }, version);
  const auto model_service = [this] {
    return std::make_unique<ModelServiceImpl>(&jobs_, manager_.get(), intake_.get(), registry_.get());
  };
  const GrpcServerOptions grpc_options{.max_message_bytes = options_.max_message_bytes,
                                       .max_received_bytes = MaxReceivedBytes(options_),
                                       .reflection = options_.reflection,
                                       .streams = &streams_};
  public_service_ = model_service();
  public_inference_ =
      std::make_unique<InferenceServiceImpl>(InferenceParts{.jobs = &jobs_, .views = views_.get()});
  MODELD_ASSIGN_OR_RETURN(public_, StartPublicServer(options_.listen, grpc_options,
                                                     {public_service_.get(), public_inference_.get()}));
  health_.Attach(public_.server->GetHealthCheckService());
  for (const std::string& address : public_.addresses) LogInfo("listening", {{"address", address}});

  MODELD_RETURN_IF_ERROR(StartHttp());

  // Everything of the public one too, so that the socket is all that modelctl needs.
  MODELD_ASSIGN_OR_RETURN(admin_listener_, AdminListener::Bind(options_.admin_socket));
  admin_model_service_ = model_service();
  admin_inference_ = std::make_unique<InferenceServiceImpl>(InferenceParts{
      .jobs = &jobs_, .views = views_.get(), .manager = manager_.get(), .peers = admin_listener_.get()});
  admin_service_ = std::make_unique<AdminServiceImpl>(AdminParts{.manager = manager_.get(),
                                                                 .intake = intake_.get(),
                                                                 .registry = registry_.get(),
                                                                 .scheduler = &scheduler_,
                                                                 .health = &health_,
                                                                 .uploads = uploads_.get(),
                                                                 .push_taker = push_taker_.get(),
                                                                 .care = care_.get(),
                                                                 .tuner = tuner_.get(),
                                                                 .peers = admin_listener_.get()},
                                                      DaemonInfo{.version = version,
                                                                 .started_at = absl::Now(),
                                                                 .drop_directory = options_.drop_directory,
                                                                 .state_directory = options_.state_directory,
                                                                 .addresses = public_.addresses,
                                                                 .engines = LibraryTexts(*engine_)});
  MODELD_ASSIGN_OR_RETURN(
      admin_, StartAdminServer(grpc_options,
                               {admin_model_service_.get(), admin_service_.get(), admin_inference_.get()}));
  admin_listener_->Serve(admin_.get());
  health_.Attach(admin_->GetHealthCheckService());
  LogInfo("listening", {{"admin_socket", options_.admin_socket}});
  return absl::OkStatus();
}

Measured Server::Measure() const {
  return {.daemon_version = version_,
          .lifecycle = manager_->Metrics(),
          .refused_without_model = table_.refused_without_model(),
          .requests_in_flight = scheduler_.in_flight(),
          .running_threads = scheduler_.running_threads(),
          .ready = manager_->ready(),
          .drop_directory_readable = intake_->source_status().ok(),
          .dropped_files = static_cast<int64_t>(intake_->dropped_files().size()),
          .sequences = static_cast<int64_t>(sequences_->open()),
          .sequence_bytes = sequences_->bytes(),
          .process = ReadProcessMetrics()};
}

std::string Server::MetricsText() {
  // By who asks, since it takes the manager's lock. The text is most of the work, and takes no lock.
  const Measured measured = Measure();
  std::promise<std::string> text;
  scrapes_.Post([&] {
    YieldToRequests();
    try {
      text.set_value(modeld::MetricsText(measured));
    } catch (...) {
      text.set_exception(std::current_exception());
    }
  });
  return text.get_future().get();
}

absl::Status Server::StartHttp() {
  if (options_.http_listen.empty()) return absl::OkStatus();
  const auto [host, port] = SplitAddress(options_.http_listen);
  MODELD_ASSIGN_OR_RETURN(
      http_,
      HttpServer::Start({.host = host,
                         .port = port,
                         .max_message_bytes = options_.max_message_bytes,
                         .max_bodies_bytes = MaxReceivedBytes(options_)},
                        {.jobs = &jobs_, .views = views_.get(), .router = router_.get(), .metrics = [this] {
                           return MetricsText();
                         }}));
  LogInfo("listening", {{"http", WithPort(options_.http_listen, http_->port())}});
  return absl::OkStatus();
}

void Server::CheckLocks() const {
  (void)manager_->Counts();
  (void)intake_->source_status();
}

void Server::Stop(absl::Time deadline) {
  health_.Shutdown();
  if (intake_ != nullptr) intake_->Stop();
  // Before the manager, which it calls.
  if (tuner_ != nullptr) tuner_->Stop();
  if (manager_ != nullptr) manager_->Stop();
  if (care_ != nullptr) care_->Stop();
  streams_.Cancel();
  for (ModelServiceImpl* service : {public_service_.get(), admin_model_service_.get()}) {
    if (service != nullptr) service->StopStreams();
  }
  for (InferenceServiceImpl* service : {public_inference_.get(), admin_inference_.get()}) {
    if (service != nullptr) service->StopStreams();
  }
  // gRPC takes times before 1970 for "never".
  const std::chrono::system_clock::time_point until =
      absl::ToChronoTime(std::max(deadline, absl::UnixEpoch()));
  if (http_ != nullptr) http_->BeginStop();
  if (public_.server != nullptr) public_.server->Shutdown(until);
  if (http_ != nullptr) http_->Stop(deadline);
  if (admin_listener_ != nullptr) admin_listener_->Stop();
  if (admin_ != nullptr) admin_->Shutdown(until);
  // It hands what it has decoded to the scheduler.
  if (decoders_ != nullptr) decoders_->Stop();
  scheduler_.Stop();
  // Before the manager goes, which waits for every handle.
  if (shadows_ != nullptr) shadows_->Stop();
  if (sequences_ != nullptr) sequences_->Stop();
  if (intake_thread_.joinable()) {
    intake_thread_.join();
    RecordStopped();
  }
  // Here and not in the destructor, which is quick: it waits for a load in progress, and frees the models.
  manager_.reset();
}

void Server::RecordStopped() {
  if (!stop_recorded_.test_and_set()) RecordEvent(action::kStopped, "");
}

void Server::RecordDeath(const std::string& reason) {
  if (stop_recorded_.test_and_set()) return;
  if (const absl::Status recorded =
          registry_->RecordDeathOnGpu(absl::Now(), reason, manager_->FailingUnderWatch());
      !recorded.ok()) {
    LogWarning("event not recorded", {{"action", action::kDied}, {"error", recorded}});
  }
}

void Server::CancelRequests() {
  for (grpc::Server* server : {public_.server.get(), admin_.get()}) {
    ::grpc_server_cancel_all_calls(server->c_server());
  }
  if (http_ != nullptr) http_->Cancel();
}

void Server::RecordEvent(const char* action, const std::string& reason) {
  EventRecord event;
  event.time = absl::Now();
  event.actor = kDaemon;
  event.action = action;
  event.reason = reason;
  if (const absl::Status recorded = registry_->RecordEvent(event); !recorded.ok()) {
    LogWarning("event not recorded", {{"action", action}, {"error", recorded}});
  }
}

Server::~Server() { Stop(absl::InfinitePast()); }

}  // namespace modeld
