// Between OpenVINO's element types and our dtypes. Pure functions.
#pragma once

#include <optional>

#include <openvino/core/type/element_type.hpp>

#include "daemon/engine/dtype.h"

namespace modeld {

// None where OpenVINO has no such type.
std::optional<ov::element::Type> ToElementType(DType dtype);
std::optional<DType> FromElementType(const ov::element::Type& type);

}  // namespace modeld
