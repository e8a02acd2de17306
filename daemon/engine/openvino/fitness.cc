#include "daemon/engine/openvino/fitness.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>

namespace modeld {
namespace {

bool FitsShape(const GraphArgument& expected, const Tensor& tensor) {
  if (tensor.dtype != expected.dtype || tensor.shape.size() != expected.shape.size()) return false;
  for (size_t i = 0; i < tensor.shape.size(); ++i) {
    if (tensor.shape[i] == 0) return false;
    if (expected.shape[i] >= 0 && tensor.shape[i] != expected.shape[i]) return false;
  }
  return true;
}

// A float32 is finite where its exponent has a bit that is not set. Without branches, so that it is
// vectorized: the tensor may be an image.
bool AreFinite(const Tensor& tensor) {
  constexpr uint32_t kExponent = 0x7f800000;
  const auto* const bytes = static_cast<const char*>(tensor.buffer.data);
  const auto count = static_cast<size_t>(tensor.element_count());
  uint32_t found = 0;
  for (size_t i = 0; i < count; ++i) {
    uint32_t bits;
    std::memcpy(&bits, bytes + i * sizeof(bits), sizeof(bits));
    found |= static_cast<uint32_t>((bits & kExponent) == kExponent);
  }
  return found == 0;
}

struct Range {
  int64_t least, most;
};

template <typename T>
Range RangeOf(const Tensor& tensor) {
  const auto* const bytes = static_cast<const char*>(tensor.buffer.data);
  const auto count = static_cast<size_t>(tensor.element_count());
  Range range{std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min()};
  for (size_t i = 0; i < count; ++i) {
    T element;
    std::memcpy(&element, bytes + i * sizeof(element), sizeof(element));
    range.least = std::min<int64_t>(range.least, element);
    range.most = std::max<int64_t>(range.most, element);
  }
  return range;
}

bool AreWithin(const Tensor& tensor, int64_t least, int64_t most) {
  const Range range = tensor.dtype == DType::kInt64 ? RangeOf<int64_t>(tensor) : RangeOf<int32_t>(tensor);
  return range.least >= least && range.most <= most;
}

// Integers meet others as float32, which has all of them up to here.
constexpr int64_t kLargest = 1 << 24;

bool FitsElements(const Tensor& tensor) {
  if (tensor.dtype == DType::kFp32) return AreFinite(tensor);
  if (tensor.dtype == DType::kInt64 || tensor.dtype == DType::kInt32)
    return AreWithin(tensor, -kLargest, kLargest);
  return true;
}

// Of what an argument's default may be, and is then compared cheaply.
bool AreEqual(const Value& a, const Value& b) {
  if (a.data.index() != b.data.index()) return false;
  if (a.get_if<None>() != nullptr) return true;
  if (const auto* v = a.get_if<bool>()) return *v == *b.get_if<bool>();
  if (const auto* v = a.get_if<int64_t>()) return *v == *b.get_if<int64_t>();
  if (const auto* v = a.get_if<double>()) return *v == *b.get_if<double>();
  if (const auto* v = a.get_if<std::string>()) return *v == *b.get_if<std::string>();
  return false;
}

}  // namespace

bool IsFinite(const Tensor& tensor) { return tensor.dtype != DType::kFp32 || AreFinite(tensor); }

std::vector<const Tensor*> TensorsThatFit(const std::vector<GraphArgument>& expected,
                                          const std::vector<IndexLimit>& limits,
                                          const std::vector<Value>& arguments) {
  std::vector<const Tensor*> tensors;
  for (size_t i = 0; i < expected.size(); ++i) {
    if (!expected[i].is_tensor) {
      if (!AreEqual(arguments[i], expected[i].fixed)) return {};
      continue;
    }
    const Tensor* const tensor = arguments[i].get_if<Tensor>();
    if (tensor == nullptr || !FitsShape(expected[i], *tensor) || !FitsElements(*tensor)) return {};
    tensors.push_back(tensor);
  }
  for (const IndexLimit& limit : limits) {
    if (!AreWithin(*tensors[limit.input], 0, limit.rows - 1)) return {};
  }
  return tensors;
}

}  // namespace modeld
