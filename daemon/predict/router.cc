#include "daemon/predict/router.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "daemon/predict/request_hash.h"

namespace modeld {
namespace {

// What `ask` says of the selector; where there is no such version, of the label of that name.
template <typename Ask>
auto AskByEither(VersionSelector selector, VersionNames names, const Ask& ask) {
  auto result = ask(selector);
  if (names == VersionNames::kVersions || selector.version.empty() || !absl::IsNotFound(result.status())) {
    return result;
  }
  std::swap(selector.version, selector.label);
  auto by_label = ask(selector);
  return absl::IsNotFound(by_label.status()) ? std::move(result) : std::move(by_label);
}

// As `ask` says; while the daemon is starting it says UNAVAILABLE of what is not there.
template <typename Ask>
auto AskOnceStarted(std::atomic<bool>& started, const std::function<bool()>& ready, const Ask& ask) {
  auto result = ask();
  if (result.ok() || started.load(std::memory_order_relaxed)) return result;
  if (!ready()) {
    result = absl::UnavailableError(absl::StrCat("modeld is starting and still loads models; try again (",
                                                 std::string(result.status().message()), ")"));
    return result;
  }
  started = true;
  // The version may have been published, and the daemon become ready, since the first look.
  return ask();
}

}  // namespace

absl::StatusOr<Route> Router::RouteRequest(const v1::PredictRequest& request, VersionNames names) const {
  const VersionSelector selector{request.model(), request.version(), request.label()};
  const auto hash = [&request] { return RequestHash(request); };
  return AskOnceStarted(started_, ready_, [&] {
    return AskByEither(selector, names,
                       [&](const VersionSelector& each) { return table_->RouteRequest(each, hash); });
  });
}

absl::StatusOr<VersionHandle> Router::Resolve(VersionSelector selector, VersionNames names) const {
  return AskOnceStarted(started_, ready_, [&] {
    return AskByEither(selector, names, [&](const VersionSelector& each) { return table_->Resolve(each); });
  });
}

}  // namespace modeld
