#include "daemon/engine/signature.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace modeld {
namespace {

std::string ParameterNames(const Type& type) {
  return absl::StrJoin(type.params, ", ",
                       [](std::string* out, const Type& param) { out->append(TypeName(param)); });
}

std::string TupleName(const Type& type) {
  if (type.params.empty()) return "Tuple[()]";
  if (type.field_names.size() != type.params.size()) return absl::StrCat("Tuple[", ParameterNames(type), "]");
  std::vector<std::string> fields;
  for (size_t i = 0; i < type.params.size(); ++i) {
    fields.push_back(absl::StrCat(type.field_names[i], ": ", TypeName(type.params[i])));
  }
  return absl::StrCat("NamedTuple(", absl::StrJoin(fields, ", "), ")");
}

}  // namespace

std::string TypeName(const Type& type) {
  switch (type.kind) {
    case Type::Kind::kTensor:
      return "Tensor";
    case Type::Kind::kStringTensor:
      return "Tensor[str]";
    case Type::Kind::kBool:
      return "bool";
    case Type::Kind::kInt:
      return "int";
    case Type::Kind::kFloat:
      return "float";
    case Type::Kind::kComplex:
      return "complex";
    case Type::Kind::kString:
      return "str";
    case Type::Kind::kNumber:
      return "number";
    case Type::Kind::kNone:
      return "NoneType";
    case Type::Kind::kList:
      return absl::StrCat("List[", ParameterNames(type), "]");
    case Type::Kind::kTuple:
      return TupleName(type);
    case Type::Kind::kDict:
      return absl::StrCat("Dict[", ParameterNames(type), "]");
    case Type::Kind::kOptional:
      return absl::StrCat("Optional[", ParameterNames(type), "]");
    case Type::Kind::kUnion:
      return absl::StrCat("Union[", ParameterNames(type), "]");
    case Type::Kind::kAny:
      return "Any";
    case Type::Kind::kOther:
      return type.name;
  }
  return "?";
}

}  // namespace modeld
