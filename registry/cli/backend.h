// Backend: whom modelctl asks, the daemon or the registry file. Commands do not know which.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "modeld/v1/admin_service.pb.h"
#include "modeld/v1/model_service.pb.h"

namespace modeld {

// The methods are those of v1.ModelService and v1.AdminService, with all pages of a list fetched. Not
// thread-safe. UNIMPLEMENTED for what a backend cannot do; the message says what can.
class Backend {
 public:
  virtual ~Backend() = default;

  virtual absl::StatusOr<v1::ListModelsResponse> ListModels() = 0;
  virtual absl::StatusOr<v1::GetModelResponse> GetModel(const std::string& model) = 0;
  virtual absl::StatusOr<v1::PredictResponse> Predict(const v1::PredictRequest& request) = 0;

  // The newest `limit` events of `model` (empty: of all), newest first.
  virtual absl::StatusOr<v1::ListEventsResponse> ListEvents(const std::string& model, int limit) = 0;
  virtual absl::StatusOr<v1::RollbackResponse> Rollback(const v1::RollbackRequest& request) = 0;
  virtual absl::StatusOr<v1::PromoteResponse> Promote(const v1::PromoteRequest& request) = 0;
  virtual absl::StatusOr<v1::PinResponse> Pin(const v1::PinRequest& request) = 0;
  virtual absl::StatusOr<v1::UnpinResponse> Unpin(const v1::UnpinRequest& request) = 0;
  virtual absl::StatusOr<v1::RetireResponse> Retire(const v1::RetireRequest& request) = 0;
  virtual absl::StatusOr<v1::RescanResponse> Rescan() = 0;
  virtual absl::StatusOr<v1::GetStatusResponse> GetStatus() = 0;
};

}  // namespace modeld
