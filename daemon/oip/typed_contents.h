// Elements of a tensor in the typed fields of the Open Inference Protocol. Pure functions.
#pragma once

#include <string>

#include "inference/grpc_service.pb.h"

namespace modeld {

// FP16 and BF16 have none.
bool HasTypedContents(const std::string& datatype);

// From little-endian bytes; of BYTES each element has its length in four bytes before it.
// REQUIRES: HasTypedContents; `raw` is whole elements.
void SetTypedContents(const std::string& datatype, const std::string& raw,
                      inference::InferTensorContents* contents);

}  // namespace modeld
