// Matchers for absl::Status and absl::StatusOr that print the Status when they fail.
#pragma once

#include <gmock/gmock.h>

#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace modeld {

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

MATCHER(IsOk, negation ? "is an error" : "is OK") {
  const absl::Status& status = StatusOf(arg);
  *result_listener << "status is " << status.ToString();
  return status.ok();
}

// StatusIs(code, message_matcher).
MATCHER_P2(StatusIs, code, message,
           "has code " + absl::StatusCodeToString(code) + " and a message that " +
               ::testing::DescribeMatcher<std::string>(message)) {
  const absl::Status& status = StatusOf(arg);
  *result_listener << "status is " << status.ToString();
  return status.code() == code && ::testing::Matches(message)(std::string(status.message()));
}

// IsOkAndHolds(value_or_matcher), of a StatusOr.
MATCHER_P(IsOkAndHolds, inner, "is OK and holds what is expected") {
  *result_listener << "status is " << arg.status().ToString();
  return arg.ok() && ::testing::Matches(inner)(*arg);
}

#define ASSERT_OK(expr) ASSERT_THAT((expr), ::modeld::IsOk())
#define EXPECT_OK(expr) EXPECT_THAT((expr), ::modeld::IsOk())

// ASSERT_OK_AND_ASSIGN(auto x, Function()).
#define ASSERT_OK_AND_ASSIGN(lhs, expr) \
  ASSERT_OK_AND_ASSIGN_IMPL_(MODELD_TEST_CONCAT_(statusor_, __LINE__), lhs, expr)
#define ASSERT_OK_AND_ASSIGN_IMPL_(tmp, lhs, expr) \
  auto tmp = (expr);                               \
  ASSERT_OK(tmp);                                  \
  lhs = std::move(tmp).value()
#define MODELD_TEST_CONCAT_INNER_(a, b) a##b
#define MODELD_TEST_CONCAT_(a, b) MODELD_TEST_CONCAT_INNER_(a, b)

}  // namespace modeld
