#include "registry/sqlite_status.h"

#include <sqlite3.h>

#include "absl/strings/str_cat.h"

namespace modeld {
namespace {

struct Meaning {
  absl::StatusCode code;
  const char* remedy;
};

Meaning MeaningOf(int primary_code) {
  switch (primary_code) {
    case SQLITE_FULL:
      return {absl::StatusCode::kResourceExhausted, "; free some space on the registry's disk"};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {absl::StatusCode::kUnavailable,
              "; another process holds the registry, try again when it is done"};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return {absl::StatusCode::kFailedPrecondition, "; restore the registry from a backup"};
    default:
      return {absl::StatusCode::kInternal, ""};
  }
}

}  // namespace

absl::Status StatusFromSqlite(const std::string& attempt, const SQLite::Exception& error) {
  // Errors that SQLiteCpp raises itself carry no extended code.
  const int extended = error.getExtendedErrorCode() > 0 ? error.getExtendedErrorCode() : error.getErrorCode();
  const Meaning meaning = MeaningOf(error.getErrorCode() & 0xff);
  return absl::Status(meaning.code, absl::StrCat("cannot ", attempt, ": ", error.what(), " (SQLite code ",
                                                 extended, ")", meaning.remedy));
}

}  // namespace modeld
