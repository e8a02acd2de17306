#include "daemon/lifecycle/version_vision.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/lifecycle/version_call.h"
#include "daemon/vision/class_output.h"
#include "daemon/vision/codecs.h"
#include "registry/base/closest_match.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

absl::Status Of(const ServedVersion& version, const char* kind, const std::string& name,
                const absl::Status& status) {
  return About(version,
               absl::Status(status.code(), absl::StrCat(kind, " ", Quote(name), ": ", status.message())));
}

bool IsEncoded(const Value& value) {
  if (const auto* const list = value.get_if<List>()) {
    return std::all_of(list->items.begin(), list->items.end(),
                       [](const Value& item) { return item.get_if<List>() == nullptr && IsEncoded(item); });
  }
  const auto* const tensor = value.get_if<Tensor>();
  return value.get_if<std::string>() != nullptr || (tensor != nullptr && tensor->dtype == DType::kBytes);
}

bool IsOneImage(const Value& value) {
  const auto* const tensor = value.get_if<Tensor>();
  return value.get_if<std::string>() != nullptr || (tensor != nullptr && tensor->shape.empty());
}

int64_t EncodedBytes(const Value& value) {
  int64_t bytes = 0;
  if (const auto* const list = value.get_if<List>()) {
    for (const Value& item : list->items) bytes += EncodedBytes(item);
  } else if (const auto* const text = value.get_if<std::string>()) {
    bytes = static_cast<int64_t>(text->size());
  } else if (const auto* const tensor = value.get_if<Tensor>()) {
    for (const std::string& element : tensor->strings) bytes += static_cast<int64_t>(element.size());
  }
  return bytes;
}

// The images of a value that IsEncoded, taken out of it.
std::vector<std::string> TakeImages(Value& value) {
  if (auto* const text = value.get_if<std::string>()) return {std::move(*text)};
  if (auto* const tensor = value.get_if<Tensor>()) return std::move(tensor->strings);
  std::vector<std::string> images;
  for (Value& item : value.get_if<List>()->items) {
    for (std::string& image : TakeImages(item)) images.push_back(std::move(image));
  }
  return images;
}

bool IsForward(const ServedVersion& version, size_t method) {
  return version.executable->methods()[method].name == "forward";
}

// The types of a dictionary's entries, and of what may be anything, are not known before it is run.
absl::Status CheckOutputs(const v1::ModelConfig& config, const ServedVersion& version) {
  const Method& forward = version.executable->methods().front();
  std::vector<std::string> names;
  for (const auto& [name, type] : OutputTypes(forward, version.outputs)) {
    if (name == "*") return absl::OkStatus();
    names.push_back(name);
  }
  const Type::Kind kind = forward.returns.kind;
  if (kind == Type::Kind::kDict || kind == Type::Kind::kAny || kind == Type::Kind::kUnion)
    return absl::OkStatus();
  for (const auto& [name, rule] : config.postprocess()) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("config.json: field \"postprocess\": forward has no output ", Quote(name),
                     DidYouMean(name, names), "; its outputs: ", absl::StrJoin(names, ", ")));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status SetVision(const v1::ModelConfig& config, const ImageLimits& limits, ServedVersion& version) {
  MODELD_RETURN_IF_ERROR(CheckOutputs(config, version));
  if (!config.preprocess().empty()) MODELD_RETURN_IF_ERROR(LoadImageDecoder().status());
  for (const auto& entry : config.preprocess()) {
    const std::string& name = entry.first;
    const auto declared = std::find_if(version.inputs.begin(), version.inputs.end(),
                                       [&](const DeclaredTensor& input) { return input.name == name; });
    const DType dtype =
        declared == version.inputs.end() ? DType::kFp32 : declared->dtype.value_or(DType::kFp32);
    version.images.try_emplace(name, entry.second.image(), dtype, limits);
  }
  version.classes.insert(config.postprocess().begin(), config.postprocess().end());
  return absl::OkStatus();
}

bool HoldsImages(const ServedVersion& version, size_t method, const NamedValues& inputs) {
  if (version.images.empty() || !IsForward(version, method)) return false;
  return std::any_of(version.images.begin(), version.images.end(), [&](const auto& image) {
    const auto input = inputs.find(image.first);
    return input != inputs.end() && IsEncoded(input->second);
  });
}

int64_t EncodedBytes(const ServedVersion& version, const NamedValues& inputs) {
  int64_t bytes = 0;
  for (const auto& [name, image] : version.images) {
    const auto input = inputs.find(name);
    if (input == inputs.end()) continue;
    bytes += EncodedBytes(input->second);
  }
  return bytes;
}

absl::StatusOr<bool> DecodeImages(const ServedVersion& version, size_t method, NamedValues& inputs) {
  bool one_image = true;
  if (!HoldsImages(version, method, inputs)) return false;
  for (const auto& [name, image] : version.images) {
    const auto input = inputs.find(name);
    if (input == inputs.end() || !IsEncoded(input->second)) continue;
    one_image = one_image && IsOneImage(input->second);
    absl::StatusOr<Tensor> tensor = image.ToTensor(TakeImages(input->second));
    if (!tensor.ok()) return Of(version, "input", name, tensor.status());
    input->second.data = *std::move(tensor);
  }
  return one_image;
}

absl::Status ActivateOutputs(const ServedVersion& version, size_t method, NamedValues& outputs) {
  if (version.classes.empty() || !IsForward(version, method)) return absl::OkStatus();
  for (const auto& [name, rule] : version.classes) {
    const auto output = outputs.find(name);
    const Tensor* const tensor = output == outputs.end() ? nullptr : output->second.get_if<Tensor>();
    if (tensor == nullptr) {
      return Of(version, "output", name,
                absl::InternalError(
                    output == outputs.end()
                        ? "postprocess speaks of it, but the model did not return it"
                        : absl::StrCat("postprocess takes a tensor, got ", ValueSummary(output->second))));
    }
    absl::StatusOr<Tensor> activated = Activate(rule, *tensor);
    if (!activated.ok()) return Of(version, "output", name, activated.status());
    output->second.data = *std::move(activated);
  }
  return absl::OkStatus();
}

absl::Status AddClasses(const ServedVersion& version, size_t method, bool one_image, NamedValues& outputs) {
  if (version.classes.empty() || !IsForward(version, method)) return absl::OkStatus();
  static const std::vector<std::string> kNoLabels;
  for (const auto& [name, rule] : version.classes) {
    if (rule.top_k() == 0) continue;
    const auto output = outputs.find(name);
    const Tensor* const tensor = output == outputs.end() ? nullptr : output->second.get_if<Tensor>();
    if (tensor == nullptr) continue;
    const auto labels = version.labels.find(name);
    absl::StatusOr<Value> classes =
        TopClasses(rule, *tensor, labels == version.labels.end() ? kNoLabels : labels->second, one_image);
    if (!classes.ok()) return Of(version, "output", name, classes.status());
    outputs.insert_or_assign(absl::StrCat(name, "_classes"), *std::move(classes));
  }
  return absl::OkStatus();
}

}  // namespace modeld
