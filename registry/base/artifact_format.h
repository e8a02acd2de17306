// ArtifactFormat: what the bytes of a model file are.
#pragma once

#include <optional>
#include <string_view>

namespace modeld {

enum class ArtifactFormat { kTorchScript, kPt2, kOnnx };

// "torchscript", "pt2", "onnx".
std::string_view FormatName(ArtifactFormat format);
std::optional<ArtifactFormat> FormatFromName(std::string_view name);

// By the file's extension: .pt .pth .jit .ts are TorchScript, .pt2 and .onnx themselves; else none: no model
// file.
std::optional<ArtifactFormat> FormatFromExtension(std::string_view path);

}  // namespace modeld
