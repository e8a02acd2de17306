// Types and signatures of a model's methods, without any engine's headers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/engine/dtype.h"
#include "daemon/engine/value.h"

namespace modeld {

// A type as TorchScript knows it, but for tensors of strings, which it has none of. Values of kOther cannot
// be passed (custom classes, devices, …).
struct Type {
  enum class Kind {
    kTensor,
    kStringTensor,  // a tensor of BYTES; kTensor is one of any other dtype
    kBool,
    kInt,
    kFloat,
    kComplex,
    kString,
    kNumber,
    kNone,
    kList,      // element: params[0]
    kTuple,     // items: params; field_names for a NamedTuple
    kDict,      // key: params[0], value: params[1]
    kOptional,  // params[0] or None
    kUnion,     // any of params
    kAny,       // anything
    kOther,
  };
  Kind kind = Kind::kAny;
  std::vector<Type> params;
  std::vector<std::string> field_names;
  std::string name;  // of kOther: what the engine calls it
};

// TorchScript's notation: "List[Dict[str, Tensor]]".
std::string TypeName(const Type& type);

struct Argument {
  std::string name;
  Type type;
  std::optional<Value> default_value;  // an argument that may be left out
};

struct Method {
  std::string name;
  std::vector<Argument> arguments;  // without `self`
  Type returns;
};

// A tensor as the config declares it; narrows the signature's type.
struct DeclaredTensor {
  std::string name;
  std::optional<DType> dtype;                 // none: any
  std::optional<std::vector<int64_t>> shape;  // -1: any size; none: any shape
};

}  // namespace modeld
