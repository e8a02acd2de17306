#include "daemon/oip/inference_views.h"

#include <algorithm>
#include <utility>

#include "daemon/oip/metadata.h"
#include "daemon/oip/statistics.h"
#include "daemon/predict/required.h"
#include "registry/base/status_macros.h"
#include "registry/model_config.h"

namespace modeld {
namespace {

constexpr size_t kPage = 1000;

ArtifactFormat FormatOf(const ModelView& model, const std::string& version) {
  for (const VersionView& view : model.versions) {
    if (view.record.version == version) return view.record.format;
  }
  return ArtifactFormat::kTorchScript;
}

}  // namespace

inference::ServerMetadataResponse InferenceViews::ServerMetadata() const {
  inference::ServerMetadataResponse metadata;
  metadata.set_name("modeld");
  metadata.set_version(daemon_version_);
  for (std::string& extension : OipExtensions()) metadata.add_extensions(std::move(extension));
  return metadata;
}

absl::StatusOr<VersionHandle> InferenceViews::Find(const std::string& model,
                                                   const std::string& version) const {
  MODELD_RETURN_IF_ERROR(RequireModel(model));
  return router_->Resolve({model, version, {}}, VersionNames::kVersionsAndLabels);
}

bool InferenceViews::ModelReady(const std::string& model, const std::string& version) const {
  return Find(model, version).ok();
}

absl::StatusOr<inference::ModelMetadataResponse> InferenceViews::ModelMetadata(
    const std::string& model, const std::string& version) const {
  MODELD_ASSIGN_OR_RETURN(const VersionHandle found, Find(model, version));
  MODELD_ASSIGN_OR_RETURN(const ModelView view, manager_->GetModel(model));
  inference::ModelMetadataResponse metadata;
  FillMetadata(*found, &metadata);
  metadata.set_platform(PlatformOf(FormatOf(view, found->version)));
  for (const VersionView& each : view.versions) {
    if (each.state == VersionState::kReady) metadata.add_versions(each.record.version);
  }
  return metadata;
}

absl::StatusOr<inference::ModelConfig> InferenceViews::ModelConfig(const std::string& model,
                                                                   const std::string& version) const {
  MODELD_ASSIGN_OR_RETURN(const VersionHandle found, Find(model, version));
  MODELD_ASSIGN_OR_RETURN(const ModelView view, manager_->GetModel(model));
  MODELD_ASSIGN_OR_RETURN(const std::string json, registry_->ConfigOf(model, found->version));
  MODELD_ASSIGN_OR_RETURN(const ParsedConfig parsed, ParseModelConfig(json));
  return OipConfigOf(*found, parsed.config, FormatOf(view, found->version));
}

absl::StatusOr<inference::ModelStatisticsResponse> InferenceViews::ModelStatistics(
    const std::string& model, const std::string& version) const {
  inference::ModelStatisticsResponse response;
  if (!version.empty()) {
    MODELD_ASSIGN_OR_RETURN(const VersionHandle found, Find(model, version));
    *response.add_model_stats() = StatisticsOf(*found);
    return response;
  }
  std::vector<ModelView> models;
  if (model.empty()) {
    models = AllModels();
  } else {
    MODELD_ASSIGN_OR_RETURN(models.emplace_back(), manager_->GetModel(model));
  }
  for (const ModelView& each : models) {
    for (const VersionView& view : each.versions) {
      const absl::StatusOr<VersionHandle> found = router_->Resolve({each.name, view.record.version, {}});
      if (found.ok()) *response.add_model_stats() = StatisticsOf(**found);
    }
  }
  return response;
}

inference::RepositoryIndexResponse InferenceViews::RepositoryIndex(bool only_ready) const {
  inference::RepositoryIndexResponse response;
  for (const ModelView& model : AllModels()) {
    for (const VersionView& version : model.versions) {
      if (only_ready && version.state != VersionState::kReady) continue;
      *response.add_models() = IndexOf(model.name, version);
    }
  }
  return response;
}

std::vector<ModelView> InferenceViews::AllModels() const {
  std::vector<ModelView> all;
  while (true) {
    std::vector<ModelView> page = manager_->ListModels(all.empty() ? "" : all.back().name, kPage);
    const bool is_last = page.size() < kPage;
    std::move(page.begin(), page.end(), std::back_inserter(all));
    if (is_last) return all;
  }
}

}  // namespace modeld
