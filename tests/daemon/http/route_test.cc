#include "daemon/http/route.h"

#include <gmock/gmock.h>

#include <string>

namespace modeld {
namespace {

TEST(RouteTest, PathsAreWhatTheyAskFor) {
  const auto is = [](const char* path, Resource resource, const std::string& model = "",
                     const std::string& version = "", const std::string& label = "") {
    const std::optional<HttpRoute> route = RouteOfPath(path);
    return route && route->resource == resource && route->model == model && route->version == version &&
           route->label == label;
  };
  EXPECT_TRUE(is("/v2", Resource::kServerMetadata));
  EXPECT_TRUE(is("/v2/", Resource::kServerMetadata));
  EXPECT_TRUE(is("/v2/health/live", Resource::kLive));
  EXPECT_TRUE(is("/v2/models/m", Resource::kModelMetadata, "m"));
  EXPECT_TRUE(is("/v2/models/m/versions/1.0", Resource::kModelMetadata, "m", "1.0"));
  EXPECT_TRUE(is("/v2/models/m/versions/1.0/infer", Resource::kInfer, "m", "1.0"));
  EXPECT_TRUE(is("/v2/models/m/ready", Resource::kModelReady, "m"));
  EXPECT_TRUE(is("/v2/models/stats", Resource::kModelStatistics));
  EXPECT_TRUE(is("/v2/models/m/stats", Resource::kModelStatistics, "m"));
  EXPECT_TRUE(is("/v2/repository/models/m/load", Resource::kRepositoryLoad, "m"));
  EXPECT_TRUE(is("/v2/systemsharedmemory/status", Resource::kSharedMemoryStatus));
  EXPECT_TRUE(is("/v2/cudasharedmemory/region/r/register", Resource::kSharedMemoryRegister));
  EXPECT_TRUE(is("/v1/models", Resource::kModels));
  EXPECT_TRUE(is("/v1/models/m", Resource::kModel, "m"));
  EXPECT_TRUE(is("/v1/models/m:predict", Resource::kPredict, "m"));
  EXPECT_TRUE(is("/v1/models/m/versions/1:predict", Resource::kPredict, "m", "1"));
  EXPECT_TRUE(is("/v1/models/m/labels/canary:predict", Resource::kPredict, "m", "", "canary"));
}

TEST(RouteTest, OtherPathsAreNothing) {
  for (const char* const path :
       {"", "/", "x", "/v3", "//v2", "/v2//models", "/v2/models", "/v2/models/m/versions",
        "/v2/models/m/other", "/v2/models/m/versions/1/infer/x", "/v1", "/v1/models/m/versions/1",
        "/healthz/x", "/v2/health"}) {
    EXPECT_FALSE(RouteOfPath(path).has_value()) << path;
  }
}

}  // namespace
}  // namespace modeld
