// RpcTest: the services in front of real parts (registry, intake, manager, scheduler), called through gRPC
// within the process. Only the models are fake: functions, by model and version.
#pragma once

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/lifecycle/manager.h"
#include "daemon/lifecycle/serving_table.h"
#include "daemon/lifecycle/shadow_runner.h"
#include "daemon/rpc/admin_service.h"
#include "daemon/rpc/inference_service.h"
#include "daemon/rpc/manager_keeper.h"
#include "daemon/rpc/model_service.h"
#include "daemon/scheduling/request_scheduler.h"
#include "daemon/source/intake.h"
#include "registry/base/log.h"
#include "registry/registry.h"
#include "registry/store_care.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/notification.h"
#include "tests/support/registry_records.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace modeld {

// Matches a grpc::Status by code and message.
MATCHER_P2(RpcStatusIs, code, message,
           "has code " + std::to_string(code) + " and a message that " +
               ::testing::DescribeMatcher<std::string>(message)) {
  *result_listener << "status is " << arg.error_code() << ": " << arg.error_message();
  return arg.error_code() == code && ::testing::Matches(message)(arg.error_message());
}
MATCHER(RpcOk, "is OK") {
  *result_listener << "status is " << arg.error_code() << ": " << arg.error_message();
  return arg.ok();
}

using MethodFn = std::function<absl::StatusOr<Value>(std::vector<Value> arguments)>;

// A model made of functions.
struct FakeModel {
  std::vector<Method> methods;
  std::vector<MethodFn> functions;  // one a method
  std::vector<DeclaredTensor> inputs;
  std::vector<DeclaredTensor> outputs;
  // Of its config.
  std::map<std::string, v1::ImagePreprocess> images;
  std::map<std::string, v1::PostprocessConfig> classes;

  FakeModel& Add(Method method, MethodFn function) {
    methods.push_back(std::move(method));
    functions.push_back(std::move(function));
    return *this;
  }
};

inline Type TypeOfKind(Type::Kind kind) {
  Type type;
  type.kind = kind;
  return type;
}

// `name(x: Any) -> Any`.
inline Method UnaryMethod(const std::string& name, Type::Kind kind = Type::Kind::kAny) {
  return {.name = name,
          .arguments = {{.name = "x", .type = TypeOfKind(kind), .default_value = std::nullopt}},
          .returns = TypeOfKind(Type::Kind::kAny)};
}

// forward(x) returns x.
inline FakeModel EchoModel() {
  return FakeModel().Add(UnaryMethod("forward"), [](std::vector<Value> arguments) -> absl::StatusOr<Value> {
    return std::move(arguments[0]);
  });
}

// forward(x) returns `text`.
inline FakeModel SayingModel(const std::string& text) {
  return FakeModel().Add(UnaryMethod("forward"),
                         [text](std::vector<Value>) -> absl::StatusOr<Value> { return Value{text}; });
}

// Loads FakeModels. Versions that nobody gave are refused as broken.
class FakeModelLoader final : public VersionLoader {
 public:
  void Hurry() override {}
  absl::Status CheckAgain(const VersionRecord&, const ServedVersion&) override { return absl::OkStatus(); }
  void Give(const std::string& model, const std::string& version, FakeModel fake) {
    MutexLock lock(&mutex_);
    models_[{model, version}] = std::move(fake);
  }
  // How requests to what is loaded are scheduled. Call it before any load.
  void Schedule(RequestScheduler* scheduler, int instances, size_t max_queue) {
    scheduler_ = scheduler;
    instances_ = instances;
    max_queue_ = max_queue;
  }
  // Loads wait until `gate` is notified.
  void WaitFor(Notification* gate) {
    MutexLock lock(&mutex_);
    gate_ = gate;
  }

  absl::StatusOr<LoadedVersion> Load(const VersionRecord& record, bool /*awaited*/) override {
    Notification* gate;
    {
      MutexLock lock(&mutex_);
      gate = gate_;
    }
    if (gate != nullptr) gate->Wait();
    MutexLock lock(&mutex_);
    const auto found = models_.find({record.model, record.version});
    if (found == models_.end()) return absl::InvalidArgumentError("broken artifact");
    auto version = std::make_unique<ServedVersion>();
    version->model = record.model;
    version->version = record.version;
    version->engine = "fake";
    version->inputs = found->second.inputs;
    version->outputs = found->second.outputs;
    for (const auto& [name, image] : found->second.images)
      version->images.try_emplace(name, image, DType::kFp32);
    version->classes = found->second.classes;
    version->executable = std::make_unique<FakeExecutable>(found->second);
    InstanceGroupOptions options;
    options.instances = instances_;
    options.max_queue_calls = max_queue_;
    version->instances = scheduler_->NewGroup(version->executable.get(), options);
    return LoadedVersion{std::move(version), {}};
  }

 private:
  class FakeExecutable final : public Executable {
   public:
    explicit FakeExecutable(FakeModel model) : model_(std::move(model)) {}
    const std::vector<Method>& methods() const override { return model_.methods; }
    absl::StatusOr<Value> Run(size_t method, std::vector<Value> arguments) override {
      return model_.functions[method](std::move(arguments));
    }

   private:
    const FakeModel model_;
  };

  RequestScheduler* scheduler_ = nullptr;
  int instances_ = 1;
  size_t max_queue_ = 1;
  Mutex mutex_;
  std::map<std::pair<std::string, std::string>, FakeModel> models_ ABSL_GUARDED_BY(mutex_);
  Notification* gate_ ABSL_GUARDED_BY(mutex_) = nullptr;
};

// Hands what the intake finds to the manager.
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

struct RpcTestOptions {
  int instances = 2;
  size_t max_queue = 16;
  int64_t max_message_bytes = 1 << 20;
  bool is_administrative = false;  // the Open Inference Protocol may load and unload
};

class RpcTest : public testing::Test {
 protected:
  RpcTest() { SetLogLevel(LogLevel::kError); }
  ~RpcTest() override {
    if (server_ != nullptr) server_->Shutdown();
    decoders_.Stop();
    scheduler_.Stop();
    sequences_.Stop();
    if (intake_ != nullptr) intake_->Stop();
    if (intake_thread_.joinable()) intake_thread_.join();
  }

  // Starts everything; versions that are in the registry already begin to load.
  void Start(const RpcTestOptions& options = {}) {
    ASSERT_OK_AND_ASSIGN(registry_, Registry::Open(state_ / "registry.db"));
    ASSERT_OK_AND_ASSIGN(store_, ArtifactStore::Open(FileSystem::Real(), state_ / "artifacts"));
    loader_.Schedule(&scheduler_, options.instances, options.max_queue);
    ASSERT_OK_AND_ASSIGN(manager_, Manager::Start({.registry = registry_.get(),
                                                   .loader = &loader_,
                                                   .prober = nullptr,
                                                   .table = &table_,
                                                   .clock = Clock::Real(),
                                                   .on_serving_changed = nullptr}));
    shadows_ = std::make_unique<ShadowRunner>(ShadowRunnerOptions{});
    sink_ = std::make_unique<ManagerSink>(manager_.get());
    ASSERT_OK_AND_ASSIGN(uploads_, UploadStore::Open(&upload_files_, Clock::Real(), state_ / "uploads"));
    push_taker_ = std::make_unique<PushTaker>(FileSystem::Real(), Clock::Real(), registry_.get(),
                                              store_.get(), sink_.get(), InspectOptions{});
    keeper_ = std::make_unique<ManagerKeeper>(manager_.get());
    care_ = std::make_unique<StoreCare>(registry_.get(), store_.get(), FileSystem::Real(), Clock::Real(),
                                        keeper_.get());
    intake_ = std::make_unique<Intake>(
        FileSystem::Real(), Clock::Real(), registry_.get(), store_.get(), sink_.get(), /*watcher=*/nullptr,
        IntakeOptions{.drop_directory = drop_.path(),
                      .settle = {.settle_time = absl::ZeroDuration(), .incomplete_time = absl::Seconds(10)},
                      .rescan_interval = absl::Hours(1),
                      .inspect = {}});
    ASSERT_OK(intake_->LoadRemembered());
    router_ = std::make_unique<Router>(&table_, [this] { return manager_->ready(); });
    jobs_ = {.router = router_.get(),
             .shadows = shadows_.get(),
             .sequences = &sequences_,
             .max_message_bytes = options.max_message_bytes,
             .decoders = &decoders_};
    views_ = std::make_unique<InferenceViews>(
        router_.get(), manager_.get(), registry_.get(), [this] { return health_.serving(); }, "1.2.3");
    model_service_ =
        std::make_unique<ModelServiceImpl>(&jobs_, manager_.get(), intake_.get(), registry_.get());
    inference_service_ = std::make_unique<InferenceServiceImpl>(
        InferenceParts{.jobs = &jobs_,
                       .views = views_.get(),
                       .manager = options.is_administrative ? manager_.get() : nullptr});
    admin_service_ =
        std::make_unique<AdminServiceImpl>(AdminParts{.manager = manager_.get(),
                                                      .intake = intake_.get(),
                                                      .registry = registry_.get(),
                                                      .scheduler = &scheduler_,
                                                      .health = &health_,
                                                      .uploads = uploads_.get(),
                                                      .push_taker = push_taker_.get(),
                                                      .care = care_.get(),
                                                      .peers = nullptr},
                                           DaemonInfo{.version = "1.2.3",
                                                      .started_at = absl::FromUnixSeconds(1'700'000'000),
                                                      .drop_directory = drop_.path(),
                                                      .state_directory = state_.path(),
                                                      .addresses = {"127.0.0.1:8500"},
                                                      .engines = {"fake 1.0"}});
    grpc::ServerBuilder builder;
    builder.SetMaxReceiveMessageSize(static_cast<int>(options.max_message_bytes));
    builder.RegisterService(model_service_.get());
    builder.RegisterService(admin_service_.get());
    builder.RegisterService(inference_service_.get());
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    const std::shared_ptr<grpc::Channel> channel = server_->InProcessChannel(arguments);
    models_ = v1::ModelService::NewStub(channel);
    admin_ = v1::AdminService::NewStub(channel);
    inference_ = inference::GRPCInferenceService::NewStub(channel);
  }

  // The intake's own thread, for what needs it.
  void StartIntakeThread() {
    intake_thread_ = std::thread([this] { intake_->Run(); });
  }

  // Registers a version and waits until it is loaded or refused.
  void Register(const std::string& model, const std::string& version, FakeModel fake) {
    loader_.Give(model, version, std::move(fake));
    RegisterOnly(model, version);
  }
  void RegisterOnly(const std::string& model, const std::string& version) {
    const std::string config = absl::StrCat(R"({"version":")", version, R"("})");
    ASSERT_OK(manager_->Register(TestVersion(model, version), config));
    ASSERT_TRUE(manager_->WaitSettled(absl::Seconds(30)));
  }

  // Until every request is answered.
  void WaitUntilIdle() const {
    while (scheduler_.in_flight() > 0) std::this_thread::yield();
  }

  // forward(x) on `request.model`; what is not given is as in `request`.
  grpc::Status Predict(v1::PredictRequest request, v1::PredictResponse* response,
                       absl::Duration timeout = absl::Seconds(30)) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
    return models_->Predict(&context, request, response);
  }
  grpc::Status Predict(v1::PredictRequest request) {
    v1::PredictResponse response;
    return Predict(std::move(request), &response);
  }

  TempDir state_;
  TempDir drop_;
  FakeModelLoader loader_;
  RequestScheduler scheduler_{Clock::Real(), nullptr};
  DecodePool decoders_{{.threads = 1, .max_waiting = 1}};
  ManualClock sequence_clock_;
  ServingTable table_;
  HealthReporter health_;
  std::unique_ptr<Registry> registry_;
  std::unique_ptr<ArtifactStore> store_;
  std::unique_ptr<Manager> manager_;
  std::unique_ptr<ShadowRunner> shadows_;  // after the manager: its copies hold handles
  Sequences sequences_{&sequence_clock_, {.max_sequences = 3, .max_waiting = 2}};  // so do its sequences
  std::unique_ptr<ManagerSink> sink_;
  FaultyFileSystem upload_files_;  // of what writes uploads
  std::unique_ptr<UploadStore> uploads_;
  std::unique_ptr<PushTaker> push_taker_;
  std::unique_ptr<ManagerKeeper> keeper_;
  std::unique_ptr<StoreCare> care_;
  std::unique_ptr<Intake> intake_;
  std::unique_ptr<Router> router_;
  PredictJob::Shared jobs_{};
  std::unique_ptr<InferenceViews> views_;
  std::unique_ptr<ModelServiceImpl> model_service_;
  std::unique_ptr<InferenceServiceImpl> inference_service_;
  std::unique_ptr<AdminServiceImpl> admin_service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::ModelService::Stub> models_;
  std::unique_ptr<v1::AdminService::Stub> admin_;
  std::unique_ptr<inference::GRPCInferenceService::Stub> inference_;
  std::thread intake_thread_;
};

// A request with the one input `x`.
inline v1::PredictRequest RequestFor(const std::string& model, int64_t x = 7) {
  v1::PredictRequest request;
  request.set_model(model);
  (*request.mutable_inputs())["x"].set_int_value(x);
  return request;
}

}  // namespace modeld
