// Paging of lists: page sizes and page tokens. Pure functions.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace modeld {

// What a request's page_size means: 0 is 100, more than 1000 is 1000. INVALID_ARGUMENT if it is negative.
absl::StatusOr<int> PageSize(int32_t requested);

// Where a list goes on: after this name. The token is opaque to clients. The empty name is the beginning, and
// so is the empty token.
std::string TokenAfterName(const std::string& name);
// INVALID_ARGUMENT if the token is none that TokenAfterName made.
absl::StatusOr<std::string> NameOfToken(const std::string& token);

// The same for lists that go on before an id; 0 is the beginning.
std::string TokenBeforeId(int64_t id);
absl::StatusOr<int64_t> IdOfToken(const std::string& token);

}  // namespace modeld
