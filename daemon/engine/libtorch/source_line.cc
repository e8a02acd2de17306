#include "daemon/engine/libtorch/source_line.h"

#include "absl/strings/str_cat.h"

namespace modeld {

std::string SourceLine(const torch::jit::Node& node) {
  const auto place = node.sourceRange().file_line_col();
  if (!place) return "";
  const auto& [file, line, column] = *place;
  return absl::StrCat(" (at ", file.substr(file.rfind('/') + 1), ":", line, ":", column, ")");
}

}  // namespace modeld
