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

// What `methods()[method]` returned, with its outputs named; an error with the version that it is about.
absl::StatusOr<NamedValues> NameResult(const ServedVersion& version, size_t method,
                                       absl::StatusOr<Value> value);

// Counts a request in its version's stats. While these look for NaN, an answer that holds one counts only if
// no argument did: then it is the model's. One that comes of huge arguments may be that of any model.
class RequestCount {
 public:
  // Before the model is called, which may write to the arguments.
  void Begin(const ServedVersion& version, const std::vector<Value>& arguments);
  // After it was: what it returned, and its own time.
  void End(const ServedVersion& version, const absl::StatusOr<Value>& value, int64_t nanoseconds) const;

 private:
  bool look_for_nan_ = false;
  bool huge_inputs_ = false;
};

}  // namespace modeld
