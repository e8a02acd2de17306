// From SQLite's errors to absl::Status: the one place where an SQLite::Exception ends.
#pragma once

#include <string>
#include <utility>

#include "SQLiteCpp/Exception.h"
#include "absl/status/status.h"

namespace modeld {

// `attempt` completes "cannot …". The message carries it, SQLite's message and the extended result code.
// RESOURCE_EXHAUSTED: the disk is full; UNAVAILABLE: locked by another connection; FAILED_PRECONDITION:
// damaged or no database; INTERNAL: the rest.
absl::Status StatusFromSqlite(const std::string& attempt, const SQLite::Exception& error);

// The result of `work`, a callable that returns absl::Status or absl::StatusOr; an SQLite::Exception that it
// throws becomes its status.
template <typename Work>
auto CatchSqlite(const std::string& attempt, Work&& work) -> decltype(work()) {
  try {
    return std::forward<Work>(work)();
  } catch (const SQLite::Exception& error) {
    return StatusFromSqlite(attempt, error);
  }
}

}  // namespace modeld
