// ArtifactFormat: what the bytes of a model file are.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace modeld {

enum class ArtifactFormat { kTorchScript, kPt2, kOnnx };

using FormatSet = std::set<ArtifactFormat>;

FormatSet AllFormats();
// Those that are taken where nobody says otherwise: whose files hold no machine code.
FormatSet DefaultFormats();

// "torchscript", "pt2", "onnx".
std::string_view FormatName(ArtifactFormat format);
std::optional<ArtifactFormat> FormatFromName(std::string_view name);
// Without those that are none.
FormatSet FormatsFromNames(const std::vector<std::string>& names);
std::vector<std::string> NamesOf(const FormatSet& formats);

// By the file's extension: .pt .pth .jit .ts are TorchScript, .pt2 and .onnx themselves; else none: no model
// file.
std::optional<ArtifactFormat> FormatFromExtension(std::string_view path);

}  // namespace modeld
