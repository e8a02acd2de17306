// HealthReporter: tells grpc.health.v1 of every listener what is being served.
#pragma once

#include <grpcpp/health_check_service_interface.h>

#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "registry/base/mutex.h"

namespace modeld {

// Statuses: "", "modeld.v1.ModelService" and "inference.GRPCInferenceService" are the server's; a model's
// name is that model's, from the first SetModel on. The server is NOT_SERVING until set otherwise.
// Thread-safe.
class HealthReporter {
 public:
  HealthReporter();

  // Reports to `service` too, at once and from now on. (gRPC's own begins with "" as SERVING.) REQUIRES: it
  // outlives the last call of any method.
  void Attach(grpc::HealthCheckServiceInterface* service);

  void SetServer(bool serving);
  void SetModel(const std::string& model, bool serving);
  // What was set for the server, and every listener says so.
  bool serving() const;
  // Everything is NOT_SERVING from now on; later calls change nothing.
  void Shutdown();

 private:
  void Set(const std::vector<std::string>& names, bool serving);

  mutable Mutex mutex_;
  std::map<std::string, bool> serving_ ABSL_GUARDED_BY(mutex_);
  std::vector<grpc::HealthCheckServiceInterface*> services_ ABSL_GUARDED_BY(mutex_);
  bool shut_down_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace modeld
