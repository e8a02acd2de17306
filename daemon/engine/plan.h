// Plan: how one version runs on this machine.
#pragma once

#include <string>

namespace modeld {

// What numbers a plan computes with.
enum class Precision {
  kAsSaved,
  kBf16,  // the artifact's floating-point numbers rounded to bfloat16; inputs and outputs as they were
};

struct Plan {
  std::string engine;   // "libtorch"; empty: the first that runs the format
  std::string variant;  // one of the engine's own: "frozen"; empty: its plain way
  Precision precision = Precision::kAsSaved;

  friend bool operator==(const Plan&, const Plan&) = default;
};

// "libtorch", "libtorch frozen", "libtorch channels-last bf16".
inline std::string PlanName(const Plan& plan) {
  std::string name = plan.engine;
  if (!plan.variant.empty()) name += " " + plan.variant;
  if (plan.precision == Precision::kBf16) name += " bf16";
  return name;
}

}  // namespace modeld
