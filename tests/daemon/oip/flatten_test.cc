#include "daemon/oip/flatten.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "messages.h"
#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// "name FP32[1,2]", of each.
std::vector<std::string> Flattened(const std::string& text) {
  auto value = Parsed<v1::Value>(text);
  std::vector<NamedTensor> tensors;
  EXPECT_OK(Flatten("out", value, &tensors));
  std::vector<std::string> all;
  for (const auto& [name, tensor] : tensors) {
    std::string summary = name + " " + tensor.dtype() + "[";
    for (int i = 0; i < tensor.shape_size(); ++i) {
      summary += (i > 0 ? "," : "") + std::to_string(tensor.shape(i));
    }
    all.push_back(summary + "] " + std::to_string(tensor.raw().size()));
  }
  return all;
}

TEST(FlattenTest, ATensorStaysWhatItIs) {
  EXPECT_THAT(Flattened(R"(tensor { dtype: "FP32" shape: 2 raw: "12345678" })"),
              ElementsAre("out FP32[2] 8"));
}

TEST(FlattenTest, ScalarsAreTensorsOfOneElement) {
  EXPECT_THAT(Flattened("bool_value: true"), ElementsAre("out BOOL[1] 1"));
  EXPECT_THAT(Flattened("int_value: 7"), ElementsAre("out INT64[1] 8"));
  EXPECT_THAT(Flattened("float_value: 0.5"), ElementsAre("out FP64[1] 8"));
  EXPECT_THAT(Flattened(R"(string_value: "abc")"), ElementsAre("out BYTES[1] 7"));
  EXPECT_THAT(Flattened("none {}"), IsEmpty());
}

TEST(FlattenTest, ListsOfScalarsHaveOneDimension) {
  EXPECT_THAT(Flattened("list { items { int_value: 7 } items { int_value: 8 } }"),
              ElementsAre("out INT64[2] 16"));
  EXPECT_THAT(Flattened(R"(tuple { items { string_value: "a" } items { string_value: "" } })"),
              ElementsAre("out BYTES[2] 9"));
  EXPECT_THAT(Flattened("list { items { int_value: 7 } items { float_value: 8 } }"),
              ElementsAre("out.0 INT64[1] 8", "out.1 FP64[1] 8"));
  EXPECT_THAT(Flattened("list {}"), IsEmpty());
}

TEST(FlattenTest, OtherItemsAreOutputsOfTheirOwn) {
  EXPECT_THAT(Flattened(R"(list { items { tensor { dtype: "FP32" shape: 1 raw: "1234" } }
                                  items { dict { entries { key { string_value: "cat" } value { int_value: 1 } }
                                                 entries { key { int_value: 3 } value { int_value: 2 } } } } })"),
              ElementsAre("out.0 FP32[1] 4", "out.1.cat INT64[1] 8", "out.1.3 INT64[1] 8"));
  EXPECT_THAT(Flattened(R"(tuple { names: "boxes" names: "scores"
                                   items { tensor { dtype: "FP32" shape: 1 raw: "1234" } }
                                   items { tensor { dtype: "FP64" shape: 1 raw: "12345678" } } })"),
              ElementsAre("out.boxes FP32[1] 4", "out.scores FP64[1] 8"));
}

TEST(FlattenTest, ComplexNumbersHaveNoDtype) {
  std::vector<NamedTensor> tensors;
  for (const char* const text : {"complex_value { real: 1 }", R"(tensor { dtype: "COMPLEX64" })",
                                 R"(list { items { tensor { dtype: "COMPLEX128" } } })"}) {
    auto value = Parsed<v1::Value>(text);
    EXPECT_THAT(Flatten("out", value, &tensors),
                StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("is complex")))
        << text;
  }
}

}  // namespace
}  // namespace modeld
