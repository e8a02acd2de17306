#include "daemon/http/route.h"

#include <vector>

namespace modeld {
namespace {

using Parts = std::vector<std::string_view>;

// What stands between slashes. Empty where one is empty, but for the last, so that `/v2/` is `/v2`.
Parts Split(std::string_view path) {
  Parts parts;
  if (path.empty() || path.front() != '/') return {};
  path.remove_prefix(1);
  while (true) {
    const size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    if (part.empty()) return slash == std::string_view::npos ? parts : Parts{};
    parts.push_back(part);
    if (slash == std::string_view::npos) return parts;
    path.remove_prefix(slash + 1);
  }
}

std::optional<HttpRoute> Only(bool matches, Resource resource) {
  if (!matches) return std::nullopt;
  return HttpRoute{.resource = resource};
}

// /v2/models/…, without these two.
std::optional<HttpRoute> ModelRoute(const Parts& parts) {
  if (parts.size() == 1 && parts[0] == "stats") return HttpRoute{.resource = Resource::kModelStatistics};
  if (parts.empty()) return std::nullopt;
  HttpRoute route{.resource = Resource::kModelMetadata, .model = std::string(parts[0])};
  size_t at = 1;
  if (parts.size() > 2 && parts[1] == "versions") {
    route.version = std::string(parts[2]);
    at = 3;
  }
  if (at == parts.size()) return route;
  if (at + 2 == parts.size() && parts[at] == "trace" && parts[at + 1] == "setting") {
    route.resource = Resource::kTraceSetting;
    return route;
  }
  if (at + 1 != parts.size()) return std::nullopt;
  const std::string_view what = parts[at];
  if (what == "infer") {
    route.resource = Resource::kInfer;
  } else if (what == "ready") {
    route.resource = Resource::kModelReady;
  } else if (what == "config") {
    route.resource = Resource::kModelConfig;
  } else if (what == "stats") {
    route.resource = Resource::kModelStatistics;
  } else {
    return std::nullopt;
  }
  return route;
}

std::optional<HttpRoute> SharedMemoryRoute(const Parts& parts) {
  const bool of_region = parts.size() == 5 && parts[2] == "region";
  if (!of_region && parts.size() != 3) return std::nullopt;
  if (parts.back() == "status") return HttpRoute{.resource = Resource::kSharedMemoryStatus};
  if (parts.back() == "unregister") return HttpRoute{.resource = Resource::kSharedMemoryUnregister};
  return Only(of_region && parts.back() == "register", Resource::kSharedMemoryRegister);
}

std::optional<HttpRoute> V2Route(const Parts& parts) {
  if (parts.size() == 1) return HttpRoute{.resource = Resource::kServerMetadata};
  const std::string_view kind = parts[1];
  if (kind == "models") return ModelRoute({parts.begin() + 2, parts.end()});
  if (kind == "health" && parts.size() == 3) {
    if (parts[2] == "live") return HttpRoute{.resource = Resource::kLive};
    return Only(parts[2] == "ready", Resource::kReady);
  }
  if (kind == "repository") {
    if (parts.size() == 3 && parts[2] == "index") return HttpRoute{.resource = Resource::kRepositoryIndex};
    if (parts.size() != 5 || parts[2] != "models") return std::nullopt;
    const bool loads = parts[4] == "load";
    if (!loads && parts[4] != "unload") return std::nullopt;
    return HttpRoute{.resource = loads ? Resource::kRepositoryLoad : Resource::kRepositoryUnload,
                     .model = std::string(parts[3])};
  }
  if (kind == "systemsharedmemory" || kind == "cudasharedmemory") return SharedMemoryRoute(parts);
  if (kind == "trace") return Only(parts.size() == 3 && parts[2] == "setting", Resource::kTraceSetting);
  return Only(kind == "logging" && parts.size() == 2, Resource::kLogging);
}

std::optional<HttpRoute> V1Route(const Parts& parts) {
  if (parts.size() < 2 || parts[1] != "models") return std::nullopt;
  if (parts.size() == 2) return HttpRoute{.resource = Resource::kModels};
  HttpRoute route{.resource = Resource::kModel};
  std::string_view last = parts.back();
  constexpr std::string_view kVerb = ":predict";
  const bool predicts = last.size() > kVerb.size() && last.substr(last.size() - kVerb.size()) == kVerb;
  if (predicts) {
    route.resource = Resource::kPredict;
    last.remove_suffix(kVerb.size());
  }
  if (parts.size() == 3) {
    route.model = std::string(last);
    return route;
  }
  if (!predicts || parts.size() != 5) return std::nullopt;
  route.model = std::string(parts[2]);
  if (parts[3] == "versions") {
    route.version = std::string(last);
  } else if (parts[3] == "labels") {
    route.label = std::string(last);
  } else {
    return std::nullopt;
  }
  return route;
}

}  // namespace

std::optional<HttpRoute> RouteOfPath(std::string_view path) {
  const Parts parts = Split(path);
  if (parts.empty()) return std::nullopt;
  if (parts[0] == "v2") return V2Route(parts);
  if (parts[0] == "v1") return V1Route(parts);
  if (parts.size() > 1) return std::nullopt;
  if (parts[0] == "healthz") return HttpRoute{.resource = Resource::kLive};
  if (parts[0] == "readyz") return HttpRoute{.resource = Resource::kReady};
  if (parts[0] == "metrics") return HttpRoute{.resource = Resource::kMetrics};
  return Only(parts[0] == "openapi.json", Resource::kOpenApi);
}

const char* AllowedMethods(Resource resource) {
  switch (resource) {
    case Resource::kInfer:
    case Resource::kPredict:
    case Resource::kRepositoryIndex:
    case Resource::kRepositoryLoad:
    case Resource::kRepositoryUnload:
    case Resource::kSharedMemoryRegister:
    case Resource::kSharedMemoryUnregister:
      return "POST";
    case Resource::kTraceSetting:
    case Resource::kLogging:
      return "GET, POST";
    default:
      return "GET";
  }
}

}  // namespace modeld
