#include "registry/labels.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "registry/base/quote.h"
#include "registry/config_checker.h"

namespace modeld {

absl::StatusOr<std::vector<std::string>> ParseLabels(std::string_view name, std::string_view text) {
  const auto refuse = [&](const std::string& what) {
    return absl::InvalidArgumentError(absl::StrCat("labels ", Quote(name), ": ", what));
  };
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.substr(0, kByteOrderMark.size()) == kByteOrderMark) text.remove_prefix(kByteOrderMark.size());
  std::vector<std::string> labels;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (labels.size() == kMaxLabels) return refuse(absl::StrCat("more than ", kMaxLabels, " lines"));
    if (!IsPrintable(line)) {
      return refuse(absl::StrCat("line ", labels.size() + 1, " is ", Quote(line, 60),
                                 "; expected UTF-8 text without control characters, one label a line"));
    }
    labels.emplace_back(line);
  }
  if (labels.empty()) return refuse("it is empty; expected one label a line");
  return labels;
}

absl::Status CheckLabelCount(const v1::TensorSpec& output, size_t labels, const std::string& path) {
  if (output.shape().empty()) return absl::OkStatus();
  const int64_t classes = output.shape(output.shape_size() - 1);
  if (classes < 0 || classes == static_cast<int64_t>(labels)) return absl::OkStatus();
  return FieldError(path, absl::StrCat("there are ", labels, " labels, but the last dimension of output ",
                                       Quote(output.name()), " is ", classes));
}

}  // namespace modeld
