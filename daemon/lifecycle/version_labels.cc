#include "daemon/lifecycle/version_labels.h"

#include "absl/strings/str_cat.h"
#include "registry/archive_reader.h"
#include "registry/base/file_system.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/labels.h"

namespace modeld {

absl::StatusOr<std::map<std::string, std::vector<std::string>>> ReadVersionLabels(
    const ArtifactStore& store, const VersionRecord& record, const v1::ModelConfig& config) {
  std::map<std::string, std::vector<std::string>> labels;
  for (const v1::TensorSpec& output : config.outputs()) {
    if (output.label_names_size() > 0) {
      labels[output.name()].assign(output.label_names().begin(), output.label_names().end());
    }
    if (output.labels().empty()) continue;
    const absl::StatusOr<std::string> text =
        ReadExtraFile(*FileSystem::Real(), store.PathOf(record.sha256), output.labels(), kMaxLabelBytes);
    if (absl::IsNotFound(text.status())) {
      return absl::InvalidArgumentError(absl::StrCat("labels ", Quote(output.labels()), " of output ",
                                                     Quote(output.name()), " are not in the artifact"));
    }
    MODELD_RETURN_IF_ERROR(text.status());
    MODELD_ASSIGN_OR_RETURN(labels[output.name()], ParseLabels(output.labels(), *text));
  }
  return labels;
}

}  // namespace modeld
