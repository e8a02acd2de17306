#include "daemon/engine/deep_copy.h"

#include <gmock/gmock.h>

#include "tests/support/values.h"

namespace modeld {
namespace {

Value Nested(Tensor tensor) {
  return ListOf({TupleOf({Value{tensor}, Str("text")}, {"a", "b"}), DictOf({{Str("key"), Value{tensor}}}),
                 Value{BytesTensor({1}, {"bytes"})}, Int(1), Value{}});
}

TEST(DeepCopyTest, IsTheSameButSharesNoBytes) {
  Tensor tensor = FloatTensor({2}, {1, 2});
  const Value original = Nested(tensor);
  const std::string before = Dump(original);
  const Value copy = DeepCopy(original);
  EXPECT_EQ(Dump(copy), before);
  static_cast<float*>(tensor.buffer.data)[0] = 9;
  EXPECT_NE(Dump(original), before) << "the original shares the tensor's bytes";
  EXPECT_EQ(Dump(copy), before);
}

TEST(DeepCopyTest, DoesNotKeepTheOriginalsBytesAlive) {
  Tensor full = FloatTensor({2}, {1, 2});
  Tensor empty{DType::kFp32, {0}, {}, {}};
  empty.buffer.owner = full.buffer.owner;
  const std::weak_ptr<void> owner = full.buffer.owner;
  const Value copy = DeepCopy(ListOf({Value{std::move(full)}, Value{std::move(empty)}}));
  EXPECT_TRUE(owner.expired());
  EXPECT_EQ(Dump(copy), "[FP32[2]{0000803f00000040}, FP32[0]{}]");
}

TEST(DeepCopyTest, SizeCountsBytesAndNodes) {
  EXPECT_EQ(CopySize(Int(1)), sizeof(Value));
  EXPECT_EQ(CopySize(Value{FloatTensor({100}, std::vector<float>(100))}), sizeof(Value) + 400);
  EXPECT_EQ(CopySize(ListOf({Int(1), Str("four")})), 3 * sizeof(Value) + 4);
  EXPECT_GE(CopySize(Value{BytesTensor({2}, {"a", std::string(1000, 'b')})}), 1001u);
  EXPECT_EQ(CopySize(DictOf({{Str("k"), TupleOf({Int(1)})}})), 4 * sizeof(Value) + 1);
}

}  // namespace
}  // namespace modeld
