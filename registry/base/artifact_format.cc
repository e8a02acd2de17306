#include "registry/base/artifact_format.h"

#include "absl/strings/ascii.h"

namespace modeld {

FormatSet AllFormats() { return {ArtifactFormat::kTorchScript, ArtifactFormat::kPt2, ArtifactFormat::kOnnx}; }

FormatSet DefaultFormats() { return {ArtifactFormat::kTorchScript, ArtifactFormat::kOnnx}; }

std::string_view FormatName(ArtifactFormat format) {
  switch (format) {
    case ArtifactFormat::kTorchScript:
      return "torchscript";
    case ArtifactFormat::kPt2:
      return "pt2";
    case ArtifactFormat::kOnnx:
      return "onnx";
  }
  return "";
}

std::optional<ArtifactFormat> FormatFromName(std::string_view name) {
  for (const ArtifactFormat format : AllFormats()) {
    if (name == FormatName(format)) return format;
  }
  return std::nullopt;
}

FormatSet FormatsFromNames(const std::vector<std::string>& names) {
  FormatSet formats;
  for (const std::string& name : names) {
    if (const std::optional<ArtifactFormat> format = FormatFromName(name)) formats.insert(*format);
  }
  return formats;
}

std::vector<std::string> NamesOf(const FormatSet& formats) {
  std::vector<std::string> names;
  names.reserve(formats.size());
  for (const ArtifactFormat format : formats) names.emplace_back(FormatName(format));
  return names;
}

std::optional<ArtifactFormat> FormatFromExtension(std::string_view path) {
  const std::string_view file_name = path.substr(path.rfind('/') + 1);
  const size_t dot = file_name.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return std::nullopt;
  const std::string extension = absl::AsciiStrToLower(std::string(file_name.substr(dot)));
  for (const std::string_view torchscript : {".pt", ".pth", ".jit", ".ts"}) {
    if (extension == torchscript) return ArtifactFormat::kTorchScript;
  }
  if (extension == ".pt2") return ArtifactFormat::kPt2;
  if (extension == ".onnx") return ArtifactFormat::kOnnx;
  return std::nullopt;
}

}  // namespace modeld
