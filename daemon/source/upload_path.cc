#include "daemon/source/upload_path.h"

#include <limits.h>

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "registry/archive_reader.h"
#include "registry/base/quote.h"
#include "registry/identify.h"

namespace modeld {
namespace {

constexpr size_t kMaxParts = 3;

// What is wrong with one part; empty: nothing.
std::string WrongWith(const std::string& part) {
  if (part.empty()) return "has an empty part; it must be relative, and name a file";
  if (part.size() > NAME_MAX) return absl::StrCat("has a part of more than ", NAME_MAX, " bytes");
  if (IsWorkInProgress(part)) {
    return absl::StrCat("has the part ", Quote(part), ", a name of hidden files or of work in progress");
  }
  return "";
}

}  // namespace

absl::Status CheckUploadPath(const std::string& path) {
  const auto refuse = [&](const std::string& why) {
    return absl::InvalidArgumentError(
        absl::StrCat("path ", Quote(path, 200), " ", why,
                     "; expected NAME.pt, NAME/anything.pt or NAME/VERSION/anything.pt"));
  };
  if (!IsPrintable(path) || path.find('\\') != std::string::npos) {
    return refuse("is not printable UTF-8 or holds backslashes");
  }
  const std::vector<std::string> parts = absl::StrSplit(path, '/');
  if (parts.size() > kMaxParts) return refuse(absl::StrCat("has more than ", kMaxParts, " parts"));
  for (const std::string& part : parts) {
    if (const std::string wrong = WrongWith(part); !wrong.empty()) return refuse(wrong);
  }
  if (!FormatFromExtension(path).has_value()) return refuse("does not end as a model file's name");
  return absl::OkStatus();
}

}  // namespace modeld
