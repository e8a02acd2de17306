#include "daemon/engine/openvino/ov_types.h"

#include <utility>

namespace modeld {
namespace {

using ov::element::Type_t;

constexpr std::pair<DType, Type_t> kTypes[] = {
    {DType::kBool, Type_t::boolean}, {DType::kInt8, Type_t::i8},     {DType::kInt16, Type_t::i16},
    {DType::kInt32, Type_t::i32},    {DType::kInt64, Type_t::i64},   {DType::kUint8, Type_t::u8},
    {DType::kUint16, Type_t::u16},   {DType::kUint32, Type_t::u32},  {DType::kUint64, Type_t::u64},
    {DType::kFp16, Type_t::f16},     {DType::kBf16, Type_t::bf16},   {DType::kFp32, Type_t::f32},
    {DType::kFp64, Type_t::f64},     {DType::kBytes, Type_t::string}};

}  // namespace

std::optional<ov::element::Type> ToElementType(DType dtype) {
  for (const auto& [ours, theirs] : kTypes) {
    if (ours == dtype) return ov::element::Type(theirs);
  }
  return std::nullopt;
}

std::optional<DType> FromElementType(const ov::element::Type& type) {
  for (const auto& [ours, theirs] : kTypes) {
    if (type == theirs) return ours;
  }
  return std::nullopt;
}

}  // namespace modeld
