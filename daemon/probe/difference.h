// How far a number is from what it should be. Pure functions.
#pragma once

#include <cmath>
#include <complex>
#include <cstdint>
#include <limits>

#include "daemon/probe/tolerance.h"

namespace modeld {

struct Difference {
  double absolute = 0;  // infinite where one of the two is no finite number and they do not agree
  double allowed = 0;
  bool beyond = false;

  // How far beyond the tolerance, so that the worst can be told.
  double excess() const {
    if (allowed > 0) return absolute / allowed;
    return absolute > 0 || beyond ? std::numeric_limits<double>::infinity() : 0;
  }
};

inline Difference Differ(bool same) {
  return {.absolute = same ? 0 : std::numeric_limits<double>::infinity(), .allowed = 0, .beyond = !same};
}

inline Difference Compare(double expected, double actual, const Tolerance& tolerance) {
  if (std::isnan(expected) || std::isnan(actual)) return Differ(std::isnan(expected) && std::isnan(actual));
  if (std::isinf(expected) || std::isinf(actual)) return Differ(expected == actual);
  Difference difference{.absolute = std::abs(actual - expected),
                        .allowed = tolerance.atol + tolerance.rtol * std::abs(expected),
                        .beyond = false};
  difference.beyond = difference.absolute > difference.allowed;
  return difference;
}

inline Difference Compare(const std::complex<double>& expected, const std::complex<double>& actual,
                          const Tolerance& tolerance) {
  const auto is_finite = [](const std::complex<double>& value) {
    return std::isfinite(value.real()) && std::isfinite(value.imag());
  };
  if (!is_finite(expected) || !is_finite(actual)) {
    const Difference real = Compare(expected.real(), actual.real(), tolerance);
    const Difference imaginary = Compare(expected.imag(), actual.imag(), tolerance);
    return real.excess() >= imaginary.excess() ? real : imaginary;
  }
  Difference difference{.absolute = std::abs(actual - expected),
                        .allowed = tolerance.atol + tolerance.rtol * std::abs(expected),
                        .beyond = false};
  difference.beyond = difference.absolute > difference.allowed;
  return difference;
}

// Integers agree only if they are equal, also where a double could not tell them apart.
template <typename Integer>
Difference CompareIntegers(Integer expected, Integer actual) {
  return {.absolute = std::abs(static_cast<double>(actual) - static_cast<double>(expected)),
          .allowed = 0,
          .beyond = expected != actual};
}
inline Difference Compare(int64_t expected, int64_t actual, const Tolerance&) {
  return CompareIntegers(expected, actual);
}
inline Difference Compare(uint64_t expected, uint64_t actual, const Tolerance&) {
  return CompareIntegers(expected, actual);
}

}  // namespace modeld
