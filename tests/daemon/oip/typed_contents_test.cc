#include "daemon/oip/typed_contents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "messages.h"

namespace modeld {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

inference::InferTensorContents Typed(const std::string& datatype, const std::string& raw) {
  inference::InferTensorContents contents;
  SetTypedContents(datatype, raw, &contents);
  return contents;
}

TEST(TypedContentsTest, EachDtypeHasItsField) {
  EXPECT_THAT(Typed("BOOL", std::string("\0\1", 2)).bool_contents(), ElementsAre(false, true));
  EXPECT_THAT(Typed("INT8", RawOf<int8_t>({-1, 2})).int_contents(), ElementsAre(-1, 2));
  EXPECT_THAT(Typed("INT16", RawOf<int16_t>({-300})).int_contents(), ElementsAre(-300));
  EXPECT_THAT(Typed("INT32", RawOf<int32_t>({-70000})).int_contents(), ElementsAre(-70000));
  EXPECT_THAT(Typed("INT64", RawOf<int64_t>({-1})).int64_contents(), ElementsAre(-1));
  EXPECT_THAT(Typed("UINT8", RawOf<uint8_t>({255})).uint_contents(), ElementsAre(255));
  EXPECT_THAT(Typed("UINT16", RawOf<uint16_t>({65535})).uint_contents(), ElementsAre(65535));
  EXPECT_THAT(Typed("UINT32", RawOf<uint32_t>({4294967295})).uint_contents(), ElementsAre(4294967295));
  EXPECT_THAT(Typed("UINT64", RawOf<uint64_t>({~uint64_t{0}})).uint64_contents(), ElementsAre(~uint64_t{0}));
  EXPECT_THAT(Typed("FP32", RawOf<float>({0.5})).fp32_contents(), ElementsAre(0.5f));
  EXPECT_THAT(Typed("FP64", RawOf<double>({0.1})).fp64_contents(), ElementsAre(0.1));
  EXPECT_THAT(Typed("BYTES", std::string("\2\0\0\0ab\0\0\0\0", 10)).bytes_contents(), ElementsAre("ab", ""));
  EXPECT_THAT(Typed("FP32", "").fp32_contents(), IsEmpty());
}

TEST(TypedContentsTest, HalvesHaveNone) {
  EXPECT_FALSE(HasTypedContents("FP16"));
  EXPECT_FALSE(HasTypedContents("BF16"));
  EXPECT_TRUE(HasTypedContents("FP32"));
  EXPECT_TRUE(HasTypedContents("BYTES"));
}

}  // namespace
}  // namespace modeld
