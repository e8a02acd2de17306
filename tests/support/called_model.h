// A model in memory, called as requests do it: whichever engine runs it.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/engine/bind.h"
#include "daemon/engine/engine.h"
#include "tests/support/values.h"

namespace modeld {

class CalledModel {
 public:
  // Throws if it cannot be loaded.
  CalledModel(std::unique_ptr<Engine> engine, const LoadRequest& request) : engine_(std::move(engine)) {
    auto executable = engine_->Load(request);
    if (!executable.ok()) throw std::runtime_error(executable.status().ToString());
    executable_ = *std::move(executable);
  }

  // From now on calls keep what they write to the module.
  void KeepState() {
    auto session = executable_->NewSession();
    if (!session.ok()) throw std::runtime_error(session.status().ToString());
    loaded_ = std::exchange(executable_, *std::move(session));
  }

  const std::vector<Method>& methods() const { return executable_->methods(); }

  size_t MethodIndex(const std::string& name) const {
    for (size_t i = 0; i < methods().size(); ++i) {
      if (methods()[i].name == name) return i;
    }
    throw std::runtime_error("no method " + name);
  }

  // As a request does it: binds the inputs, then runs.
  absl::StatusOr<Value> Call(NamedValues inputs, const std::string& method = "forward") {
    const size_t index = MethodIndex(method);
    auto arguments = BindArguments(methods()[index], {}, std::move(inputs));
    if (!arguments.ok()) return std::move(arguments).status();
    return executable_->Run(index, *std::move(arguments));
  }

  // The result of Call as text, or its status.
  std::string Answer(NamedValues inputs, const std::string& method = "forward") {
    const absl::StatusOr<Value> result = Call(std::move(inputs), method);
    return result.ok() ? Dump(*result) : result.status().ToString();
  }

  Executable& executable() { return *executable_; }

 private:
  const std::unique_ptr<Engine> engine_;
  std::unique_ptr<Executable> loaded_;  // of which the session is; null: there is none
  std::unique_ptr<Executable> executable_;
};

}  // namespace modeld
