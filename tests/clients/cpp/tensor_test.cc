#include "clients/cpp/tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// The two ends of a type's range.
template <typename T>
struct Ends {
  static T Low() { return std::numeric_limits<T>::lowest(); }
  static T High() { return std::numeric_limits<T>::max(); }
};
template <typename T>
struct Ends<std::complex<T>> {
  static std::complex<T> Low() { return {Ends<T>::Low(), Ends<T>::High()}; }
  static std::complex<T> High() { return {Ends<T>::High(), Ends<T>::Low()}; }
};

template <typename T>
class TensorElementTest : public testing::Test {};
using ElementTypes = testing::Types<bool, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t,
                                    uint64_t, float, double, std::complex<float>, std::complex<double>>;
TYPED_TEST_SUITE(TensorElementTest, ElementTypes);

TYPED_TEST(TensorElementTest, RoundTrip) {
  const TypeParam low = Ends<TypeParam>::Low();
  const TypeParam high = Ends<TypeParam>::High();
  const v1::Value value = MakeTensor<TypeParam>({2, 1}, {low, high});
  EXPECT_EQ(value.tensor().raw().size(), 2 * sizeof(TypeParam));
  ASSERT_OK_AND_ASSIGN(const TensorView<TypeParam> view, AsTensor<TypeParam>(value));
  EXPECT_THAT(view.shape, ElementsAre(2, 1));
  EXPECT_THAT(view.elements, ElementsAre(low, high));
}

TYPED_TEST(TensorElementTest, OneElementInAShortStringIsViewedAligned) {
  const v1::Value value = MakeTensor<TypeParam>({}, {Ends<TypeParam>::High()});
  ASSERT_OK_AND_ASSIGN(const TensorView<TypeParam> view, AsTensor<TypeParam>(value));
  EXPECT_EQ(reinterpret_cast<uintptr_t>(view.elements.data()) % alignof(TypeParam), 0u);
  EXPECT_THAT(view.elements, ElementsAre(Ends<TypeParam>::High()));
}

TYPED_TEST(TensorElementTest, UnalignedBytesAreCopied) {
  alignas(16) char bytes[2 * sizeof(TypeParam) + 1] = {};
  const TypeParam elements[] = {Ends<TypeParam>::Low(), Ends<TypeParam>::High()};
  std::memcpy(bytes + 1, elements, sizeof(elements));
  const TensorView<TypeParam> view =
      ViewElements<TypeParam>({2}, std::string_view(bytes + 1, sizeof(elements)));
  EXPECT_EQ(reinterpret_cast<uintptr_t>(view.elements.data()) % alignof(TypeParam), 0u);
  EXPECT_EQ(view.copy != nullptr, alignof(TypeParam) > 1);
  EXPECT_THAT(view.elements, ElementsAre(elements[0], elements[1]));
}

TYPED_TEST(TensorElementTest, NoElements) {
  const v1::Value value = MakeTensor<TypeParam>({3, 0}, {});
  ASSERT_OK_AND_ASSIGN(const TensorView<TypeParam> view, AsTensor<TypeParam>(value));
  EXPECT_THAT(view.shape, ElementsAre(3, 0));
  EXPECT_TRUE(view.elements.empty());
}

TEST(TensorTest, BytesAreLittleEndianInRowMajorOrder) {
  const v1::Value value = MakeTensor<int16_t>({2}, {1, 0x0203});
  EXPECT_EQ(value.tensor().dtype(), "INT16");
  EXPECT_EQ(value.tensor().raw(), std::string("\x01\x00\x03\x02", 4));
}

TEST(TensorTest, TakesAVector) {
  const std::vector<float> elements = {1, 2};
  EXPECT_EQ(MakeTensor<float>({2}, elements).tensor().raw().size(), 8u);
}

TEST(TensorTest, ViewPointsIntoTheValue) {
  const v1::Value value = MakeTensor<double>({4}, {1, 2, 3, 4});
  ASSERT_OK_AND_ASSIGN(const TensorView<double> view, AsTensor<double>(value));
  EXPECT_EQ(static_cast<const void*>(view.elements.data()), value.tensor().raw().data());
  EXPECT_EQ(view.copy, nullptr);
}

v1::Value Raw(const std::string& dtype, const std::vector<int64_t>& shape, size_t bytes) {
  v1::Value value;
  value.mutable_tensor()->set_dtype(dtype);
  value.mutable_tensor()->mutable_shape()->Assign(shape.begin(), shape.end());
  value.mutable_tensor()->set_raw(std::string(bytes, '\0'));
  return value;
}

TEST(TensorTest, RefusesWhatDoesNotFit) {
  constexpr int64_t kHuge = int64_t{1} << 62;
  v1::Value scalar;
  scalar.set_int_value(3);
  v1::Value bad_bool = Raw("BOOL", {1}, 1);
  bad_bool.mutable_tensor()->set_raw("\x02");
  EXPECT_THAT(AsTensor<float>(scalar), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("FP32")));
  EXPECT_THAT(AsTensor<bool>(bad_bool),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("neither 0 nor 1")));
  const struct {
    v1::Value value;
    const char* message;
  } kCases[] = {
      {Raw("FP64", {1}, 8), "expected a tensor of FP32, got FP64[1]"},
      {Raw("FP32", {2}, 4), "raw bytes do not fit the shape: FP32[2] with 4 bytes, 4 an element"},
      {Raw("FP32", {1}, 7), "FP32[1] with 7 bytes"},
      {Raw("FP32", {-1}, 4), "FP32[-1]"},
      {Raw("FP32", {kHuge, kHuge, 4}, 0), "do not fit"},
      {Raw("FP32", {kHuge}, 0), "do not fit"},  // times 4 would wrap to 0
  };
  for (const auto& c : kCases) {
    EXPECT_THAT(AsTensor<float>(c.value), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(c.message)));
  }
}

TEST(BytesTensorTest, RoundTrip) {
  const std::vector<std::string> elements = {"", "a", std::string("\0\xff", 2), std::string(300, 'x')};
  const v1::Value value = MakeBytesTensor({2, 2}, elements);
  ASSERT_OK_AND_ASSIGN(const BytesTensorView view, AsBytesTensor(value));
  EXPECT_THAT(view.shape, ElementsAre(2, 2));
  EXPECT_THAT(view.elements, testing::ElementsAreArray(elements));
}

TEST(BytesTensorTest, RefusesDamagedLengths) {
  const std::string kCases[] = {std::string("\1\0\0", 3), std::string("\2\0\0\0a", 5),
                                std::string("\xff\xff\xff\xff", 4)};
  for (const std::string& raw : kCases) {
    v1::Value value = Raw("BYTES", {1}, 0);
    value.mutable_tensor()->set_raw(raw);
    EXPECT_THAT(AsBytesTensor(value), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("element 0")));
  }
  EXPECT_THAT(AsBytesTensor(Raw("BYTES", {2}, 4)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("BYTES[2] holds 1 elements")));
}

TEST(ImageTest, AnImageIsATensorOfBytesWithoutDimensions) {
  const v1::Value one = MakeImage("\x89PNG");
  absl::StatusOr<BytesTensorView> view = AsBytesTensor(one);
  ASSERT_OK(view);
  EXPECT_THAT(view->shape, ElementsAre());
  EXPECT_THAT(view->elements, ElementsAre("\x89PNG"));
  const v1::Value several = MakeImages({"a", "bc"});
  view = AsBytesTensor(several);
  ASSERT_OK(view);
  EXPECT_THAT(view->shape, ElementsAre(2));
  EXPECT_THAT(view->elements, ElementsAre("a", "bc"));

  const std::string path = testing::TempDir() + "/image.png";
  std::ofstream(path) << "bytes";
  ASSERT_OK_AND_ASSIGN(const v1::Value read, ReadImage(path));
  EXPECT_THAT(AsBytesTensor(read)->elements, ElementsAre("bytes"));
  EXPECT_THAT(ReadImage("/no/such.png"), StatusIs(absl::StatusCode::kNotFound, HasSubstr("/no/such.png")));
}

}  // namespace
}  // namespace modeld
