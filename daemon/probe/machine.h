// Machine: what measurements of a plan hold for.
#pragma once

#include <string>

namespace modeld {

struct Machine {
  std::string cpu_model;  // "AMD EPYC 7763 64-Core Processor"; empty where the kernel does not say
  int cpus = 1;           // that this process may use

  friend bool operator==(const Machine&, const Machine&) = default;
};

// This one, as this process sees it.
Machine ThisMachine();

}  // namespace modeld
