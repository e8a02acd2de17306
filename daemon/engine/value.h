// Value: anything a model takes or returns.
#pragma once

#include <complex>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "daemon/engine/tensor.h"

namespace modeld {

struct Value;

struct None {};

struct List {
  std::vector<Value> items;
};

struct Tuple {
  std::vector<Value> items;
  std::vector<std::string> names;  // a NamedTuple's fields; else empty
};

// In insertion order. Keys: string, integer, float or bool.
//
// Its special members are defined below Value: a pair needs its parts to be complete, and asking whether
// Value is (as std::variant does) must not ask for the pair again.
struct Dict {
  Dict() noexcept;
  explicit Dict(std::vector<std::pair<Value, Value>> entries);
  Dict(const Dict& other);
  Dict(Dict&& other) noexcept;
  Dict& operator=(const Dict& other);
  Dict& operator=(Dict&& other) noexcept;
  ~Dict();

  std::vector<std::pair<Value, Value>> entries;
};

// Copies of tensors share their bytes.
struct Value {
  std::variant<None, bool, int64_t, double, std::complex<double>, std::string, Tensor, List, Tuple, Dict>
      data;

  template <typename T>
  const T* get_if() const {
    return std::get_if<T>(&data);
  }
  template <typename T>
  T* get_if() {
    return std::get_if<T>(&data);
  }
};

inline Dict::Dict() noexcept = default;
inline Dict::Dict(std::vector<std::pair<Value, Value>> entries) : entries(std::move(entries)) {}
inline Dict::Dict(const Dict& other) = default;
inline Dict::Dict(Dict&& other) noexcept = default;
inline Dict& Dict::operator=(const Dict& other) = default;
inline Dict& Dict::operator=(Dict&& other) noexcept = default;
inline Dict::~Dict() = default;

// What a value is, for messages: "int", "FP32[2,3]", "list of 3", "None".
std::string ValueSummary(const Value& value);

}  // namespace modeld
