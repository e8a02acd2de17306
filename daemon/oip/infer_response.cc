#include "daemon/oip/infer_response.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/engine/bind.h"
#include "daemon/lifecycle/version_call.h"
#include "daemon/oip/classes.h"
#include "daemon/oip/flatten.h"
#include "daemon/oip/typed_contents.h"
#include "daemon/predict/numbered_names.h"
#include "registry/base/closest_match.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

// The names of what was returned: those that the method's type tells, in its order, then others.
std::vector<std::string> NamesInOrder(const ServedVersion& version, size_t method,
                                      const v1::PredictResponse& predict) {
  std::vector<std::string> names;
  const Method& called = version.executable->methods()[method];
  if (predict.outputs_size() == 1) return {predict.outputs().begin()->first};
  for (const auto& [name, type] : OutputTypes(called, DeclaredFor(called, version.outputs))) {
    if (predict.outputs().contains(name)) names.push_back(name);
  }
  const size_t known = names.size();
  for (const auto& [name, value] : predict.outputs()) {
    if (std::find(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(known), name) ==
        names.begin() + static_cast<std::ptrdiff_t>(known)) {
      names.push_back(name);
    }
  }
  std::sort(names.begin() + static_cast<std::ptrdiff_t>(known), names.end());
  return names;
}

class Outputs {
 public:
  Outputs(const ServedVersion& version, bool raw, inference::ModelInferResponse* response)
      : version_(version), raw_(raw), response_(response) {}

  // `name`: as it was asked for. Takes the tensor over.
  absl::Status Add(const std::string& name, const std::string& own_name, v1::Tensor& tensor,
                   int64_t classes) {
    if (classes > 0) {
      const auto labels = version_.labels.find(own_name);
      absl::StatusOr<v1::Tensor> found = ClassesOf(
          tensor, classes, labels == version_.labels.end() ? std::vector<std::string>() : labels->second);
      if (!found.ok()) {
        return absl::Status(found.status().code(), absl::StrCat("output ", Quote(name), ": ",
                                                                std::string(found.status().message())));
      }
      tensor = *std::move(found);
    }
    auto* const output = response_->add_outputs();
    output->set_name(name);
    output->set_datatype(std::move(*tensor.mutable_dtype()));
    output->mutable_shape()->Swap(tensor.mutable_shape());
    response_->add_raw_output_contents(std::move(*tensor.mutable_raw()));
    return absl::OkStatus();
  }

  // Where the caller wants them typed, and all of them can be.
  void Finish() {
    if (raw_) return;
    for (const auto& output : response_->outputs()) {
      if (!HasTypedContents(output.datatype())) return;
    }
    for (int i = 0; i < response_->outputs_size(); ++i) {
      auto& output = *response_->mutable_outputs(i);
      SetTypedContents(output.datatype(), response_->raw_output_contents(i), output.mutable_contents());
    }
    response_->clear_raw_output_contents();
  }

 private:
  const ServedVersion& version_;
  const bool raw_;
  inference::ModelInferResponse* const response_;
};

absl::Status NoSuchOutput(const std::string& name, const std::vector<std::string>& names) {
  return absl::InvalidArgumentError(
      absl::StrCat("unknown output ", Quote(name), DidYouMean(name, names),
                   "; the model returned: ", names.empty() ? "none" : absl::StrJoin(names, ", ")));
}

}  // namespace

absl::Status FillInferResponse(const InferOptions& options, const ServedVersion& version, size_t method,
                               v1::PredictResponse& predict, inference::ModelInferResponse* response) {
  response->set_model_name(version.model);
  response->set_model_version(version.version);
  response->set_id(options.id);
  if (predict.outputs_size() == 1 && options.outputs.empty()) {  // nearly all models; as below, at once
    auto& [name, value] = *predict.mutable_outputs()->begin();
    const bool is_complex = absl::StartsWith(value.tensor().dtype(), "COMPLEX");
    if (value.has_tensor() && !is_complex) {
      Outputs outputs(version, options.raw, response);
      MODELD_RETURN_IF_ERROR(outputs.Add(name, name, *value.mutable_tensor(), 0));
      outputs.Finish();
      return absl::OkStatus();
    }
  }
  const std::vector<std::string> names = NamesInOrder(version, method, predict);
  std::vector<std::vector<NamedTensor>> tensors;  // by name
  for (const std::string& name : names) {
    MODELD_RETURN_IF_ERROR(Flatten(name, predict.mutable_outputs()->at(name), &tensors.emplace_back()));
  }
  Outputs outputs(version, options.raw, response);
  if (options.outputs.empty()) {
    for (size_t i = 0; i < names.size(); ++i) {
      for (auto& [name, tensor] : tensors[i]) {
        MODELD_RETURN_IF_ERROR(outputs.Add(name, names[i], tensor, 0));
      }
    }
  }
  for (const InferOptions::Output& wanted : options.outputs) {
    bool found = false;
    const std::optional<size_t> number = NumberOf(wanted.name, kNumberedOutput);
    const bool is_name = std::find(names.begin(), names.end(), wanted.name) != names.end();
    for (size_t i = 0; i < names.size(); ++i) {
      const bool is_this = is_name ? names[i] == wanted.name : number == i;
      for (const auto& [name, tensor] : tensors[i]) {
        if (!is_this && name != wanted.name) continue;
        v1::Tensor copy = tensor;  // it may be asked for twice
        MODELD_RETURN_IF_ERROR(
            outputs.Add(name == names[i] ? wanted.name : name, names[i], copy, wanted.classes));
        found = true;
      }
      found = found || is_this;  // None has no tensor
    }
    if (!found) return NoSuchOutput(wanted.name, names);
  }
  outputs.Finish();
  return absl::OkStatus();
}

}  // namespace modeld
