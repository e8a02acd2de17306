// JSON to a Value of a declared type. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "absl/status/statusor.h"
#include "modeld/v1/value.pb.h"
#include "registry/cli/type_notation.h"

namespace modeld {

// What `type` asks for, out of `json`:
//   Tensor          a number, boolean or string, or nested arrays of one of them; of `dtype`, or where that
//   is
//                   empty BOOL, INT64, FP32 or BYTES, as the elements are
//   bool, int, float, number, str, NoneType   the JSON value of that kind; a float may be written as an
//   integer complex         a number, or [real, imaginary] List, Tuple, NamedTuple   an array; a NamedTuple
//   also an object with its fields Dict            an object; the keys are read as the key type asks Optional
//   null, or what its parameter asks for; Union: the first parameter that fits anything else   booleans,
//   integers, floats, strings, lists, dictionaries and None, as they stand
// INVALID_ARGUMENT says where in the value (`[2]["boxes"]`), what was expected and what came.
absl::StatusOr<v1::Value> ValueFromJson(const TypeNotation& type, const std::string& dtype,
                                        const nlohmann::ordered_json& json);

// A scalar of `type` as people write it on a command line: `true`, `3`, `nan`, `hello`, `None`. For types
// that are no scalar: INVALID_ARGUMENT.
absl::StatusOr<v1::Value> ScalarFromText(const TypeNotation& type, const std::string& text);

// True for bool, int, float, number, str and NoneType, and for Optional of them.
bool IsScalarType(const TypeNotation& type);

}  // namespace modeld
