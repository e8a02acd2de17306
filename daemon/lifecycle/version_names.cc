#include "daemon/lifecycle/version_names.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "registry/base/quote.h"
#include "registry/version_order.h"

namespace modeld {
namespace {

constexpr size_t kMostListed = 20;

}  // namespace

std::string NameVersion(std::string_view model, std::string_view version) {
  return absl::StrCat("version ", Quote(version), " of model ", Quote(model));
}

std::string ListVersions(std::vector<std::string> versions) {
  if (versions.empty()) return "none";
  std::sort(versions.begin(), versions.end(),
            [](const std::string& a, const std::string& b) { return CompareVersions(a, b) > 0; });
  if (versions.size() <= kMostListed) return absl::StrJoin(versions, ", ");
  const size_t more = versions.size() - kMostListed;
  versions.resize(kMostListed);
  return absl::StrCat(absl::StrJoin(versions, ", "), " and ", more, " more");
}

std::string PromoteCommand(std::string_view model, std::string_view version) {
  return absl::StrCat("modelctl promote ", std::string(model), " ", std::string(version));
}

}  // namespace modeld
