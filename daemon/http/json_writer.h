// Pieces of JSON text. Pure functions.
#pragma once

#include <google/protobuf/message.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "daemon/engine/dtype.h"

namespace modeld {

// In quotes; what is not UTF-8 is replaced.
void AppendJsonString(std::string_view text, std::string* json);

// Every field by its name in the proto file, also those of default value; numbers as numbers, however large,
// unlike Protobuf's own JSON. Fields of a oneof and messages are there only where they are set.
void AppendJsonMessage(const google::protobuf::Message& message, std::string* json);

// The elements of a tensor in `raw`, little-endian, as numbers, booleans or strings with commas between.
// Floats are written so that reading them gives the same bits. UNIMPLEMENTED, for JSON has nothing for them:
// NaN and infinities, BYTES that are not UTF-8, and FP16 and BF16, which the Open Inference Protocol sends as
// binary data only.
absl::Status AppendJsonElements(DType dtype, std::string_view raw, std::string* json);

// The elements of a shape, in arrays one in the other. As above. REQUIRES: `raw` is as the shape says.
absl::Status AppendJsonNested(DType dtype, const std::vector<int64_t>& shape, std::string_view raw,
                              std::string* json);

// Each row of the first dimension, as AppendJsonNested. REQUIRES: the shape has one.
absl::Status JsonRows(DType dtype, const std::vector<int64_t>& shape, std::string_view raw,
                      std::vector<std::string>* rows);

}  // namespace modeld
