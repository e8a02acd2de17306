// A request and an answer, as the handlers see them: whatever library reads and writes them.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/predict/request_log.h"

namespace modeld {

struct HttpRequest {
  std::string method;  // "GET"
  std::string path;    // without query, decoded
  std::string content_type;
  std::string json_length;  // of kJsonLengthHeader; empty: none
  std::string body;
  RequestTrace trace = {};
  // Whether the caller has gone. May be called on any thread until the request is answered; empty: never.
  std::function<bool()> cancelled;
};

struct HttpReply {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers = {};
};

}  // namespace modeld
