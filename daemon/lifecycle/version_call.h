// One call of a version in memory: find the method, bind the inputs, run it, name the outputs. Errors name
// the version.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/engine/bind.h"
#include "daemon/lifecycle/served_version.h"

namespace modeld {

// What the config declares for this method: it declares tensors of `forward` only.
const std::vector<DeclaredTensor>& DeclaredFor(const Method& method,
                                               const std::vector<DeclaredTensor>& declared);

// The error, with the version that it is about.
absl::Status About(const ServedVersion& version, const absl::Status& status);

// Index of a method; empty: `forward`. NOT_FOUND, with the known ones.
absl::StatusOr<size_t> FindMethod(const ServedVersion& version, const std::string& name);

// Arguments of `methods()[method]`. INVALID_ARGUMENT as BindArguments.
absl::StatusOr<std::vector<Value>> BindInputs(const ServedVersion& version, size_t method,
                                              NamedValues inputs);

struct CallResult {
  absl::StatusOr<NamedValues> outputs;
  int64_t nanoseconds = 0;  // the model's own time
};

// Runs it. Errors as Executable::Run.
CallResult Call(const ServedVersion& version, size_t method, std::vector<Value> arguments);

// Runs it for a request, which counts in the version's stats. While these look for NaN, an answer that holds
// one counts only if no argument did: then it is the model's.
CallResult CallForRequest(const ServedVersion& version, size_t method, std::vector<Value> arguments);

}  // namespace modeld
