// Names by number: INPUT__0, OUTPUT__1, as Triton's callers name what TorchScript modules take and return
// (https://github.com/triton-inference-server/pytorch_backend, "Input and output naming").
#pragma once

#include <optional>
#include <string>

#include "daemon/engine/signature.h"

namespace modeld {

inline constexpr char kNumberedInput[] = "INPUT__";
inline constexpr char kNumberedOutput[] = "OUTPUT__";

// 1 of `INPUT__1` where `prefix` is INPUT__; none: it is no such name, or the number is beyond all.
std::optional<size_t> NumberOf(const std::string& name, const char* prefix);

// The name of the argument that INPUT__N stands for; `name` itself where an argument is called so, or where
// it is no such name, or there are not so many.
const std::string& ArgumentOfNumbered(const Method& method, const std::string& name);

}  // namespace modeld
