#include "registry/cli/version_diff.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace modeld {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

v1::GetVersionResponse Parse(const std::string& text) {
  v1::GetVersionResponse message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

// "changed batching.max_batch_size: 64 -> 32".
std::vector<std::string> Texts(const std::vector<Difference>& differences) {
  std::vector<std::string> texts;
  for (const Difference& each : differences) {
    texts.push_back(absl::StrCat(std::string(ChangeName(each.change())), " ", each.key, ": ",
                                 each.from.dump(), " -> ", each.to.dump()));
  }
  return texts;
}

std::vector<std::string> ConfigDiff(const std::string& from, const std::string& to) {
  v1::GetVersionResponse a, b;
  a.set_config_json(from);
  b.set_config_json(to);
  return Texts(DiffVersions(a, b).config);
}

TEST(FlattenConfigTest, ListsOfPlainValuesStayWhole) {
  std::vector<std::string> texts;
  for (const auto& [path, value] : FlattenConfig(
           R"({"version": "1", "inputs": [{"name": "x", "shape": [-1, 4]}, {"name": "y"}], "golden": [],
               "metadata": {}, "batching": {"max_batch_size": 8}})")) {
    texts.push_back(absl::StrCat(path, "=", value.dump()));
  }
  EXPECT_THAT(texts,
              ElementsAre("batching.max_batch_size=8", "golden=[]", "inputs[0].name=\"x\"",
                          "inputs[0].shape=[-1,4]", "inputs[1].name=\"y\"", "metadata={}", "version=\"1\""));
}

TEST(DiffVersionsTest, ConfigTable) {
  EXPECT_THAT(ConfigDiff("{}", "{}"), IsEmpty());
  EXPECT_THAT(ConfigDiff(R"({"a": 1, "b": {"c": 2}})", R"({"b": {"c": 2}, "a": 1})"), IsEmpty());
  EXPECT_THAT(
      ConfigDiff(R"({"batching": {"max_batch_size": 64}})", R"({"batching": {"max_batch_size": 32}})"),
      ElementsAre("changed batching.max_batch_size: 64 -> 32"));
  EXPECT_THAT(ConfigDiff(R"({"a": 1})", R"({"b": "x"})"),
              ElementsAre("removed a: 1 -> null", "added b: null -> \"x\""));
  EXPECT_THAT(ConfigDiff(R"({"a": [1, 2]})", R"({"a": [2, 1]})"), ElementsAre("changed a: [1,2] -> [2,1]"));
  EXPECT_THAT(ConfigDiff(R"({"a": {"b": 1}})", R"({"a": 1})"),
              ElementsAre("removed a.b: 1 -> null", "added a: null -> 1"));
  EXPECT_THAT(ConfigDiff(R"({"inputs": [{"name": "x"}]})", R"({"inputs": [{"name": "x"}, {"name": "y"}]})"),
              ElementsAre("added inputs[1].name: null -> \"y\""));
  EXPECT_THAT(ConfigDiff("{}", R"({"a": 1})"), ElementsAre("added a: null -> 1"));
  EXPECT_THAT(ConfigDiff("no json", "{}"), ElementsAre("removed : \"no json\" -> null"));
}

constexpr char kOld[] = R"(
  model: "digits"
  version { version: "1.0" size_bytes: 1000000 sha256: "aaaaaaaaaaaaaaaaaaaa" format: "torchscript"
            state: VERSION_STATE_READY }
  config_json: "{\"version\": \"1.0\", \"description\": \"first\"}"
  probe {
    outcome: PROBE_OUTCOME_PASSED resident_bytes: 2000000 load_seconds: 0.5 engine: "libtorch 2.13.0"
    methods { name: "forward" inputs { name: "x" type: "Tensor" dtype: "FP32" }
              outputs { name: "logits" type: "Tensor" } }
    golden { sample: "golden/0" passed: true max_absolute: 0.001 }
    latencies { batch_size: 1 seconds: 0.001 }
    latencies { batch_size: 8 seconds: 0.004 }
  })";
constexpr char kNew[] = R"(
  model: "digits"
  version { version: "1.1" size_bytes: 1500000 sha256: "bbbbbbbbbbbbbbbbbbbb" format: "torchscript"
            state: VERSION_STATE_QUARANTINED }
  config_json: "{\"version\": \"1.1\"}"
  probe {
    outcome: PROBE_OUTCOME_WRONG_OUTPUT resident_bytes: 3000000 load_seconds: 0.5 engine: "libtorch 2.13.0"
    methods { name: "forward" inputs { name: "x" type: "Tensor" dtype: "BF16" optional: true }
              inputs { name: "y" type: "int" } outputs { name: "logits" type: "Tensor" } }
    golden { sample: "golden/0" detail: "logits[0] is 1, expected 2" max_absolute: 1 }
    latencies { batch_size: 1 seconds: 0.0011 }
  })";

TEST(DiffVersionsTest, SchemaGoldenAndMeasurements) {
  const VersionDiff diff = DiffVersions(Parse(kOld), Parse(kNew));
  EXPECT_THAT(Texts(diff.schema),
              ElementsAre(R"text(changed forward: "(x) -> (logits)" -> "(x, y) -> (logits)")text",
                          R"text(changed forward(x): "Tensor FP32" -> "Tensor BF16, optional")text",
                          R"text(added forward(y): null -> "int")text"));
  EXPECT_THAT(Texts(diff.latency), ElementsAre("changed 1: 0.001 -> 0.0011", "removed 8: 0.004 -> null"));
  EXPECT_EQ(diff.golden.size(), 1u);
  EXPECT_EQ(diff.golden[0].change(), Change::kChanged);
  EXPECT_THAT(Texts(diff.measured), testing::Contains("same load_seconds: 0.5 -> 0.5"));
}

TEST(DiffVersionsTest, AgainstAVersionThatWasNotProbedNoSchemaIsNew) {
  v1::GetVersionResponse unprobed = Parse(kOld);
  unprobed.clear_probe();
  const VersionDiff diff = DiffVersions(unprobed, Parse(kNew));
  EXPECT_FALSE(diff.from_probed);
  EXPECT_THAT(diff.schema, IsEmpty());
  EXPECT_EQ(diff.latency[0].change(), Change::kAdded);
  EXPECT_THAT(RenderDiff(diff, {}), HasSubstr("SCHEMA: known of versions that were probed"));
}

TEST(RenderDiffTest, ForPeople) {
  EXPECT_EQ(RenderDiff(DiffVersions(Parse(kOld), Parse(kNew)), {}),
            "digits 1.0 -> 1.1\n"
            "\n"
            "   ARTIFACT    1.0           1.1\n"
            "~  size_bytes  1.00 MB       1.50 MB       +50 %\n"
            "~  sha256      aaaaaaaaaaaa  bbbbbbbbbbbb\n"
            "   format      torchscript   torchscript\n"
            "~  state       ready         quarantined\n"
            "\n"
            "   CONFIG       1.0    1.1\n"
            "-  description  first  -\n"
            "~  version      1.0    1.1\n"
            "\n"
            "   SCHEMA      1.0              1.1\n"
            "~  forward     (x) -> (logits)  (x, y) -> (logits)\n"
            "~  forward(x)  Tensor FP32      Tensor BF16, optional\n"
            "+  forward(y)  -                int\n"
            "\n"
            "   MEASURED        1.0              1.1\n"
            "~  outcome         passed           wrong_output\n"
            "~  resident_bytes  2.00 MB          3.00 MB          +50 %\n"
            "   peak_bytes      0 B              0 B\n"
            "   load_seconds    500 ms           500 ms\n"
            "   engine          libtorch 2.13.0  libtorch 2.13.0\n"
            "   machine         -                -\n"
            "\n"
            "   GOLDEN SAMPLE  1.0                   1.1\n"
            "~  golden/0       passed, within 0.001  failed: logits[0] is 1, expected 2\n"
            "\n"
            "   BATCH SIZE  1.0      1.1\n"
            "~  1           1.00 ms  1.10 ms  +10 %\n"
            "-  8           4.00 ms  -\n");
}

TEST(RenderDiffTest, OfAVersionAndItself) {
  const std::string text = RenderDiff(DiffVersions(Parse(kOld), Parse(kOld)), {});
  EXPECT_THAT(text,
              AllOf(HasSubstr("CONFIG: the same\n"), HasSubstr("SCHEMA: the same\n"), Not(HasSubstr("~"))));
}

TEST(RenderDiffTest, ColorsOnlyWhereAsked) {
  const VersionDiff diff = DiffVersions(Parse(kOld), Parse(kNew));
  EXPECT_THAT(RenderDiff(diff, {.color = true, .zone = absl::UTCTimeZone()}), HasSubstr("\x1b[33m"));
  EXPECT_THAT(RenderDiff(diff, {}), Not(HasSubstr("\x1b")));
}

TEST(DiffToJsonTest, ForPrograms) {
  const nlohmann::ordered_json json = DiffToJson(DiffVersions(Parse(kOld), Parse(kNew)));
  EXPECT_EQ(json["from_version"], "1.0");
  EXPECT_EQ(json["config"]["description"],
            (nlohmann::ordered_json{{"change", "removed"}, {"from", "first"}, {"to", nullptr}}));
  EXPECT_EQ(json["measured"]["resident_bytes"]["to"], 3000000);
  EXPECT_EQ(json["golden"]["golden/0"]["to"]["passed"], false);
  EXPECT_EQ(json["latency_seconds"]["8"]["change"], "removed");
}

TEST(DiffTest, WhatADaemonOfAnotherTimeSaysIsNoTrouble) {
  v1::GetVersionResponse odd = Parse(kOld);
  odd.mutable_version()->set_state(static_cast<v1::VersionState>(99));
  odd.mutable_version()->set_size_bytes(-5);
  odd.mutable_probe()->set_outcome(static_cast<v1::ProbeOutcome>(99));
  odd.mutable_probe()->set_resident_bytes(-1);
  EXPECT_THAT(RenderDiff(DiffVersions(odd, Parse(kNew)), {}), HasSubstr("digits 1.0 -> 1.1"));
}

}  // namespace
}  // namespace modeld
