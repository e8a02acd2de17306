#include "daemon/predict/request_hash.h"

#include <gmock/gmock.h>

#include <functional>
#include <set>
#include <string>

#include "daemon/lifecycle/stable_hash.h"

namespace modeld {
namespace {

v1::PredictRequest WithTensor(const std::string& raw, const std::string& name = "x") {
  v1::PredictRequest request;
  v1::Tensor& tensor = *(*request.mutable_inputs())[name].mutable_tensor();
  tensor.set_dtype("UINT8");
  tensor.add_shape(static_cast<int64_t>(raw.size()));
  tensor.set_raw(raw);
  return request;
}

v1::PredictRequest WithValue(const std::function<void(v1::Value&)>& set) {
  v1::PredictRequest request;
  set((*request.mutable_inputs())["x"]);
  return request;
}

TEST(RequestHashTest, TheStickyKeyAloneDecidesWhereThereIsOne) {
  v1::PredictRequest one = WithTensor("abc");
  v1::PredictRequest other = WithTensor("xyz");
  one.set_sticky_key("user-7");
  other.set_sticky_key("user-7");
  EXPECT_EQ(RequestHash(one), RequestHash(other));
  EXPECT_EQ(RequestHash(one), StableHash().Add("user-7").Finish())
      << "a change would move users at an upgrade";
  other.set_sticky_key("user-8");
  EXPECT_NE(RequestHash(one), RequestHash(other));
}

TEST(RequestHashTest, ContentIsTheInputsNotModelOrMethod) {
  v1::PredictRequest one = WithTensor("abc");
  one.set_model("digits");
  v1::PredictRequest other = WithTensor("abc");
  other.set_model("faces");
  other.set_method("embed");
  EXPECT_EQ(RequestHash(one), RequestHash(other));
}

TEST(RequestHashTest, InputsHaveNoOrder) {
  v1::PredictRequest forth;
  v1::PredictRequest back;
  for (int i = 0; i < 20; ++i) (*forth.mutable_inputs())["x" + std::to_string(i)].set_int_value(i);
  for (int i = 19; i >= 0; --i) (*back.mutable_inputs())["x" + std::to_string(i)].set_int_value(i);
  EXPECT_EQ(RequestHash(forth), RequestHash(back));
}

TEST(RequestHashTest, EveryPartOfTheContentCounts) {
  std::set<uint64_t> hashes;
  const v1::PredictRequest requests[] = {
      v1::PredictRequest(),
      WithTensor(""),
      WithTensor("abc"),
      WithTensor("abd"),
      WithTensor("abc", "y"),
      WithValue([](v1::Value& value) { value.set_int_value(1); }),
      WithValue([](v1::Value& value) { value.set_int_value(2); }),
      WithValue([](v1::Value& value) { value.set_float_value(1); }),
      WithValue([](v1::Value& value) { value.set_bool_value(true); }),
      WithValue([](v1::Value& value) { value.set_string_value("abc"); }),
      WithValue([](v1::Value& value) { value.mutable_none(); }),
      WithValue([](v1::Value& value) { value.mutable_complex_value()->set_imag(1); }),
      WithValue([](v1::Value& value) { value.mutable_complex_value()->set_real(1); }),
      WithValue([](v1::Value& value) { value.mutable_list()->add_items()->set_int_value(1); }),
      WithValue([](v1::Value& value) { value.mutable_tuple()->add_items()->set_int_value(1); }),
      WithValue(
          [](v1::Value& value) { value.mutable_dict()->add_entries()->mutable_key()->set_int_value(1); }),
      WithValue(
          [](v1::Value& value) { value.mutable_dict()->add_entries()->mutable_value()->set_int_value(1); }),
      WithValue([](v1::Value& value) { value.mutable_tensor()->add_float_values(1); }),
      WithValue([](v1::Value& value) { value.mutable_tensor()->add_double_values(1); }),
      WithValue([](v1::Value& value) { value.mutable_tensor()->add_bytes_values("1"); }),
      WithValue([](v1::Value& value) { value.mutable_tensor()->set_dtype("FP32"); }),
      WithValue([](v1::Value& value) { value.mutable_tensor()->add_shape(1); }),
  };
  for (const v1::PredictRequest& request : requests) hashes.insert(RequestHash(request));
  EXPECT_EQ(hashes.size(), std::size(requests));
}

// A picture with a frame of zeros is told from another one, wherever in it the two differ for a stretch.
TEST(RequestHashTest, LongTensorsAreSampledAllOver) {
  const std::string zeros(1 << 20, '\0');
  const uint64_t hash = RequestHash(WithTensor(zeros));
  EXPECT_EQ(RequestHash(WithTensor(zeros)), hash);
  EXPECT_NE(RequestHash(WithTensor(zeros + '\0')), hash);
  for (size_t at = 0; at + 16'384 <= zeros.size(); at += 10'000) {
    std::string other = zeros;
    other.replace(at, 16'384, 16'384, '\1');
    ASSERT_NE(RequestHash(WithTensor(other)), hash) << at;
  }
  std::string last = zeros;
  last.back() = '\1';
  EXPECT_NE(RequestHash(WithTensor(last)), hash);
}

// Nested lists multiply; the work stays bounded, and the hash the same.
TEST(RequestHashTest, HugeListsAreBounded) {
  const v1::PredictRequest request = WithValue([](v1::Value& value) {
    for (int i = 0; i < 200; ++i) {
      v1::ListValue& list = *value.mutable_list()->add_items()->mutable_list();
      for (int j = 0; j < 200; ++j) list.add_items()->set_int_value(i * j);
    }
  });
  EXPECT_EQ(RequestHash(request), RequestHash(v1::PredictRequest(request)));
}

TEST(RequestHashTest, SimilarRequestsSpread) {
  constexpr int kRequests = 4'000;
  int within = 0;
  for (int i = 0; i < kRequests; ++i) {
    const v1::PredictRequest request = WithValue([i](v1::Value& value) { value.set_int_value(i); });
    within += InShare(RequestHash(request), 0.25) ? 1 : 0;
  }
  EXPECT_NEAR(within, kRequests / 4, 140);  // five standard deviations
}

}  // namespace
}  // namespace modeld
