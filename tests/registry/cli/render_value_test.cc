#include "registry/cli/render_value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <string>
#include <vector>

#include "clients/cpp/tensor.h"
#include "registry/cli/unpack.h"

namespace modeld {
namespace {

using testing::ElementsAre;

std::vector<std::string> Lines(v1::Value value) {
  EXPECT_TRUE(UnpackTensors(value).ok());
  std::vector<std::string> lines;
  for (const ValueLine& line : DescribeValue("out", value)) {
    lines.push_back(line.path + " " + line.type + line.shape + " " + line.text);
  }
  return lines;
}

v1::Value Counting(const std::vector<int64_t>& shape) {
  int64_t count = 1;
  for (const int64_t dimension : shape) count *= dimension;
  std::vector<int64_t> elements(static_cast<size_t>(count));
  std::iota(elements.begin(), elements.end(), 0);
  return MakeTensor<int64_t>(shape, elements);
}

TEST(RenderValueTest, Tensors) {
  EXPECT_THAT(Lines(MakeTensor<float>({2, 2}, {1, 2.5, -0.25, 1e10f})),
              ElementsAre("out FP32[2, 2] [[1, 2.5], [-0.25, 1e+10]]"));
  EXPECT_THAT(Lines(MakeTensor<int64_t>({}, {3})), ElementsAre("out INT64[] 3"));
  EXPECT_THAT(Lines(MakeTensor<bool>({1}, {true})), ElementsAre("out BOOL[1] [true]"));
  EXPECT_THAT(Lines(MakeTensor<std::complex<float>>({1}, {{1, -2}})), ElementsAre("out COMPLEX64[1] [1-2j]"));
  EXPECT_THAT(Lines(MakeBytesTensor({1}, {std::string("a\n")})), ElementsAre("out BYTES[1] [\"a\\n\"]"));
  EXPECT_THAT(Lines(MakeTensor<float>({2, 0}, {})), ElementsAre("out FP32[2, 0] [[], []]"));
}

TEST(RenderValueTest, LongTensorsAreShortenedAtTheirMiddle) {
  EXPECT_THAT(
      Lines(Counting({20})),
      ElementsAre("out INT64[20] [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]"));
  EXPECT_THAT(Lines(Counting({21})), ElementsAre("out INT64[21] [0, 1, 2, ..., 18, 19, 20]"));
  EXPECT_THAT(Lines(Counting({10, 10})),
              ElementsAre("out INT64[10, 10] [[0, 1, ..., 8, 9], [10, 11, ..., 18, 19], ..., "
                          "[80, 81, ..., 88, 89], [90, 91, ..., 98, 99]]"));
  EXPECT_THAT(Lines(Counting({1, 100})), ElementsAre("out INT64[1, 100] [[0, 1, 2, ..., 97, 98, 99]]"));
  EXPECT_THAT(Lines(Counting({3, 3, 3})),
              ElementsAre("out INT64[3, 3, 3] [[[0, ..., 2], ..., [6, ..., 8]], ..., "
                          "[[18, ..., 20], ..., [24, ..., 26]]]"));
}

TEST(RenderValueTest, EveryScalarAndEmptyContainer) {
  v1::Value value;
  v1::ListValue* list = value.mutable_list();
  list->add_items()->set_bool_value(true);
  list->add_items()->set_int_value(-1);
  list->add_items()->set_float_value(0.5);
  list->add_items()->set_string_value("a\"b");
  list->add_items()->mutable_none();
  list->add_items()->mutable_complex_value()->set_imag(2);
  list->add_items()->mutable_list();
  list->add_items()->mutable_tuple();
  list->add_items()->mutable_dict();
  EXPECT_THAT(Lines(value), ElementsAre("out[0] bool true", "out[1] int -1", "out[2] float 0.5",
                                        "out[3] str \"a\\\"b\"", "out[4] None None", "out[5] complex 0+2j",
                                        "out[6] list []", "out[7] tuple ()", "out[8] dict {}"));
}

TEST(RenderValueTest, PathsLeadToTheParts) {
  v1::Value value;
  v1::Value* detection = value.mutable_list()->add_items();
  v1::DictEntry* entry = detection->mutable_dict()->add_entries();
  entry->mutable_key()->set_string_value("boxes");
  *entry->mutable_value() = MakeTensor<float>({1}, {1});
  entry = detection->mutable_dict()->add_entries();
  entry->mutable_key()->set_int_value(7);
  v1::TupleValue* tuple = entry->mutable_value()->mutable_tuple();
  tuple->add_names("x");
  tuple->add_items()->set_int_value(3);
  EXPECT_THAT(Lines(value), ElementsAre("out[0][\"boxes\"] FP32[1] [1]", "out[0][7].x int 3"));
}

TEST(RenderValueTest, AClassIsOneLine) {
  v1::Value value;
  const auto add = [&](const std::string& label, int64_t index, double number, const char* key) {
    v1::DictValue* dict = value.mutable_list()->add_items()->mutable_dict();
    if (!label.empty()) {
      v1::DictEntry* entry = dict->add_entries();
      entry->mutable_key()->set_string_value("label");
      entry->mutable_value()->set_string_value(label);
    }
    v1::DictEntry* entry = dict->add_entries();
    entry->mutable_key()->set_string_value("index");
    entry->mutable_value()->set_int_value(index);
    entry = dict->add_entries();
    entry->mutable_key()->set_string_value(key);
    entry->mutable_value()->set_float_value(number);
  };
  add("seven", 7, 0.98, "probability");
  add("", 3, -1.5, "score");
  add("seven", 7, 0.98, "other");
  EXPECT_THAT(Lines(value), ElementsAre("out[0] class \"seven\" (7): 0.98", "out[1] class 3: -1.5",
                                        "out[2][\"label\"] str \"seven\"", "out[2][\"index\"] int 7",
                                        "out[2][\"other\"] float 0.98"));
}

}  // namespace
}  // namespace modeld
