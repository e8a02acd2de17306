#include "daemon/probe/find_nan.h"

#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/codec/elements.h"
#include "daemon/engine/value.h"
#include "registry/base/quote.h"

namespace modeld {
namespace {

bool IsNan(double value) { return std::isnan(value); }
bool IsNan(const std::complex<double>& value) { return std::isnan(value.real()) || std::isnan(value.imag()); }

std::optional<std::string> FindIn(const Value& value, const std::string& path);

std::optional<std::string> FindIn(const std::vector<Value>& items, const std::string& path) {
  for (size_t i = 0; i < items.size(); ++i) {
    if (auto found = FindIn(items[i], absl::StrCat(path, "[", i, "]"))) return found;
  }
  return std::nullopt;
}

std::optional<std::string> FindIn(const Tensor& tensor, const std::string& path) {
  const bool floating = IsFloating(tensor.dtype);
  if (!floating && !IsComplex(tensor.dtype)) return std::nullopt;
  const int64_t count = tensor.element_count();
  for (int64_t i = 0; i < count; ++i) {
    if (floating ? IsNan(FloatingAt(tensor, i)) : IsNan(ComplexAt(tensor, i))) {
      return path + PositionText(tensor.shape, i);
    }
  }
  return std::nullopt;
}

std::optional<std::string> FindIn(const Value& value, const std::string& path) {
  if (const auto* tensor = value.get_if<Tensor>()) return FindIn(*tensor, path);
  if (const auto* number = value.get_if<double>(); number != nullptr && IsNan(*number)) return path;
  if (const auto* number = value.get_if<std::complex<double>>(); number != nullptr && IsNan(*number)) {
    return path;
  }
  if (const auto* list = value.get_if<List>()) return FindIn(list->items, path);
  if (const auto* tuple = value.get_if<Tuple>()) return FindIn(tuple->items, path);
  if (const auto* dict = value.get_if<Dict>()) {
    for (const auto& [key, item] : dict->entries) {
      const auto* name = key.get_if<std::string>();
      const std::string key_text = name != nullptr ? Quote(*name) : ValueSummary(key);
      if (auto found = FindIn(item, absl::StrCat(path, "[", key_text, "]"))) return found;
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> FindNan(const NamedValues& outputs) {
  for (const auto& [name, value] : outputs) {
    if (auto found = FindIn(value, name)) return found;
  }
  return std::nullopt;
}

}  // namespace modeld
