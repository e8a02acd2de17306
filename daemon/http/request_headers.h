// Which requests are refused by what their headers say of the body. Pure functions.
#pragma once

#include <httplib.h>

#include <optional>

#include "absl/status/status.h"

namespace modeld {

struct HttpRefusal {
  int http_status = 0;
  absl::Status why;
};

// None: it is known where the body ends (RFC 9112, section 6), and it can be read. A length that is guessed
// makes a request of what another's body holds.
std::optional<HttpRefusal> RefusalOfHeaders(const httplib::Headers& headers);

}  // namespace modeld
