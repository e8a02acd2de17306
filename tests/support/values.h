// Short ways to write values and types in tests, and a comparison of values.
#pragma once

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/engine/signature.h"
#include "daemon/engine/tensor.h"
#include "daemon/engine/value.h"

namespace modeld {

template <typename T>
Tensor MakeTensor(DType dtype, std::vector<int64_t> shape, const std::vector<T>& elements) {
  Tensor tensor{dtype, std::move(shape), Buffer::Allocate(elements.size() * sizeof(T)), {}};
  if (!elements.empty()) std::memcpy(tensor.buffer.data, elements.data(), tensor.buffer.size);
  return tensor;
}

inline Tensor FloatTensor(std::vector<int64_t> shape, const std::vector<float>& elements) {
  return MakeTensor<float>(DType::kFp32, std::move(shape), elements);
}

inline Tensor IntTensor(std::vector<int64_t> shape, const std::vector<int64_t>& elements) {
  return MakeTensor<int64_t>(DType::kInt64, std::move(shape), elements);
}

inline Tensor BytesTensor(std::vector<int64_t> shape, std::vector<std::string> elements) {
  return Tensor{DType::kBytes, std::move(shape), {}, std::move(elements)};
}

// A tensor of zeros.
inline Tensor Zeros(DType dtype, std::vector<int64_t> shape) {
  const auto bytes = static_cast<size_t>(ElementCount(shape, dtype).value()) * ItemSize(dtype);
  return Tensor{dtype, std::move(shape), Buffer::FromString(std::string(bytes, '\0')), {}};
}

// A float32 tensor of multiples of a sixteenth, from 0 to 1 and again.
inline Value Ramp(std::vector<int64_t> shape) {
  std::vector<float> elements(static_cast<size_t>(ElementCount(shape, DType::kFp32).value()));
  for (size_t i = 0; i < elements.size(); ++i) elements[i] = static_cast<float>(i % 17) / 16;
  return Value{FloatTensor(std::move(shape), elements)};
}

// Distinct bytes that are valid elements of every dtype but BOOL.
inline Tensor Patterned(DType dtype, std::vector<int64_t> shape) {
  Tensor tensor = Zeros(dtype, std::move(shape));
  auto* const bytes = static_cast<uint8_t*>(tensor.buffer.data);
  for (size_t i = 0; i < tensor.buffer.size; ++i) {
    bytes[i] = static_cast<uint8_t>(dtype == DType::kBool ? i % 2 : 7 * i + 1);
  }
  return tensor;
}

// The elements of a tensor value.
template <typename T>
std::vector<T> ElementsOf(const Value& value) {
  const Buffer& buffer = value.get_if<Tensor>()->buffer;
  std::vector<T> elements(buffer.size / sizeof(T));
  if (!elements.empty()) std::memcpy(elements.data(), buffer.data, buffer.size);
  return elements;
}

inline Value Str(std::string text) { return Value{std::move(text)}; }
inline Value Int(int64_t value) { return Value{value}; }
inline Value ListOf(std::vector<Value> items) { return Value{List{std::move(items)}}; }
inline Value TupleOf(std::vector<Value> items, std::vector<std::string> names = {}) {
  return Value{Tuple{std::move(items), std::move(names)}};
}
inline Value DictOf(std::vector<std::pair<Value, Value>> entries) { return Value{Dict{std::move(entries)}}; }

inline Type TypeOf(Type::Kind kind, std::vector<Type> params = {}) {
  return Type{kind, std::move(params), {}, {}};
}

// The whole of a value as text, so that two values are equal if their texts are: `[1, 2.5, "a"]`,
// `FP32[2]{0000803f00000040}`.
inline std::string Dump(const Value& value) {
  struct Visitor {
    std::string operator()(const None&) const { return "None"; }
    std::string operator()(bool v) const { return v ? "True" : "False"; }
    std::string operator()(int64_t v) const { return absl::StrCat(v); }
    std::string operator()(double v) const { return absl::StrCat("float ", v); }
    std::string operator()(const std::complex<double>& v) const {
      return absl::StrCat("complex ", v.real(), " ", v.imag());
    }
    std::string operator()(const std::string& v) const { return absl::StrCat("\"", v, "\""); }
    std::string operator()(const Tensor& v) const {
      const absl::string_view bytes(static_cast<const char*>(v.buffer.data), v.buffer.size);
      return absl::StrCat(TensorSummary(v.dtype, v.shape), "{", absl::BytesToHexString(bytes),
                          absl::StrJoin(v.strings, ","), "}");
    }
    std::string operator()(const List& v) const { return absl::StrCat("[", Items(v.items), "]"); }
    std::string operator()(const Tuple& v) const {
      return absl::StrCat("(", absl::StrJoin(v.names, ","), v.names.empty() ? "" : ": ", Items(v.items), ")");
    }
    std::string operator()(const Dict& v) const {
      return absl::StrCat("{",
                          absl::StrJoin(v.entries, ", ",
                                        [](std::string* out, const auto& entry) {
                                          absl::StrAppend(out, Dump(entry.first), ": ", Dump(entry.second));
                                        }),
                          "}");
    }
    static std::string Items(const std::vector<Value>& items) {
      return absl::StrJoin(items, ", ", [](std::string* out, const Value& item) { out->append(Dump(item)); });
    }
  };
  return std::visit(Visitor{}, value.data);
}

}  // namespace modeld
