#include "registry/model_config.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

auto IsRefused(const std::string& part) {
  return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(part));
}

TEST(ParseModelConfigTest, TheSmallest) {
  ASSERT_OK_AND_ASSIGN(const ParsedConfig parsed, ParseModelConfig(R"({"version": "1.0"})"));
  EXPECT_EQ(parsed.config.version(), "1.0");
  EXPECT_EQ(parsed.canonical_json, R"({"version":"1.0"})");
  EXPECT_THAT(parsed.warnings, IsEmpty());
  EXPECT_OK(ParseModelConfig("{}"));
}

TEST(ParseModelConfigTest, EverythingThatThisBuildSupports) {
  ASSERT_OK_AND_ASSIGN(const ParsedConfig parsed, ParseModelConfig(R"({
    "name": "digits", "version": "1.1", "description": "handwritten digits",
    "inputs":  [{"name": "x", "dtype": "FP32", "shape": [-1, 1, 8, 8]}, {"name": "flag"}],
    "outputs": [{"name": "logits", "dtype": "FP32", "shape": [-1, 10]}],
    "execution": {"engine": "auto", "precisions": ["fp32"], "device": "cpu"},
    "warmup": {"batch_sizes": [1, 16, 64]},
    "metadata": {"trained_on": "scikit-learn digits", "nested": [1, 2.5, null, {"a": true}]}
  })"));
  const v1::ModelConfig& config = parsed.config;
  EXPECT_EQ(config.name(), "digits");
  EXPECT_EQ(config.description(), "handwritten digits");
  ASSERT_EQ(config.inputs_size(), 2);
  EXPECT_EQ(config.inputs(0).dtype(), "FP32");
  EXPECT_THAT(config.inputs(0).shape(), ElementsAre(-1, 1, 8, 8));
  EXPECT_EQ(config.outputs(0).name(), "logits");
  EXPECT_EQ(config.execution().engine(), "auto");
  EXPECT_THAT(config.warmup().batch_sizes(), ElementsAre(1, 16, 64));
  EXPECT_EQ(config.metadata().fields().at("trained_on").string_value(), "scikit-learn digits");
  EXPECT_THAT(parsed.warnings, IsEmpty());
}

TEST(ParseModelConfigTest, CanonicalJsonDoesNotDependOnFormatting) {
  ASSERT_OK_AND_ASSIGN(const ParsedConfig a,
                       ParseModelConfig("{\"version\":\"1\",\n \"name\" : \"x\", \"mine\": [1, 2]}"));
  ASSERT_OK_AND_ASSIGN(const ParsedConfig b,
                       ParseModelConfig(R"({"mine":[1,2],"name":"x","version":"\u0031"})"));
  EXPECT_EQ(a.canonical_json, b.canonical_json);
  EXPECT_EQ(a.canonical_json, R"({"mine":[1,2],"name":"x","version":"1"})");
}

TEST(ParseModelConfigTest, UnknownTopLevelKeysAreKeptWithAWarning) {
  constexpr char kJson[] = R"({"verison": "1.0", "trained_on": {"any": ["thing", 1]}})";
  ASSERT_OK_AND_ASSIGN(const ParsedConfig parsed, ParseModelConfig(kJson));
  EXPECT_THAT(parsed.warnings,
              ElementsAre("config.json: unknown key \"trained_on\"",
                          "config.json: unknown key \"verison\" (did you mean \"version\"?)"));
  EXPECT_EQ(parsed.canonical_json, R"({"trained_on":{"any":["thing",1]},"verison":"1.0"})");
  EXPECT_THAT(ParseModelConfig(R"({"verison": "1.0"})", {.strict = true}),
              IsRefused("did you mean \"version\"?"));
}

TEST(ParseModelConfigTest, UnknownKeysWithoutNumberDoNotFillTheLists) {
  std::string json = "{";
  for (int i = 0; i < 1000; ++i) absl::StrAppend(&json, "\"key", i, "\": 0, ");
  ASSERT_OK_AND_ASSIGN(const ParsedConfig parsed, ParseModelConfig(json + "\"version\": \"1\"}"));
  EXPECT_EQ(parsed.warnings.size(), 21);
  EXPECT_EQ(parsed.warnings.back(), "config.json: and 980 more unknown keys");
}

TEST(ParseModelConfigTest, WhatFollowsANulByteIsNotLeftOutInSilence) {
  using std::string_literals::operator""s;
  EXPECT_THAT(ParseModelConfig("{\"version\": \"1\"}\0{\"version\": \"2\"}"s), IsRefused("byte 16 is NUL"));
}

std::string Ones(int count) {
  std::string ones = "1";
  for (int i = 1; i < count; ++i) ones += ", 1";
  return ones;
}

// A warm-up with 100,000 dimensions took minutes, in which no other version was loaded.
TEST(ParseModelConfigTest, AShapeOfManyDimensionsDoesNotBlockTheLoadingOfAll) {
  const auto with_shape = [](int dimensions) {
    return absl::StrCat(R"({"inputs": [{"name": "x", "dtype": "FP32", "shape": [)", Ones(dimensions), "]}]}");
  };
  EXPECT_OK(ParseModelConfig(with_shape(64)));
  EXPECT_THAT(ParseModelConfig(with_shape(65)),
              IsRefused("field \"inputs[0].shape\": 65 dimensions; at most 64"));
}

TEST(ParseModelConfigTest, ListsAndTextsHaveLimits) {
  EXPECT_THAT(ParseModelConfig(absl::StrCat(R"({"warmup": {"batch_sizes": [)", Ones(65), "]}}")),
              IsRefused("field \"warmup.batch_sizes\": 65 sizes; at most 64"));
  EXPECT_THAT(ParseModelConfig(absl::StrCat(R"({"description": ")", std::string(16385, 'x'), "\"}")),
              IsRefused("field \"description\": 16385 bytes; at most 16384"));
}

TEST(ParseModelConfigTest, KeysInCamelCaseAreUnknown) {
  EXPECT_THAT(ParseModelConfig(R"({"warmup": {"batchSizes": [1]}})"),
              IsRefused("unknown key \"warmup.batchSizes\" (did you mean \"batch_sizes\"?)"));
}

struct Case {
  std::string json;
  std::string message;
};

void ExpectRefused(const std::vector<Case>& cases) {
  for (const Case& c : cases) EXPECT_THAT(ParseModelConfig(c.json), IsRefused(c.message)) << c.json;
}

TEST(ParseModelConfigTest, MalformedJsonIsRefusedWithItsPlace) {
  ExpectRefused({
      {"", "config.json: line 1, column 1: syntax error"},
      {"{\"version\": \"1.0\",\n \"name\": }", "line 2, column 10: syntax error"},
      {"{\"version\": \"1.0\"} x", "line 1, column 20: syntax error"},
      {"{\"version\": '1.0'}", "line 1, column 13: syntax error"},
      {"{\"version\": \"1.0\",}", "line 1, column 19: syntax error"},
      {"{\"version\": \"1.0\" // comment\n}", "line 1, column 19: syntax error"},
      {"{\"a\": NaN}", "line 1, column 7: syntax error"},
      {"{\"a\": 1e999}", "number overflow"},
      {"{\"version\": \"\xff\"}", "ill-formed UTF-8"},
      {"{\"\xc3\": 1}", "ill-formed UTF-8"},
      {"{\"version\": \"1", "missing closing quote"},
      {std::string("{\"a\":\0}", 7), "byte 5 is NUL"},
  });
}

TEST(ParseModelConfigTest, TheMessageOfInvalidUtf8IsValidUtf8) {
  const absl::Status status = ParseModelConfig("{\"version\": \"\xff\xfe\"}").status();
  EXPECT_TRUE(std::all_of(status.message().begin(), status.message().end(), [](char c) { return c > 0; }));
}

TEST(ParseModelConfigTest, TheTopMustBeAnObject) {
  ExpectRefused({
      {"[]", "expected an object, as {\"version\": \"1.0\"}, got an array"},
      {"null", "got null"},
      {"\"1.0\"", "got the string \"1.0\""},
      {"1", "got the number 1"},
  });
}

TEST(ParseModelConfigTest, DuplicateKeysAreRefused) {
  ExpectRefused({
      {R"({"version": "1", "version": "2"})", "key \"version\" is there twice"},
      {R"({"mine": [0, {"a": 1, "a": 1}]})", "key \"mine[1].a\" is there twice"},
      {R"({"a": 1, "\u0061": 1})", "key \"a\" is there twice"},
  });
  EXPECT_OK(ParseModelConfig(R"({"metadata": {"a": {"b": 1}, "b": {"a": 1}}})"));
}

TEST(ParseModelConfigTest, DepthIsLimited) {
  const auto nested = [](int levels) {
    return absl::StrCat("{\"metadata\": {\"a\":", std::string(levels - 2, '['), std::string(levels - 2, ']'),
                        "}}");
  };
  EXPECT_OK(ParseModelConfig(nested(24)));
  EXPECT_THAT(ParseModelConfig(nested(25)), IsRefused("nested deeper than 24 levels"));
  EXPECT_THAT(ParseModelConfig(std::string(1'000'000, '[')), IsRefused("nested deeper than 24 levels"));
}

TEST(ParseModelConfigTest, TheDeepestMetadataSurvivesTheWire) {
  std::string json = "1";
  for (int level = 0; level < 23; ++level) json = absl::StrCat("{\"a\":", json, "}");
  ASSERT_OK_AND_ASSIGN(const ParsedConfig parsed,
                       ParseModelConfig(absl::StrCat("{\"metadata\":", json, "}")));
  v1::ModelConfig copy;
  EXPECT_TRUE(copy.ParseFromString(parsed.config.SerializeAsString()));
}

TEST(ParseModelConfigTest, WrongTypesNameTheFieldAndBothTypes) {
  ExpectRefused({
      {R"({"version": 1.0})",
       "config.json: field \"version\": expected a string, got the number 1.0; write \"1.0\""},
      {R"({"version": 1.10})", "got the number 1.10; write \"1.10\""},
      {R"({"version": 3})", "got the number 3; write \"3\""},
      {R"({"version": null})", "field \"version\": expected a string, got null; leave the key out"},
      {R"({"name": ["x"]})", "field \"name\": expected a string, got an array"},
      {R"({"description": {}})", "field \"description\": expected a string, got an object"},
      {R"({"description": true})", "field \"description\": expected a string, got true"},
      {R"({"inputs": {}})", "field \"inputs\": expected an array, got an object"},
      {R"({"inputs": null})", "field \"inputs\": expected an array, got null"},
      {R"({"inputs": ["x"]})", "field \"inputs[0]\": expected an object, got the string \"x\""},
      {R"({"inputs": [{"name": "x", "shape": "[1]"}]})", "field \"inputs[0].shape\": expected an array"},
      {R"({"inputs": [{"name": "x", "shape": [1, "2"]}]})",
       "field \"inputs[0].shape[1]\": expected an integer of 64 bits, got the string \"2\""},
      {R"({"inputs": [{"name": "x", "shape": [1.5]}]})", "got the number 1.5"},
      {R"({"inputs": [{"name": "x", "shape": [18446744073709551615]}]})", "expected an integer of 64 bits"},
      {R"({"inputs": [{"name": "x", "shape": [1e30]}]})", "expected an integer of 64 bits"},
      {R"({"execution": []})", "field \"execution\": expected an object, got an array"},
      {R"({"execution": {"engine": 1}})", "field \"execution.engine\": expected a string"},
      {R"({"execution": {"precisions": "fp32"}})", "field \"execution.precisions\": expected an array"},
      {R"({"warmup": {"batch_sizes": 1}})",
       "field \"warmup.batch_sizes\": expected an array, got the number 1"},
      {R"({"warmup": {"batch_sizes": [2147483648]}})",
       "field \"warmup.batch_sizes[0]\": expected an integer of 32 bits, got the number 2147483648"},
      {R"({"metadata": "text"})", "field \"metadata\": expected an object"},
  });
}

TEST(ParseModelConfigTest, UnknownKeysInsideASectionAreRefused) {
  ExpectRefused({
      {R"({"inputs": [{"name": "x"}, {"nmae": "y"}]})",
       "unknown key \"inputs[1].nmae\" (did you mean \"name\"?)"},
      {R"({"execution": {"enginee": "auto"}})",
       "unknown key \"execution.enginee\" (did you mean \"engine\"?)"},
      {R"({"warmup": {"something": 1}})", "unknown key \"warmup.something\""},
      {R"({"warmup": {"line\nbreak": 1}})", R"(unknown key)"},
  });
}

TEST(ParseModelConfigTest, ImpossibleValues) {
  ExpectRefused({
      {R"({"inputs": [{"dtype": "FP32"}]})", "field \"inputs[0].name\": missing"},
      {R"({"inputs": [{"name": "x"}, {"name": "x"}]})", "field \"inputs[1].name\": \"x\" is declared twice"},
      {R"({"outputs": [{"name": "y"}, {"name": "y"}]})",
       "field \"outputs[1].name\": \"y\" is declared twice"},
      {R"({"inputs": [{"name": "x", "dtype": "FP23"}]})",
       "field \"inputs[0].dtype\": unknown dtype \"FP23\" (did you mean \"FP32\"?); expected one of BOOL,"},
      {R"({"inputs": [{"name": "x", "dtype": "fp32"}]})", "did you mean \"FP32\"?"},
      {R"({"inputs": [{"name": "x", "dtype": "torch.float32"}]})", "did you mean \"FP32\"?"},
      {R"({"inputs": [{"name": "x", "dtype": "long"}]})", "did you mean \"INT64\"?"},
      {R"({"inputs": [{"name": "x", "shape": [-1, -2]}]})",
       "field \"inputs[0].shape[1]\": expected a size of at least 0, or -1 for any size, got -2"},
      {R"({"inputs": [{"name": "x", "shape": [4294967296, 4294967296]}]})", "overflows"},
      {R"({"inputs": [{"name": "x", "shape": [-9223372036854775808]}]})", "field \"inputs[0].shape[0]\""},
      {R"({"warmup": {"batch_sizes": [1, 0]}})",
       "field \"warmup.batch_sizes[1]\": expected at least 1, got 0"},
      {R"({"name": "No Name"})", "config.json: field \"name\": "},
      {R"({"name": ""})", "config.json: field \"name\": "},
      {R"({"version": ""})", "config.json: field \"version\": "},
      {R"({"version": "1 0"})", "config.json: field \"version\": "},
      {R"({"version": "1\u00000"})", "config.json: field \"version\": "},
  });
}

TEST(ParseModelConfigTest, GoldenSamplesToleranceAndGuardAreTaken) {
  const absl::StatusOr<ParsedConfig> parsed = ParseModelConfig(
      R"({"golden": ["golden/0", "golden/1"], "execution": {"tolerance": {"rtol": 0, "atol": 0.5}},
          "guard": {"watch_seconds": 0, "max_error_ratio": 0, "max_latency_ratio": 1.5, "min_requests": 1,
                    "allow_nan": true}})");
  ASSERT_OK(parsed);
  EXPECT_EQ(parsed->config.golden_size(), 2);
  EXPECT_TRUE(parsed->config.execution().tolerance().has_rtol());
  EXPECT_EQ(parsed->config.execution().tolerance().atol(), 0.5);
  EXPECT_TRUE(parsed->config.guard().has_watch_seconds());
  EXPECT_TRUE(parsed->config.guard().has_max_error_ratio());
}

TEST(ParseModelConfigTest, ImpossibleGoldenSamplesTolerancesAndGuardsAreRefused) {
  ExpectRefused({
      {R"({"golden": [""]})", "field \"golden[0]\": expected the name of an entry"},
      {R"({"golden": ["golden/0", "golden/0"]})", "field \"golden[1]\": \"golden/0\" is named twice"},
      {R"({"execution": {"tolerance": {"rtol": -1}}})",
       "field \"execution.tolerance.rtol\": expected at least 0, got -1"},
      {R"({"execution": {"tolerance": {"atol": "tight"}}})", "field \"execution.tolerance.atol\""},
      {R"({"guard": {"watch_seconds": -1}})", "field \"guard.watch_seconds\": expected at least 0, got -1"},
      {R"({"guard": {"watch_seconds": 99999999}})", "field \"guard.watch_seconds\": expected at most"},
      {R"({"guard": {"max_error_ratio": 2}})", "field \"guard.max_error_ratio\""},
      {R"({"guard": {"max_latency_ratio": 0.5}})", "field \"guard.max_latency_ratio\": expected at least 1"},
      {R"({"guard": {"min_requests": 0}})", "field \"guard.min_requests\": expected at least 1, got 0"},
  });
}

TEST(ParseModelConfigTest, BatchingAndInstances) {
  const auto parsed = ParseModelConfig(R"({
    "version": "1",
    "batching": {"max_batch_size": 64, "max_queue_delay_us": 500, "preferred_batch_sizes": [32, 16],
                 "pad_to_preferred": true},
    "execution": {"instances": 2, "threads_per_instance": 3}})");
  ASSERT_OK(parsed);
  EXPECT_EQ(parsed->config.batching().max_batch_size(), 64);
  EXPECT_EQ(parsed->config.batching().max_queue_delay_us(), 500);
  EXPECT_TRUE(parsed->config.batching().pad_to_preferred());
  EXPECT_EQ(parsed->config.execution().instances(), 2);
  EXPECT_EQ(parsed->config.execution().threads_per_instance(), 3);
  EXPECT_OK(ParseModelConfig(R"({"version": "1", "batching": {}})"));
}

TEST(ParseModelConfigTest, ImpossibleBatchingAndInstancesAreRefused) {
  ExpectRefused({
      {R"({"batching": {"max_batch_size": -1}})",
       "field \"batching.max_batch_size\": expected 0 to 65536, got -1"},
      {R"({"batching": {"max_batch_size": 65537}})", "field \"batching.max_batch_size\""},
      {R"({"batching": {"max_queue_delay_us": -1}})", "field \"batching.max_queue_delay_us\": expected 0 to"},
      {R"({"batching": {"max_batch_size": 8, "preferred_batch_sizes": [4, 16]}})",
       "field \"batching.preferred_batch_sizes[1]\": expected 1 to 8, got 16"},
      {R"({"batching": {"max_batch_size": 8, "pad_to_preferred": true}})",
       "field \"batching.pad_to_preferred\": there are no preferred_batch_sizes"},
      {R"({"batching": {"max_batch": 8}})",
       "unknown key \"batching.max_batch\" (did you mean \"max_batch_size\"?)"},
      {R"({"execution": {"instances": -1}})", "field \"execution.instances\": expected 0 to 4096, got -1"},
      {R"({"execution": {"threads_per_instance": 9999}})", "field \"execution.threads_per_instance\""},
  });
}

TEST(ParseModelConfigTest, ChoicesThatAreNotBuiltAreRefusedByName) {
  ExpectRefused({
      {R"({"execution": {"objective": "speed"}})",
       "field \"execution.objective\": \"speed\" is not supported by this build"},
      {R"({"execution": {"device": "gpu"}})",
       "field \"execution.device\": expected \"cpu\" or, of the GPU that CUDA counts as N, \"cuda:N\", got "
       "\"gpu\""},
      {R"({"execution": {"device": "cuda:-1"}})", "got \"cuda:-1\""},
      {R"({"execution": {"device": "cuda:"}})", "got \"cuda:\""},
      {R"({"execution": {"device": "cuda:100"}})", "got \"cuda:100\""},
      {R"({"execution": {"engine": "tensorrt"}})",
       "field \"execution.engine\": \"tensorrt\" is not supported by this build; expected \"auto\" or "
       "\"libtorch\" or \"openvino\" or \"onnxruntime\""},
      {R"({"execution": {"precisions": ["bf16", "int8"]}})",
       "field \"execution.precisions[1]\": \"int8\" is not supported by this build"},
  });
}

TEST(IsKnownDtypeTest, NamesAreExact) {
  for (const char* name : {"BOOL", "INT8", "UINT64", "FP16", "BF16", "FP32", "FP64", "BYTES", "COMPLEX128"}) {
    EXPECT_TRUE(IsKnownDtype(name)) << name;
  }
  for (const char* name : {"", "fp32", "FLOAT", "FP32 "}) EXPECT_FALSE(IsKnownDtype(name)) << name;
}

}  // namespace
}  // namespace modeld
