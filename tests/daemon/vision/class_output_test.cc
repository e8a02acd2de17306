#include "daemon/vision/class_output.h"

#include <cmath>
#include <limits>

#include "daemon/codec/half.h"
#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::HasSubstr;

template <typename T>
Tensor MakeTensor(DType dtype, std::vector<int64_t> shape, const std::vector<T>& elements) {
  Tensor tensor;
  tensor.dtype = dtype;
  tensor.shape = std::move(shape);
  tensor.buffer = Buffer::FromString(
      std::string(reinterpret_cast<const char*>(elements.data()), elements.size() * sizeof(T)));
  return tensor;
}
Tensor Floats(std::vector<int64_t> shape, const std::vector<float>& elements) {
  return MakeTensor(DType::kFp32, std::move(shape), elements);
}
std::vector<float> ElementsOf(const Tensor& tensor) {
  const auto* const data = static_cast<const float*>(tensor.buffer.data);
  return {data, data + tensor.buffer.size / sizeof(float)};
}

v1::PostprocessConfig Rule(bool softmax, bool sigmoid, int top_k = 0) {
  v1::PostprocessConfig rule;
  rule.set_softmax(softmax);
  rule.set_sigmoid(sigmoid);
  rule.set_top_k(top_k);
  return rule;
}

// "seven:7=0.5", of each.
std::string Text(const Value& value) {
  if (const List* list = value.get_if<List>()) {
    std::string text = "[";
    for (const Value& item : list->items) text += Text(item) + " ";
    if (text.size() > 1) text.pop_back();
    return text + "]";
  }
  std::string label, index, number;
  for (const auto& [key, item] : value.get_if<Dict>()->entries) {
    const std::string& name = *key.get_if<std::string>();
    if (name == "label") label = *item.get_if<std::string>();
    if (name == "index") index = std::to_string(*item.get_if<int64_t>());
    if (name == "probability" || name == "score") {
      char text[32];
      snprintf(text, sizeof(text), "%s%.3g", name == "score" ? "score " : "", *item.get_if<double>());
      number = text;
    }
  }
  return label + ":" + index + "=" + number;
}

TEST(ActivateTest, SoftmaxIsOverTheLastDimension) {
  ASSERT_OK_AND_ASSIGN(const Tensor tensor,
                       Activate(Rule(true, false), Floats({2, 2}, {0, 0, 1000, 1000 + std::log(3.0f)})));
  EXPECT_THAT(tensor.shape, ElementsAre(2, 2));
  EXPECT_THAT(ElementsOf(tensor), ElementsAre(0.5, 0.5, FloatNear(0.25, 1e-4), FloatNear(0.75, 1e-4)));
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  ASSERT_OK_AND_ASSIGN(const Tensor nan, Activate(Rule(true, false), Floats({2}, {1, kNan})));
  EXPECT_TRUE(std::isnan(ElementsOf(nan)[0]) && std::isnan(ElementsOf(nan)[1]));
  EXPECT_OK(Activate(Rule(true, false), Floats({0, 3}, {})));
  EXPECT_OK(Activate(Rule(true, false), Floats({3, 0}, {})));
}

TEST(ActivateTest, Sigmoid) {
  ASSERT_OK_AND_ASSIGN(const Tensor tensor,
                       Activate(Rule(false, true), Floats({3}, {0, -1000, std::log(3.0f)})));
  EXPECT_THAT(ElementsOf(tensor), ElementsAre(0.5, 0, FloatNear(0.75, 1e-6)));
}

TEST(ActivateTest, EveryFloatingPointType) {
  const Tensor before = Floats({1}, {2});
  EXPECT_EQ(Activate(Rule(false, false), before)->buffer.data, before.buffer.data);
  ASSERT_OK_AND_ASSIGN(const Tensor fp64,
                       Activate(Rule(true, false), MakeTensor<double>(DType::kFp64, {2}, {1, 1})));
  EXPECT_EQ(fp64.dtype, DType::kFp64);
  EXPECT_EQ(*static_cast<const double*>(fp64.buffer.data), 0.5);
  ASSERT_OK_AND_ASSIGN(
      const Tensor half,
      Activate(Rule(true, false), MakeTensor<uint16_t>(DType::kFp16, {2}, {FloatToHalf(1), FloatToHalf(1)})));
  EXPECT_THAT(ElementsOf(half), ElementsAre(0.5, 0.5));
  EXPECT_THAT(Activate(Rule(true, false), MakeTensor<int64_t>(DType::kInt64, {1}, {1})),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("got INT64[1]")));
  EXPECT_THAT(Activate(Rule(true, false), Floats({}, {1})),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("")));
}

TEST(TopClassesTest, HighestFirstAndTheEarlierOfEqualOnes) {
  const std::vector<std::string> labels = {"zero", "one", "two"};
  const Tensor row = Floats({1, 4}, {0.125, 0.5, 0.125, 0.25});
  EXPECT_EQ(Text(*TopClasses(Rule(true, false, 3), row, labels, true)), "[one:1=0.5 :3=0.25 zero:0=0.125]");
  EXPECT_EQ(Text(*TopClasses(Rule(true, false, 1), row, labels, false)), "[[one:1=0.5]]");
  EXPECT_EQ(Text(*TopClasses(Rule(false, false, 9), Floats({2}, {-1, 5}), {}, false)),
            "[:1=score 5 :0=score -1]");
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(Text(*TopClasses(Rule(true, false, 2), Floats({3}, {kNan, 0, 1}), labels, false)),
            "[two:2=1 one:1=0]");
}

TEST(TopClassesTest, ListsAreNestedAsTheDimensions) {
  const Tensor tensor = Floats({2, 1, 2}, {0, 1, 1, 0});
  EXPECT_EQ(Text(*TopClasses(Rule(false, false, 1), tensor, {}, true)), "[[[:1=score 1]] [[:0=score 1]]]");
  EXPECT_EQ(Text(*TopClasses(Rule(false, false, 1), Floats({0, 2}, {}), {}, true)), "[]");
  EXPECT_EQ(Text(*TopClasses(Rule(false, false, 1), Floats({2, 0}, {}), {}, false)), "[[] []]");
  EXPECT_THAT(TopClasses(Rule(false, false, 1), Floats({200'001, 1}, std::vector<float>(200'001)), {}, false),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("send smaller batches")));
}

}  // namespace
}  // namespace modeld
