// A version in memory without an engine.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/lifecycle/served_version.h"
#include "tests/support/fake_engine.h"

namespace modeld {

// Version 1.0 of "m"; `method` is its forward.
inline std::unique_ptr<ServedVersion> FakeVersion(Method method) {
  static std::vector<std::string> runs;
  auto version = std::make_unique<ServedVersion>();
  version->model = "m";
  version->version = "1.0";
  version->plan = "libtorch";
  version->executable =
      std::make_unique<RecordingExecutable>(std::vector<Method>{std::move(method)}, &runs, nullptr);
  return version;
}

inline Type TypeOf(Type::Kind kind, std::vector<Type> params = {}, std::vector<std::string> names = {}) {
  return {.kind = kind, .params = std::move(params), .field_names = std::move(names), .name = ""};
}

}  // namespace modeld
