#include "registry/sqlite_status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Case {
  int sqlite_code;
  absl::StatusCode code;
  const char* remedy;
};

class SqliteStatusTest : public testing::TestWithParam<Case> {};

TEST_P(SqliteStatusTest, SaysTheAttemptTheMessageAndTheCode) {
  const Case& test = GetParam();
  EXPECT_THAT(StatusFromSqlite("list the models", SQLite::Exception("trouble", test.sqlite_code)),
              StatusIs(test.code, AllOf(StartsWith("cannot list the models: trouble (SQLite code " +
                                                   std::to_string(test.sqlite_code) + ")"),
                                        HasSubstr(test.remedy))));
}

INSTANTIATE_TEST_SUITE_P(
    All, SqliteStatusTest,
    testing::Values(Case{SQLITE_FULL, absl::StatusCode::kResourceExhausted, "free some space"},
                    Case{SQLITE_BUSY, absl::StatusCode::kUnavailable, "another process"},
                    Case{SQLITE_BUSY_SNAPSHOT, absl::StatusCode::kUnavailable, "try again"},
                    Case{SQLITE_LOCKED, absl::StatusCode::kUnavailable, "another process"},
                    Case{SQLITE_CORRUPT, absl::StatusCode::kFailedPrecondition, "backup"},
                    Case{SQLITE_NOTADB, absl::StatusCode::kFailedPrecondition, "backup"},
                    Case{SQLITE_IOERR_FSYNC, absl::StatusCode::kInternal, ""},
                    Case{SQLITE_CONSTRAINT_UNIQUE, absl::StatusCode::kInternal, ""},
                    Case{SQLITE_READONLY, absl::StatusCode::kInternal, ""}));

}  // namespace
}  // namespace modeld
