#include "daemon/engine/dtype.h"

#include <array>

namespace modeld {
namespace {

struct DTypeInfo {
  std::string_view name;
  size_t item_size;
};

// In the order of the enumeration.
constexpr std::array<DTypeInfo, 16> kDTypes = {{
    {"BOOL", 1},
    {"INT8", 1},
    {"INT16", 2},
    {"INT32", 4},
    {"INT64", 8},
    {"UINT8", 1},
    {"UINT16", 2},
    {"UINT32", 4},
    {"UINT64", 8},
    {"FP16", 2},
    {"BF16", 2},
    {"FP32", 4},
    {"FP64", 8},
    {"COMPLEX64", 8},
    {"COMPLEX128", 16},
    {"BYTES", 0},
}};
static_assert(kDTypes.size() == static_cast<size_t>(DType::kBytes) + 1);

const DTypeInfo& InfoOf(DType dtype) { return kDTypes[static_cast<size_t>(dtype)]; }

}  // namespace

std::string_view DTypeName(DType dtype) { return InfoOf(dtype).name; }

std::optional<DType> DTypeFromName(std::string_view name) {
  for (size_t i = 0; i < kDTypes.size(); ++i) {
    if (kDTypes[i].name == name) return static_cast<DType>(i);
  }
  return std::nullopt;
}

size_t ItemSize(DType dtype) { return InfoOf(dtype).item_size; }

}  // namespace modeld
