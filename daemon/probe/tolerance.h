// Tolerance: how far an output may be from what was expected.
#pragma once

#include "modeld/v1/model_config.pb.h"

namespace modeld {

// Two numbers agree if |actual - expected| <= atol + rtol * |expected|: the rule of numpy.isclose, which is
// not symmetric.
struct Tolerance {
  double rtol = 1e-4;
  double atol = 1e-5;
};

// The config's, with the defaults where it says nothing.
inline Tolerance ToleranceOf(const v1::ModelConfig& config) {
  const v1::Tolerance& wire = config.execution().tolerance();
  Tolerance tolerance;
  if (wire.has_rtol()) tolerance.rtol = wire.rtol();
  if (wire.has_atol()) tolerance.atol = wire.atol();
  return tolerance;
}

}  // namespace modeld
