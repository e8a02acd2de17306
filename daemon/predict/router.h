// Router: where a request to predict goes, by what it names.
#pragma once

#include <atomic>
#include <functional>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "daemon/lifecycle/serving_table.h"
#include "modeld/v1/model_service.pb.h"

namespace modeld {

// What a request's `version` may say.
enum class VersionNames {
  kVersions,
  // A version or a label, as the Open Inference Protocol's one field has to. What is a version is meant as
  // one, though a label be called alike.
  kVersionsAndLabels,
};

// Thread-safe.
class Router {
 public:
  // `ready`: every version that was live before the start is loaded or has failed; once so, so for good.
  // `table` outlives it.
  Router(const ServingTable* table, std::function<bool()> ready) : table_(table), ready_(std::move(ready)) {}

  // As ServingTable::RouteRequest. UNAVAILABLE while the daemon is starting, where the table cannot answer
  // yet.
  absl::StatusOr<Route> RouteRequest(const v1::PredictRequest& request,
                                     VersionNames names = VersionNames::kVersions) const;
  // As ServingTable::Resolve, for who asks about a model; UNAVAILABLE as above.
  absl::StatusOr<VersionHandle> Resolve(VersionSelector selector,
                                        VersionNames names = VersionNames::kVersions) const;
  // As ServingTable::CountRefused.
  void CountRefused(std::string_view model, absl::StatusCode code) const {
    table_->CountRefused(model, code);
  }

 private:
  const ServingTable* const table_;
  const std::function<bool()> ready_;
  mutable std::atomic<bool> started_ = false;  // it was ready once
};

}  // namespace modeld
