// Expressions that hold each operator of OpenVINO's list to LibTorch.
#pragma once

#include <vector>

namespace modeld {

struct OperatorCase {
  // What forward(x, y, z) returns; lines before the last are statements.
  const char* body;
  // Dtypes and shapes of x, y and z, as many as are taken: "F[-1,3]"; F float32, L int64, I int32, B bool,
  // U uint8. A free dimension is tried with several sizes.
  const char* inputs;
  // How large numbers get, from zero on; integers of it are from 0 on.
  double range = 3;
};

std::vector<OperatorCase> OperatorCases();

}  // namespace modeld
