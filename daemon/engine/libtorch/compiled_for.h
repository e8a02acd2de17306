// CompiledFor: what a package's machine code takes for granted of its inputs.
//
// The code checks none of it by itself, and reads beyond a tensor that is smaller than it was compiled for.
// With AOTI_RUNTIME_CHECK_INPUTS=1 it does, but then refuses a batch of one as well wherever torch.export
// took a size for dynamic, which it assumes to be 2 or more. So the assumptions are read from those checks,
// in the C++ source that a package carries.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/engine/engine.h"
#include "daemon/engine/tensor.h"

namespace modeld {

struct CompiledInput {
  struct Bounds {
    int64_t min = 0;
    int64_t max = INT64_MAX;
  };
  std::optional<DType> dtype;
  std::map<int64_t, Bounds> dimensions;  // of those that are limited
};

// By the input's index; what the source does not say is not limited. From PyTorch 2.6 on it says, as
// messages: "input_handles[0]: unmatched dtype, expected: 6(at::kFloat), …", "… unmatched dim value at 1,
// expected: 64, …", "… dim value is too small at 0, expected it to be >= 2, …", "… is too large at 0,
// expected to be <= 64".
std::vector<CompiledInput> CompiledInputs(std::string_view source);

// How many threads a kernel may run on: some keep a result for each in an array of as many as there were when
// they were compiled, but begin as many as the calling thread may use (PyTorch 2.13 does so where it compiles
// for all CPUs of a machine). The least of all such arrays in the source; none: there are none.
std::optional<int> MostThreads(std::string_view source);

// What of the tensors that are known to come was not compiled for: "dtype is FP64, not FP32", "dimension 0
// may not be of any size, it is 2". Empty: nothing.
std::string Contradiction(const CompiledInput& compiled, const KnownInput& known);
// The same of a tensor that came: "dimension 0 is 100, not at most 64".
std::string Contradiction(const CompiledInput& compiled, const Tensor& tensor);

}  // namespace modeld
