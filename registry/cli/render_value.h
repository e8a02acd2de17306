// What a model returned, as text for people. Pure.
#pragma once

#include <string>
#include <vector>

#include "modeld/v1/value.pb.h"

namespace modeld {

// One tensor or scalar of a value.
struct ValueLine {
  std::string path;   // `boxes[0]["scores"]`
  std::string type;   // `FP32`, `str`
  std::string shape;  // `[2, 3]`; empty for scalars
  std::string text;   // `[[0.5, 1, 2], [3, 4, 5]]`
};

// The tensors and scalars in `value`, which is called `name`, in order. Tensors are unpacked (see unpack.h)
// or complex; of more than about 20 elements only the first and last of each dimension are shown, as NumPy
// does.
std::vector<ValueLine> DescribeValue(const std::string& name, const v1::Value& value);

}  // namespace modeld
