#include "daemon/engine/libtorch/call_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/values.h"

namespace modeld {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Optional;

constexpr char kLeaf[] = R"({"type": null, "context": null, "children_spec": []})";

std::string Node(const std::string& type, const std::string& context,
                 const std::vector<std::string>& children) {
  return R"({"type": ")" + type + R"(", "context": )" + context + R"(, "children_spec": [)" +
         absl::StrJoin(children, ", ") + "]}";
}
std::string TupleNode(const std::vector<std::string>& children) {
  return Node("builtins.tuple", R"("null")", children);
}
std::string DictNode(const std::string& keys, const std::vector<std::string>& children) {
  return Node("builtins.dict", keys, children);
}
std::string Spec(const std::string& node) { return "[1, " + node + "]"; }

TEST(ArgumentNamesTest, KeywordArgumentsHaveTheirNames) {
  EXPECT_THAT(
      ArgumentNames(Spec(TupleNode({TupleNode({kLeaf, kLeaf}), DictNode(R"("[\"scale\"]")", {kLeaf})}))),
      Optional(ElementsAre("", "", "scale")));
  EXPECT_THAT(ArgumentNames(Spec(TupleNode({TupleNode({}), DictNode(R"("[]")", {})}))), Optional(IsEmpty()));
  // A list of tensors is one argument, but several tensors.
  EXPECT_THAT(ArgumentNames(Spec(TupleNode(
                  {TupleNode({Node("builtins.list", R"("null")", {kLeaf, kLeaf})}),
                   DictNode(R"("[\"a\", \"b\"]")", {TupleNode({kLeaf, kLeaf}), TupleNode({kLeaf})})}))),
              Optional(ElementsAre("", "", "", "", "b")));
}

TEST(ArgumentNamesTest, WhatIsNoSpecSaysNothing) {
  std::string deep = kLeaf;
  for (int i = 0; i < 1000; ++i) deep = TupleNode({deep});
  for (const std::string& text :
       {std::string(), std::string("null"), std::string("[2, {}]"), Spec(kLeaf), Spec(TupleNode({kLeaf})),
        Spec(TupleNode({TupleNode({}), DictNode(R"("[\"a\"]")", {})})),
        Spec(TupleNode({TupleNode({}), DictNode("7", {kLeaf})})),
        Spec(TupleNode({deep, DictNode(R"("[]")", {})}))}) {
    EXPECT_EQ(ArgumentNames(text), std::nullopt) << text.substr(0, 100);
  }
}

TEST(ResultTreeTest, ReturnsWhatTheModuleDid) {
  const ResultTree tree =
      ResultTreeOf(Spec(DictNode(R"("[\"a\", \"b\"]")",
                                 {kLeaf, TupleNode({kLeaf, Node("builtins.list", R"("null")", {kLeaf})})})),
                   3);
  EXPECT_EQ(TypeName(ResultType(tree)), "Dict[str, Any]");
  EXPECT_EQ(Dump(BuildResult(tree, {Int(1), Int(2), Int(3)})),
            Dump(DictOf({{Str("a"), Int(1)}, {Str("b"), TupleOf({Int(2), ListOf({Int(3)})})}})));
  const ResultTree dict = ResultTreeOf(Spec(DictNode(R"("[\"a\"]")", {kLeaf})), 1);
  EXPECT_EQ(TypeName(ResultType(dict)), "Dict[str, Tensor]");
  EXPECT_EQ(TypeName(ResultType(ResultTreeOf(Spec(kLeaf), 1))), "Tensor");
  EXPECT_EQ(TypeName(ResultType(ResultTreeOf(Spec(TupleNode({kLeaf})), 1))), "Tuple[Tensor]");
}

TEST(ResultTreeTest, WhatDoesNotFitIsATupleOfTensors) {
  EXPECT_EQ(TypeName(ResultType(ResultTreeOf("", 1))), "Tensor");
  for (const std::string& text :
       {std::string(), Spec(TupleNode({kLeaf})), Spec(Node("my.Class", "null", {kLeaf, kLeaf})),
        Spec(DictNode(R"("[1, 2]")", {kLeaf, kLeaf}))}) {
    const ResultTree tree = ResultTreeOf(text, 2);
    EXPECT_EQ(TypeName(ResultType(tree)), "Tuple[Tensor, Tensor]") << text;
    EXPECT_EQ(Dump(BuildResult(tree, {Int(1), Int(2)})), Dump(TupleOf({Int(1), Int(2)})));
  }
}

}  // namespace
}  // namespace modeld
