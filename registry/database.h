// Opening of the registry's SQLite file: everything that is checked before the first query.
#pragma once

#include <memory>
#include <string>

#include "SQLiteCpp/Database.h"
#include "absl/status/statusor.h"
#include "registry/registry.h"

namespace modeld {

// As Registry::Open. The connection enforces foreign keys, writes with synchronous=FULL and waits a few
// seconds for locks.
absl::StatusOr<std::unique_ptr<SQLite::Database>> OpenRegistryDatabase(const std::string& path,
                                                                       Registry::Mode mode);

}  // namespace modeld
