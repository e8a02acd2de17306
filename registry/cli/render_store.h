// What was found in the artifact store, as text for people. Pure.
#pragma once

#include <string>

#include "modeld/v1/admin_service.pb.h"
#include "registry/cli/render.h"

namespace modeld {

// A table with the total, and how to apply it where it was not.
std::string RenderGarbage(const v1::CollectGarbageResponse& response, const Look& look);
std::string RenderFindings(const v1::VerifyStoreResponse& response, const Look& look);

}  // namespace modeld
