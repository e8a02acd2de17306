#include "daemon/engine/signature.h"

#include <gtest/gtest.h>

#include "tests/support/values.h"

namespace modeld {
namespace {

using Kind = Type::Kind;

TEST(TypeNameTest, IsTorchScriptsNotation) {
  const Type tensor = TypeOf(Kind::kTensor);
  const Type dict = TypeOf(Kind::kDict, {TypeOf(Kind::kString), tensor});
  Type named = TypeOf(Kind::kTuple, {tensor, TypeOf(Kind::kInt)});
  named.field_names = {"boxes", "count"};
  const std::vector<std::pair<Type, std::string>> cases = {
      {tensor, "Tensor"},
      {TypeOf(Kind::kBool), "bool"},
      {TypeOf(Kind::kInt), "int"},
      {TypeOf(Kind::kFloat), "float"},
      {TypeOf(Kind::kComplex), "complex"},
      {TypeOf(Kind::kString), "str"},
      {TypeOf(Kind::kNumber), "number"},
      {TypeOf(Kind::kNone), "NoneType"},
      {TypeOf(Kind::kAny), "Any"},
      {TypeOf(Kind::kList, {dict}), "List[Dict[str, Tensor]]"},
      {TypeOf(Kind::kOptional, {TypeOf(Kind::kInt)}), "Optional[int]"},
      {TypeOf(Kind::kUnion, {TypeOf(Kind::kInt), TypeOf(Kind::kString)}), "Union[int, str]"},
      {TypeOf(Kind::kTuple, {tensor, TypeOf(Kind::kInt)}), "Tuple[Tensor, int]"},
      {TypeOf(Kind::kTuple), "Tuple[()]"},
      {named, "NamedTuple(boxes: Tensor, count: int)"},
      {Type{Kind::kOther, {}, {}, "Device"}, "Device"},
  };
  for (const auto& [type, name] : cases) EXPECT_EQ(TypeName(type), name);
}

}  // namespace
}  // namespace modeld
