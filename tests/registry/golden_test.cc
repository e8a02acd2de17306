#include "registry/golden.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>

#include "modeld/v1/value.pb.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace modeld {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Code = absl::StatusCode;

TEST(NaturalLessTest, NumbersCountAsNumbers) {
  std::vector<std::string> names = {"golden/10", "golden/2",  "golden/b", "golden/1x2", "golden/1x10",
                                    "golden/a",  "golden/01", "golden/1", "golden"};
  std::sort(names.begin(), names.end(), NaturalLess);
  EXPECT_THAT(names, ElementsAre("golden", "golden/01", "golden/1", "golden/1x2", "golden/1x10", "golden/2",
                                 "golden/10", "golden/a", "golden/b"));
  for (const std::string& name : names) EXPECT_FALSE(NaturalLess(name, name));
  EXPECT_TRUE(NaturalLess("1", "99999999999999999999999999"));
}

TEST(GoldenNamesTest, EveryEntryBelowGolden) {
  EXPECT_THAT(GoldenNames({}, {"config.json", "golden/10", "golden/2", "labels.txt", "goldenrod"}).value(),
              ElementsAre("golden/2", "golden/10"));
  EXPECT_THAT(GoldenNames({}, {"config.json"}).value(), IsEmpty());
}

TEST(GoldenNamesTest, ThoseThatTheConfigNamesInItsOrder) {
  v1::ModelConfig config;
  config.add_golden("golden/2");
  config.add_golden("samples/a");
  EXPECT_THAT(GoldenNames(config, {"golden/1", "golden/2", "samples/a"}).value(),
              ElementsAre("golden/2", "samples/a"));
  EXPECT_THAT(
      GoldenNames(config, {"golden/1", "golden/2"}),
      StatusIs(Code::kInvalidArgument,
               "config.json: field \"golden\" names \"samples/a\", which is not there; golden samples "
               "that are: \"golden/1\", \"golden/2\""));
  EXPECT_THAT(GoldenNames(config, {"golden/2x"}),
              StatusIs(Code::kInvalidArgument, HasSubstr("(did you mean \"golden/2x\"?)")));
  EXPECT_THAT(GoldenNames(config, {}), StatusIs(Code::kInvalidArgument, HasSubstr("no golden samples")));
}

TEST(GoldenNamesTest, AtMostSoMany) {
  std::vector<std::string> names;
  for (int i = 0; i < kMaxGoldenSamples; ++i) names.push_back("golden/" + std::to_string(i));
  EXPECT_OK(GoldenNames({}, names));
  names.push_back("golden/more");
  EXPECT_THAT(GoldenNames({}, names),
              StatusIs(Code::kInvalidArgument, "65 golden samples; at most 64 are allowed"));
}

class ListGoldenFilesTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::vector<GoldenFile>> List() {
    return ListGoldenFiles(*FileSystem::Real(), dir_ / "m.pt");
  }
  const TempDir dir_;
};

TEST_F(ListGoldenFilesTest, InNaturalOrderWithoutWorkInProgress) {
  EXPECT_THAT(List().value(), IsEmpty());
  dir_.Write("m.pt.golden/10", "");
  dir_.Write("m.pt.golden/9", "");
  dir_.Write("m.pt.golden/.hidden", "");
  dir_.Write("m.pt.golden/11.tmp", "");
  EXPECT_THAT(List().value(), ElementsAre(GoldenFile{"golden/9", dir_ / "m.pt.golden/9"},
                                          GoldenFile{"golden/10", dir_ / "m.pt.golden/10"}));
}

TEST_F(ListGoldenFilesTest, WhatIsNoFileIsRefused) {
  std::filesystem::create_directories(dir_ / "m.pt.golden/sub");
  EXPECT_THAT(List(), StatusIs(Code::kInvalidArgument, HasSubstr("\"sub\" in \"m.pt.golden\"")));
}

TEST_F(ListGoldenFilesTest, ANameTooLongForADirectoryHasNone) {
  EXPECT_THAT(ListGoldenFiles(*FileSystem::Real(), dir_ / std::string(250, 'x')).value(), IsEmpty());
}

class CheckGoldenSampleTest : public ::testing::Test {
 protected:
  CheckGoldenSampleTest() { (*sample_.mutable_outputs())["y"].set_int_value(1); }
  absl::Status Check() { return CheckGoldenSample("golden/0", sample_.SerializeAsString()); }
  v1::Tensor& InputTensor() { return *(*sample_.mutable_inputs())["x"].mutable_tensor(); }
  auto IsRefused(const std::string& why) {
    return StatusIs(Code::kInvalidArgument, "golden sample \"golden/0\": " + why);
  }
  v1::GoldenSample sample_;
};

TEST_F(CheckGoldenSampleTest, GoodOnes) {
  EXPECT_OK(Check());
  InputTensor().set_dtype("FP32");
  InputTensor().add_shape(2);
  InputTensor().set_raw(std::string(8, '\0'));
  EXPECT_OK(Check());
  InputTensor().clear_raw();
  InputTensor().add_float_values(1);
  InputTensor().add_float_values(2);
  EXPECT_OK(Check());
  InputTensor().clear_float_values();
  InputTensor().set_dtype("BYTES");
  InputTensor().set_raw("what only the codec checks");
  EXPECT_OK(Check());
}

TEST_F(CheckGoldenSampleTest, BadOnes) {
  EXPECT_THAT(CheckGoldenSample("golden/0", "no protobuf"),
              IsRefused("it is no serialized modeld.v1.GoldenSample; see docs/golden_samples.md"));
  EXPECT_THAT(CheckGoldenSample("golden/0", ""),
              IsRefused("it has no outputs, so that there is nothing to compare"));
  EXPECT_THAT(CheckGoldenSample("golden/0", std::string(kMaxGoldenBytes + 1, ' ')),
              IsRefused("16777217 bytes; at most 16777216 are allowed"));

  (void)(*sample_.mutable_inputs())["x"];
  EXPECT_THAT(Check(), IsRefused("input \"x\": no value is set"));
  InputTensor().set_dtype("FLOAT");
  EXPECT_THAT(Check(), IsRefused("input \"x\": unknown dtype \"FLOAT\""));
  InputTensor().set_dtype("FP32");
  InputTensor().add_shape(3);
  InputTensor().set_raw("1234");
  EXPECT_THAT(Check(), IsRefused("input \"x\": 4 bytes, but its shape takes 12 as FP32"));
  InputTensor().add_float_values(1);
  EXPECT_THAT(Check(), IsRefused("input \"x\": both raw and typed elements"));
  InputTensor().clear_raw();
  EXPECT_THAT(Check(), IsRefused("input \"x\": 1 elements, but its shape holds 3"));
  InputTensor().set_shape(0, -3);
  EXPECT_THAT(Check(), IsRefused("input \"x\": dimension of size -3"));
  InputTensor().set_shape(0, int64_t{1} << 62);
  EXPECT_THAT(Check(), IsRefused("input \"x\": the product of its dimensions overflows"));

  sample_.clear_inputs();
  (*sample_.mutable_outputs())["y"].mutable_list()->add_items();
  EXPECT_THAT(Check(), IsRefused("output \"y\"[0]: no value is set"));
  v1::Value* value = &(*sample_.mutable_outputs())["y"];
  for (int depth = 0; depth < 40; ++depth) value = value->mutable_list()->add_items();
  EXPECT_THAT(Check(), StatusIs(Code::kInvalidArgument, HasSubstr("no value is set")));
}

}  // namespace
}  // namespace modeld
