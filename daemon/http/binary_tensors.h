// The binary tensor data extension of the Open Inference Protocol over HTTP: JSON, and behind it the bytes of
// tensors. Pure functions.
// https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace modeld {

// How long the JSON is; of requests and answers.
inline constexpr char kJsonLengthHeader[] = "Inference-Header-Content-Length";

struct BodyParts {
  std::string_view json;
  std::string_view binary;
};

// `length`: of kJsonLengthHeader; empty: there is none, and all is JSON. INVALID_ARGUMENT: it is no number,
// or more than there is. The parts lie in `body`.
absl::StatusOr<BodyParts> SplitBody(std::string_view body, std::string_view length);

// Hands out what stands behind the JSON, from front to back.
class BinaryData {
 public:
  explicit BinaryData(std::string_view bytes) : bytes_(bytes) {}

  // INVALID_ARGUMENT: there are not so many left.
  absl::StatusOr<std::string_view> Take(uint64_t size);
  // INVALID_ARGUMENT: something is left.
  absl::Status CheckTaken() const;

 private:
  std::string_view bytes_;
};

}  // namespace modeld
