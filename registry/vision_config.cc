#include "registry/vision_config.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "registry/base/closest_match.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/config_checker.h"
#include "registry/labels.h"
#include "registry/strict_json.h"

namespace modeld {
namespace {

using Specs = google::protobuf::RepeatedPtrField<v1::TensorSpec>;
using Numbers = google::protobuf::RepeatedField<double>;

// A tensor of the largest takes some hundred MB; larger ones are mistakes.
constexpr int32_t kMaxSide = 8192;
constexpr int32_t kMaxTopK = 10'000;

absl::Status CheckOneOf(const std::string& value, const std::vector<std::string>& choices,
                        const std::string& path) {
  for (const std::string& choice : choices) {
    if (value.empty() || value == choice) return absl::OkStatus();
  }
  const auto quoted = [](std::string* out, const std::string& choice) { out->append(Quote(choice)); };
  return FieldError(
      path, absl::StrCat("unknown ", path.substr(path.rfind('.') + 1), " ", Quote(value),
                         DidYouMean(value, choices), "; expected ", absl::StrJoin(choices, " or ", quoted)));
}

absl::Status CheckSide(int32_t value, const std::string& path) {
  if (value >= 1 && value <= kMaxSide) return absl::OkStatus();
  return FieldError(path, absl::StrCat("expected 1 to ", kMaxSide, " pixels, got ", value));
}

absl::Status CheckResize(const v1::Resize& resize, const std::string& path) {
  MODELD_RETURN_IF_ERROR(CheckSide(resize.width(), MemberPath(path, "width")));
  MODELD_RETURN_IF_ERROR(CheckSide(resize.height(), MemberPath(path, "height")));
  MODELD_RETURN_IF_ERROR(CheckOneOf(resize.mode(), {"stretch", "crop"}, MemberPath(path, "mode")));
  MODELD_RETURN_IF_ERROR(CheckOneOf(
      resize.interpolation(), {"linear", "nearest", "cubic", "area", "antialias_linear", "antialias_cubic"},
      MemberPath(path, "interpolation")));
  if (resize.shorter_side() == 0) return absl::OkStatus();
  const std::string shorter_side = MemberPath(path, "shorter_side");
  if (resize.mode() != "crop") return FieldError(shorter_side, "it has a meaning for the mode \"crop\" only");
  MODELD_RETURN_IF_ERROR(CheckSide(resize.shorter_side(), shorter_side));
  const int32_t least = std::max(resize.width(), resize.height());
  if (resize.shorter_side() >= least) return absl::OkStatus();
  return FieldError(shorter_side,
                    absl::StrCat("expected at least ", least, ", the longer of width and height, got ",
                                 resize.shorter_side()));
}

absl::Status CheckPerChannel(const Numbers& numbers, int channels, const std::string& path) {
  if (numbers.size() > 1 && numbers.size() != channels) {
    return FieldError(path, absl::StrCat("expected ", channels,
                                         channels == 1 ? " number" : " numbers, or one for all channels",
                                         ", got ", numbers.size()));
  }
  return absl::OkStatus();
}

absl::Status CheckImage(const v1::ImagePreprocess& image, const std::string& path) {
  MODELD_RETURN_IF_ERROR(CheckOneOf(image.color(), {"RGB", "BGR", "GRAY"}, MemberPath(path, "color")));
  MODELD_RETURN_IF_ERROR(CheckOneOf(image.layout(), {"NCHW", "NHWC"}, MemberPath(path, "layout")));
  if (image.has_resize()) MODELD_RETURN_IF_ERROR(CheckResize(image.resize(), MemberPath(path, "resize")));
  const int channels = ChannelsOf(image);
  MODELD_RETURN_IF_ERROR(CheckPerChannel(image.mean(), channels, MemberPath(path, "mean")));
  MODELD_RETURN_IF_ERROR(CheckPerChannel(image.std(), channels, MemberPath(path, "std")));
  for (int i = 0; i < image.std_size(); ++i) {
    if (image.std(i) != 0) continue;
    return FieldError(ElementPath(MemberPath(path, "std"), i),
                      "0 would divide by zero; expected another number");
  }
  return absl::OkStatus();
}

// [-1, 3, 224, 224]
std::vector<int64_t> ShapeOf(const v1::ImagePreprocess& image) {
  const int64_t channels = ChannelsOf(image);
  const int64_t height = image.has_resize() ? image.resize().height() : -1;
  const int64_t width = image.has_resize() ? image.resize().width() : -1;
  if (image.layout() == "NHWC") return {-1, height, width, channels};
  return {-1, channels, height, width};
}

bool ChangesNumbers(const v1::ImagePreprocess& image) {
  return (image.scale() != 0 && image.scale() != 1) || image.mean_size() > 0 || image.std_size() > 0;
}

// Whether the input is declared as the preprocessing makes it; what is left open is filled in.
absl::Status Agree(const v1::ImagePreprocess& image, const std::string& path, const std::string& declared,
                   v1::TensorSpec& spec) {
  if (spec.dtype().empty()) spec.set_dtype("FP32");
  if (spec.dtype() != "FP32" && spec.dtype() != "UINT8") {
    return FieldError(
        MemberPath(declared, "dtype"),
        absl::StrCat("expected FP32 or UINT8, which images become by ", Quote(path), ", got ", spec.dtype()));
  }
  if (spec.dtype() == "UINT8" && ChangesNumbers(image)) {
    return FieldError(path, absl::StrCat("scale, mean and std make no UINT8, as which ", Quote(declared),
                                         " is declared; leave them out or declare FP32"));
  }
  const std::vector<int64_t> made = ShapeOf(image);
  if (spec.shape().empty()) {
    spec.mutable_shape()->Add(made.begin(), made.end());
    return absl::OkStatus();
  }
  bool agrees = spec.shape_size() == static_cast<int>(made.size());
  for (int i = 1; agrees && i < spec.shape_size(); ++i) {
    agrees = spec.shape(i) == made[i] || spec.shape(i) == -1 || made[i] == -1;
  }
  if (agrees) return absl::OkStatus();
  return FieldError(MemberPath(declared, "shape"),
                    absl::StrCat("expected [", absl::StrJoin(made, ", "), "], which images become by ",
                                 Quote(path), ", got [", absl::StrJoin(spec.shape(), ", "), "]"));
}

// -1: it is not declared.
int IndexOf(const Specs& specs, std::string_view name) {
  for (int i = 0; i < specs.size(); ++i) {
    if (specs[i].name() == name) return i;
  }
  return -1;
}

std::vector<std::string> NamesOf(const Specs& specs) {
  std::vector<std::string> names;
  for (const v1::TensorSpec& spec : specs) names.push_back(spec.name());
  return names;
}

absl::Status Undeclared(const std::string& path, const std::string& name, const char* section,
                        const Specs& specs) {
  const std::vector<std::string> names = NamesOf(specs);
  return FieldError(path, absl::StrCat(Quote(name), " is not among ", section, DidYouMean(name, names),
                                       "; declared: ", absl::StrJoin(names, ", ")));
}

absl::Status CheckLabels(const v1::TensorSpec& spec, const std::string& path) {
  if (!spec.labels().empty() && spec.label_names_size() > 0) {
    return FieldError(MemberPath(path, "label_names"),
                      "the labels are given by \"labels\" too; leave one of them out");
  }
  if (spec.label_names().empty()) return absl::OkStatus();
  return CheckLabelCount(spec, spec.label_names_size(), MemberPath(path, "label_names"));
}

bool IsFloatingPoint(const std::string& dtype) {
  return dtype == "FP16" || dtype == "BF16" || dtype == "FP32" || dtype == "FP64";
}

}  // namespace

int ChannelsOf(const v1::ImagePreprocess& image) { return image.color() == "GRAY" ? 1 : 3; }

absl::Status CompletePreprocess(v1::ModelConfig& config) {
  for (int i = 0; i < config.inputs_size(); ++i) {
    const std::string path = ElementPath("inputs", i);
    if (!config.inputs(i).labels().empty())
      return FieldError(MemberPath(path, "labels"), "only outputs have labels");
    if (config.inputs(i).label_names_size() > 0) {
      return FieldError(MemberPath(path, "label_names"), "only outputs have labels");
    }
  }
  const bool declares = config.inputs_size() > 0;
  // In the order of their names, whatever the map's is.
  std::set<std::string> names;
  for (const auto& [name, preprocess] : config.preprocess()) names.insert(name);
  for (const std::string& name : names) {
    const v1::PreprocessConfig& preprocess = config.preprocess().at(name);
    const std::string of_input = MemberPath("preprocess", name);
    if (!preprocess.has_image()) return FieldError(of_input, "expected what becomes of it: {\"image\": {…}}");
    const std::string path = MemberPath(of_input, "image");
    MODELD_RETURN_IF_ERROR(CheckImage(preprocess.image(), path));
    int index = IndexOf(config.inputs(), name);
    if (index < 0) {
      if (declares) return Undeclared(of_input, name, "inputs", config.inputs());
      index = config.inputs_size();
      config.add_inputs()->set_name(name);
    }
    MODELD_RETURN_IF_ERROR(
        Agree(preprocess.image(), path, ElementPath("inputs", index), *config.mutable_inputs(index)));
  }
  return absl::OkStatus();
}

absl::Status CheckPostprocess(const v1::ModelConfig& config) {
  for (int i = 0; i < config.outputs_size(); ++i) {
    MODELD_RETURN_IF_ERROR(CheckLabels(config.outputs(i), ElementPath("outputs", i)));
  }
  std::set<std::string> names;
  for (const auto& [name, postprocess] : config.postprocess()) names.insert(name);
  for (const std::string& name : names) {
    const v1::PostprocessConfig& postprocess = config.postprocess().at(name);
    const std::string path = MemberPath("postprocess", name);
    if (postprocess.softmax() && postprocess.sigmoid()) {
      return FieldError(MemberPath(path, "sigmoid"), "softmax is asked for too; expected one of them");
    }
    if (postprocess.top_k() < 0 || postprocess.top_k() > kMaxTopK) {
      return FieldError(MemberPath(path, "top_k"),
                        absl::StrCat("expected 0 to ", kMaxTopK, ", got ", postprocess.top_k()));
    }
    if (config.outputs().empty()) continue;
    const int index = IndexOf(config.outputs(), name);
    if (index < 0) return Undeclared(path, name, "outputs", config.outputs());
    const std::string& dtype = config.outputs(index).dtype();
    if (!dtype.empty() && !IsFloatingPoint(dtype)) {
      return FieldError(
          path, absl::StrCat("it takes floating-point outputs; ", Quote(name), " is declared as ", dtype));
    }
    if (postprocess.top_k() > 0 && IndexOf(config.outputs(), absl::StrCat(name, "_classes")) >= 0) {
      return FieldError(MemberPath(path, "top_k"),
                        absl::StrCat("another output is named ", Quote(absl::StrCat(name, "_classes"))));
    }
  }
  return absl::OkStatus();
}

}  // namespace modeld
