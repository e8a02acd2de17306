#include "clients/cpp/models.h"

#include <algorithm>
#include <utility>

namespace modeld {
namespace {

absl::Time TimeOf(const google::protobuf::Timestamp& timestamp) {
  return absl::FromUnixSeconds(timestamp.seconds()) + absl::Nanoseconds(timestamp.nanos());
}

VersionInfo VersionInfoOf(const v1::Version& version) {
  return {.version = version.version(),
          .state = version.state(),
          .reason = version.reason(),
          .sha256 = version.sha256(),
          .size_bytes = version.size_bytes(),
          .registered_at = TimeOf(version.registered_at()),
          .description = version.description(),
          .format = version.format(),
          .engine = version.engine(),
          .plan = version.plan(),
          .warnings = {version.warnings().begin(), version.warnings().end()},
          .resident_bytes = version.resident_bytes()};
}

ModelInfo ModelInfoOf(const v1::Model& model) {
  ModelInfo info{.name = model.name(),
                 .versions = {},
                 .live_version = model.live_version(),
                 .labels = {model.labels().begin(), model.labels().end()},
                 .pinned_version = model.pinned_version(),
                 .pin_reason = model.pin_reason()};
  for (const v1::Version& version : model.versions()) info.versions.push_back(VersionInfoOf(version));
  return info;
}

std::vector<ArgumentInfo> ArgumentsOf(
    const google::protobuf::RepeatedPtrField<v1::ArgumentSignature>& arguments) {
  std::vector<ArgumentInfo> infos;
  for (const v1::ArgumentSignature& argument : arguments) {
    infos.push_back({.name = argument.name(),
                     .type = argument.type(),
                     .optional = argument.optional(),
                     .dtype = argument.dtype(),
                     .shape = {argument.shape().begin(), argument.shape().end()}});
  }
  return infos;
}

std::vector<DroppedFileInfo> DroppedFilesOf(
    const google::protobuf::RepeatedPtrField<v1::DroppedFile>& files) {
  std::vector<DroppedFileInfo> infos;
  for (const v1::DroppedFile& file : files) {
    infos.push_back({.path = file.path(),
                     .state = file.state(),
                     .reason = file.reason(),
                     .model = file.model(),
                     .version = file.version(),
                     .since = TimeOf(file.since())});
  }
  return infos;
}

}  // namespace

const VersionInfo* ModelInfo::version(const std::string& name) const {
  const auto found = std::find_if(versions.begin(), versions.end(),
                                  [&](const VersionInfo& info) { return info.version == name; });
  return found == versions.end() ? nullptr : &*found;
}

const MethodInfo* ModelDetails::method(const std::string& name) const {
  const auto found =
      std::find_if(methods.begin(), methods.end(), [&](const MethodInfo& info) { return info.name == name; });
  return found == methods.end() ? nullptr : &*found;
}

ModelDetails ModelDetailsOf(v1::GetModelResponse response) {
  ModelDetails details{.model = ModelInfoOf(response.model()),
                       .methods = {},
                       .config = std::move(*response.mutable_config()),
                       .dropped_files = DroppedFilesOf(response.dropped_files())};
  for (const v1::MethodSignature& method : response.methods()) {
    details.methods.push_back({.name = method.name(),
                               .inputs = ArgumentsOf(method.inputs()),
                               .outputs = ArgumentsOf(method.outputs())});
  }
  return details;
}

void AppendPage(v1::ListModelsResponse page, ModelListing& listing) {
  for (const v1::Model& model : page.models()) listing.models.push_back(ModelInfoOf(model));
  for (DroppedFileInfo& file : DroppedFilesOf(page.dropped_files())) {
    listing.dropped_files.push_back(std::move(file));
  }
  if (listing.source_error.empty()) listing.source_error = page.source_error();
}

}  // namespace modeld
