// HttpRoute: what a path asks for. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace modeld {

enum class Resource {
  kLive,             // /healthz, /v2/health/live
  kReady,            // /readyz, /v2/health/ready
  kMetrics,          // /metrics
  kOpenApi,          // /openapi.json
  kServerMetadata,   // /v2
  kModelMetadata,    // /v2/models/NAME[/versions/VERSION]
  kModelReady,       // …/ready
  kModelConfig,      // …/config
  kModelStatistics,  // …/stats, and /v2/models/stats of all
  kInfer,            // …/infer
  kRepositoryIndex,  // /v2/repository/index
  kRepositoryLoad,   // /v2/repository/models/NAME/load
  kRepositoryUnload,
  kSharedMemoryStatus,  // /v2/{system,cuda}sharedmemory[/region/NAME]/status
  kSharedMemoryRegister,
  kSharedMemoryUnregister,
  kTraceSetting,  // /v2/trace/setting, /v2/models/NAME/trace/setting
  kLogging,       // /v2/logging
  kModels,        // /v1/models
  kModel,         // /v1/models/NAME
  kPredict,       // /v1/models/NAME[/versions/VERSION | /labels/LABEL]:predict
};

struct HttpRoute {
  Resource resource;
  std::string model = {};
  std::string version = {};  // in /v2 a version or a label
  std::string label = {};
};

// None: there is nothing at that path.
std::optional<HttpRoute> RouteOfPath(std::string_view path);

// "GET", "POST" or "GET, POST": how the resource may be asked for. GET includes HEAD.
const char* AllowedMethods(Resource resource);

}  // namespace modeld
