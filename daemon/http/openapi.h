// The description of the HTTP interface: openapi.json, built in.
#pragma once

#include <string>

namespace modeld {

const std::string& OpenApiDocument();

}  // namespace modeld
