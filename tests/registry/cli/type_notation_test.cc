#include "registry/cli/type_notation.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace modeld {
namespace {

// Writes a type back, unambiguously.
std::string ToText(const TypeNotation& type) {
  std::string text = type.name;
  for (size_t i = 0; i < type.parameters.size(); ++i) {
    const std::string field = i < type.field_names.size() ? type.field_names[i] + "=" : "";
    absl::StrAppend(&text, i == 0 ? "<" : " ", field, ToText(type.parameters[i]));
  }
  return type.parameters.empty() ? text : text + ">";
}

TEST(TypeNotationTest, ReadsWhatTheDaemonWrites) {
  const struct {
    const char* text;
    const char* expected;
  } kCases[] = {
      {"Tensor", "Tensor"},
      {"int", "int"},
      {"List[Dict[str, Tensor]]", "List<Dict<str Tensor>>"},
      {"Optional[Tuple[int, List[float]]]", "Optional<Tuple<int List<float>>>"},
      {"Union[int, str, NoneType]", "Union<int str NoneType>"},
      {"Tuple[()]", "Tuple"},
      {"NamedTuple(boxes: Tensor, scores: List[float])", "NamedTuple<boxes=Tensor scores=List<float>>"},
      {"__torch__.my.Class", "__torch__.my.Class"},
  };
  for (const auto& c : kCases) EXPECT_EQ(ToText(ParseTypeNotation(c.text)), c.expected) << c.text;
}

TEST(TypeNotationTest, WhatCannotBeReadIsAny) {
  for (const char* text : {"", "[", "List[", "List[int", "List[int]]", "List[]", "Dict[str,]",
                           "NamedTuple(a)", "Tuple[(]", "int int", "(Tensor) -> Tensor"}) {
    EXPECT_EQ(ToText(ParseTypeNotation(text)), "Any") << text;
  }
}

TEST(TypeNotationTest, DeepNestingIsAnyRatherThanAnOverflow) {
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += "List[";
  text += "int" + std::string(100'000, ']');
  EXPECT_EQ(ToText(ParseTypeNotation(text)), "Any");
}

}  // namespace
}  // namespace modeld
