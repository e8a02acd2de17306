#include "daemon/rpc/health_reporter.h"

namespace modeld {
namespace {

constexpr char kServer[] = "";
constexpr char kModelService[] = "modeld.v1.ModelService";
constexpr char kInferenceService[] = "inference.GRPCInferenceService";

}  // namespace

HealthReporter::HealthReporter()
    : serving_{{kServer, false}, {kModelService, false}, {kInferenceService, false}} {}

void HealthReporter::Attach(grpc::HealthCheckServiceInterface* service) {
  MutexLock lock(&mutex_);
  services_.push_back(service);
  for (const auto& [name, serving] : serving_) service->SetServingStatus(name, serving);
}

void HealthReporter::SetServer(bool serving) { Set({kServer, kModelService, kInferenceService}, serving); }

void HealthReporter::SetModel(const std::string& model, bool serving) { Set({model}, serving); }

bool HealthReporter::serving() const {
  MutexLock lock(&mutex_);
  return serving_.at(kServer);
}

void HealthReporter::Set(const std::vector<std::string>& names, bool serving) {
  MutexLock lock(&mutex_);
  if (shut_down_) return;
  for (const std::string& name : names) {
    serving_[name] = serving;
    for (grpc::HealthCheckServiceInterface* service : services_) service->SetServingStatus(name, serving);
  }
}

void HealthReporter::Shutdown() {
  MutexLock lock(&mutex_);
  shut_down_ = true;
  for (auto& [name, serving] : serving_) serving = false;
  for (grpc::HealthCheckServiceInterface* service : services_) service->Shutdown();
}

}  // namespace modeld
