#include "daemon/scheduling/batching.h"

#include "tests/support/fake_engine.h"
#include "tests/support/status_matchers.h"
#include "tests/support/values.h"

namespace modeld {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

DeclaredTensor Declared(const std::string& name, std::vector<int64_t> shape) {
  return {.name = name, .dtype = DType::kFp32, .shape = std::move(shape)};
}

// forward(x: Tensor, flag: bool)
Method Forward() { return FakeForward({FakeArgument("x"), FakeArgument("flag", Type::Kind::kBool)}); }
const BatchRule kRule{{true, false}};

std::vector<Value> Request(Tensor x, bool flag = false) { return {Value{std::move(x)}, Value{flag}}; }

TEST(BatchRuleTest, RowsLieInDeclaredTensorsWithALeadingMinusOne) {
  ASSERT_OK_AND_ASSIGN(
      const BatchRule rule,
      MakeBatchRule(FakeForward({FakeArgument("x"), FakeArgument("mask"), FakeArgument("bias"),
                                 FakeArgument("undeclared")}),
                    {Declared("x", {-1, 3}), Declared("mask", {-1}), Declared("bias", {4})}));
  EXPECT_EQ(rule, (BatchRule{{true, true, false, false}}));
}

TEST(BatchRuleTest, NoRowsNoBatches) {
  EXPECT_THAT(MakeBatchRule(Forward(), {Declared("x", {1, 3})}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("no input of forward is declared with a leading -1"),
                             HasSubstr("leave `batching` out"))));
  EXPECT_FALSE(MakeBatchRule(Forward(), {Declared("x", {})}).ok());
  EXPECT_FALSE(MakeBatchRule(Forward(), {}).ok());
}

TEST(BatchPartTest, EqualButForRowsIsOneBatch) {
  const auto one = PartOf(kRule, Request(FloatTensor({1, 2}, {1, 2})));
  const auto two = PartOf(kRule, Request(FloatTensor({2, 2}, {3, 4, 5, 6})));
  ASSERT_TRUE(one.has_value() && two.has_value());
  EXPECT_EQ(one->key, two->key);
  EXPECT_EQ(one->rows, 1);
  EXPECT_EQ(two->rows, 2);
}

TEST(BatchPartTest, WhatDiffersElsewhereIsAnother) {
  const BatchKey key = PartOf(kRule, Request(FloatTensor({1, 2}, {1, 2})))->key;
  for (const std::vector<Value>& other :
       {Request(FloatTensor({1, 2}, {1, 2}), true), Request(FloatTensor({1, 1}, {1})),
        Request(FloatTensor({1, 2, 1}, {1, 2})), Request(IntTensor({1, 2}, {1, 2}))}) {
    const auto part = PartOf(kRule, other);
    ASSERT_TRUE(part.has_value());
    EXPECT_FALSE(part->key == key);
  }
}

TEST(BatchPartTest, ScalarsOfEachKindAreTold) {
  const BatchRule rule{{true, false}};
  const Tensor x = FloatTensor({1}, {1});
  std::vector<BatchKey> keys;
  for (const Value& other :
       {Value{}, Value{false}, Int(0), Value{0.0}, Value{-0.0}, Str(""), Str("a"), Str("b"),
        Str("a long text, of more than eight bytes"), Str("a long text, of more than 8 bytes")}) {
    const auto part = PartOf(rule, {Value{x}, other});
    ASSERT_TRUE(part.has_value()) << Dump(other);
    for (const BatchKey& key : keys) EXPECT_FALSE(part->key == key) << Dump(other);
    keys.push_back(part->key);
  }
}

TEST(BatchPartTest, WhatCannotBeJoinedRunsAlone) {
  const BatchRule two{{true, true}};
  EXPECT_FALSE(PartOf(kRule, Request(FloatTensor({0, 2}, {}))).has_value()) << "no rows";
  EXPECT_FALSE(PartOf(kRule, Request(FloatTensor({}, {1}))).has_value()) << "no dimensions";
  EXPECT_FALSE(PartOf(kRule, Request(BytesTensor({1, 2}, {"a", "b"}))).has_value()) << "strings";
  EXPECT_FALSE(PartOf(two, {Value{FloatTensor({1}, {1})}, Value{FloatTensor({2}, {1, 2})}}).has_value())
      << "rows that differ";
  EXPECT_FALSE(PartOf(kRule, {Value{FloatTensor({1}, {1})}, ListOf({Int(1)})}).has_value()) << "a list";
  EXPECT_FALSE(PartOf(kRule, {Value{FloatTensor({1}, {1})}, Value{FloatTensor({1}, {1})}}).has_value())
      << "a tensor without rows";
  EXPECT_FALSE(PartOf(kRule, {Value{}, Value{false}}).has_value()) << "nothing has rows";
}

TEST(JoinRowsTest, RowsOfEachInTurnThenCopiesOfTheLast) {
  const std::vector<Value> a = Request(FloatTensor({1, 2}, {1, 2})),
                           b = Request(FloatTensor({2, 2}, {3, 4, 5, 6}));
  const std::vector<Value> joined = JoinRows(kRule, {&a, &b}, /*padding_rows=*/2);
  ASSERT_EQ(joined.size(), 2u);
  EXPECT_EQ(Dump(joined[0]), Dump(Value{FloatTensor({5, 2}, {1, 2, 3, 4, 5, 6, 5, 6, 5, 6})}));
  EXPECT_EQ(Dump(joined[1]), "False");
  EXPECT_NE(joined[0].get_if<Tensor>()->buffer.data, a[0].get_if<Tensor>()->buffer.data);
}

TEST(JoinRowsTest, RowsWithoutElements) {
  const std::vector<Value> a = Request(FloatTensor({1, 0}, {})), b = Request(FloatTensor({2, 0}, {}));
  EXPECT_EQ(Dump(JoinRows(kRule, {&a, &b}, 1)[0]), "FP32[4,0]{}");
}

TEST(SplitRowsTest, TensorsInTuplesAndDictionaries) {
  const Value result = TupleOf(
      {Value{FloatTensor({4, 1}, {1, 2, 3, 4})}, DictOf({{Str("n"), Value{IntTensor({4}, {5, 6, 7, 8})}}})},
      {"logits", "more"});
  ASSERT_OK_AND_ASSIGN(const std::vector<Value> parts, SplitRows(result, {2, 1}, /*total=*/4));
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_EQ(
      Dump(parts[0]),
      Dump(TupleOf({Value{FloatTensor({2, 1}, {1, 2})}, DictOf({{Str("n"), Value{IntTensor({2}, {5, 6})}}})},
                   {"logits", "more"})));
  EXPECT_EQ(Dump(parts[1]),
            Dump(TupleOf({Value{FloatTensor({1, 1}, {3})}, DictOf({{Str("n"), Value{IntTensor({1}, {7})}}})},
                         {"logits", "more"})));
}

TEST(SplitRowsTest, MoreRowsThanThereAreAreRefused) {
  constexpr int64_t kMany = int64_t{1} << 62;
  const Value result{FloatTensor({2, 0}, {})};
  EXPECT_FALSE(SplitRows(result, {1, 2}, 2).ok());
  EXPECT_FALSE(SplitRows(result, {kMany, kMany}, 2).ok());
}

TEST(SplitRowsTest, PartsShareTheBytes) {
  const Value result{FloatTensor({2, 1}, {1, 2})};
  ASSERT_OK_AND_ASSIGN(const std::vector<Value> parts, SplitRows(result, {1, 1}, 2));
  EXPECT_EQ(parts[1].get_if<Tensor>()->buffer.data,
            static_cast<char*>(result.get_if<Tensor>()->buffer.data) + sizeof(float));
}

TEST(SplitRowsTest, WhatIsNotOneRowForEachIsRefused) {
  for (const Value& result : {Value{FloatTensor({1, 2}, {1, 2})}, Value{FloatTensor({}, {1})},
                              ListOf({Value{FloatTensor({2}, {1, 2})}}), Int(2), Str("ab"),
                              TupleOf({Value{FloatTensor({2}, {1, 2})}, Int(1)}), Value{}}) {
    EXPECT_THAT(SplitRows(result, {1, 1}, 2),
                StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("not one row for each of 2 rows")))
        << Dump(result);
  }
}

}  // namespace
}  // namespace modeld
