// Golden samples as the engine takes them: from their bytes, and run on a version.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/engine/bind.h"
#include "daemon/engine/engine.h"
#include "daemon/probe/tolerance.h"
#include "modeld/v1/probe.pb.h"

namespace modeld {

struct GoldenSample {
  std::string name;    // "golden/0"
  std::string method;  // empty: the first, which is `forward`
  NamedValues inputs;
  NamedValues outputs;
};

// From a serialized modeld.v1.GoldenSample. INVALID_ARGUMENT `golden sample "golden/0": …` where it is none,
// has no outputs, or holds a value that cannot be read.
absl::StatusOr<GoldenSample> DecodeGoldenSample(std::string_view name, std::string_view bytes);

// With bytes of their own: a model may work in place on its inputs.
NamedValues DeepCopy(const NamedValues& values);

// What a config declares of `forward`.
struct Declarations {
  const std::vector<DeclaredTensor>& inputs;
  const std::vector<DeclaredTensor>& outputs;
};

// Runs the sample's method on its inputs. The sample stays as it is, also where the model works in place on
// its inputs. Errors: INVALID_ARGUMENT where the version has no such method, or it does not take these
// inputs; else those of Executable::Run.
absl::StatusOr<NamedValues> RunSample(Executable& executable, const Declarations& declared,
                                      const GoldenSample& sample);

// Runs the sample and compares what comes back: see CompareOutputs. Errors: those of RunSample.
absl::StatusOr<v1::GoldenResult> RunGolden(Executable& executable, const Declarations& declared,
                                           const GoldenSample& sample, const Tolerance& tolerance);

// OK if every sample comes out as expected. INVALID_ARGUMENT names the first that does not, and how:
// `golden sample "golden/0": logits[0, 3] is 0.5, expected 0.75 (…)`. RESOURCE_EXHAUSTED where memory ran
// out.
absl::Status CheckGolden(Executable& executable, const Declarations& declared,
                         const std::vector<GoldenSample>& samples, const Tolerance& tolerance);

}  // namespace modeld
