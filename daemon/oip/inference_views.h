// InferenceViews: what the daemon and its models are, as the Open Inference Protocol asks for it by gRPC and
// HTTP.
#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/lifecycle/manager.h"
#include "daemon/predict/router.h"
#include "inference/grpc_service.pb.h"
#include "registry/registry.h"

namespace modeld {

// Thread-safe. What takes the manager's lock or reads the registry may wait for the disk: not on a thread
// that takes requests in. All pointers outlive it.
class InferenceViews {
 public:
  // `serving`: health says so of the server.
  InferenceViews(const Router* router, const Manager* manager, Registry* registry,
                 std::function<bool()> serving, std::string daemon_version)
      : router_(router),
        manager_(manager),
        registry_(registry),
        serving_(std::move(serving)),
        daemon_version_(std::move(daemon_version)) {}

  bool ServerReady() const { return serving_(); }
  inference::ServerMetadataResponse ServerMetadata() const;
  // False also for a model that there is not.
  bool ModelReady(const std::string& model, const std::string& version) const;

  // Of `version`, a version or a label; empty: the live one. Errors as ServingTable::Resolve.
  absl::StatusOr<inference::ModelMetadataResponse> ModelMetadata(const std::string& model,
                                                                 const std::string& version) const;
  absl::StatusOr<inference::ModelConfig> ModelConfig(const std::string& model,
                                                     const std::string& version) const;
  // Of one model, or of all where it is empty; with a version of that one, else of all in memory.
  absl::StatusOr<inference::ModelStatisticsResponse> ModelStatistics(const std::string& model,
                                                                     const std::string& version) const;
  inference::RepositoryIndexResponse RepositoryIndex(bool only_ready) const;

 private:
  absl::StatusOr<VersionHandle> Find(const std::string& model, const std::string& version) const;
  // All models, page by page.
  std::vector<ModelView> AllModels() const;

  const Router* const router_;
  const Manager* const manager_;
  Registry* const registry_;
  const std::function<bool()> serving_;
  const std::string daemon_version_;
};

}  // namespace modeld
