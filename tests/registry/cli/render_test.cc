#include "registry/cli/render.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <string>

namespace modeld {
namespace {

using testing::HasSubstr;
using testing::Not;

template <typename Message>
Message Parse(const std::string& text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

TEST(RenderTest, Bytes) {
  const struct {
    uint64_t bytes;
    const char* text;
  } kCases[] = {{0, "0 B"},          {999, "999 B"},       {1000, "1.00 kB"},
                {9994, "9.99 kB"},   {9996, "10.0 kB"},    {45'002'746, "45.0 MB"},
                {999'400, "999 kB"}, {999'600, "1.00 MB"}, {5'000'000'000'000'000, "5000 TB"}};
  for (const auto& c : kCases) EXPECT_EQ(FormatBytes(c.bytes), c.text);
}

TEST(RenderTest, TimesAreLocalToTheSecond) {
  google::protobuf::Timestamp time;
  EXPECT_EQ(FormatTimestamp(time, absl::UTCTimeZone()), "");
  time.set_seconds(1'700'000'000);
  time.set_nanos(999'999'999);
  EXPECT_EQ(FormatTimestamp(time, absl::FixedTimeZone(3600)), "2023-11-14T23:13:20+01:00");
}

TEST(RenderTest, Models) {
  const auto response = Parse<v1::ListModelsResponse>(R"(
    models {
      name: "digits" live_version: "1.0" pinned_version: "1.0" pin_reason: "worse on sevens"
      versions { version: "1.2" state: VERSION_STATE_QUARANTINED }
      versions { version: "1.1" state: VERSION_STATE_RETIRED }
      versions { version: "1.0" state: VERSION_STATE_READY }
    }
    models { name: "new" versions { version: "1" state: VERSION_STATE_LOADING } }
    dropped_files {
      path: "broken.pt" state: DROPPED_FILE_STATE_QUARANTINED reason: "truncated" since { seconds: 1700000000 }
    })");
  EXPECT_EQ(RenderModels(response, {}),
            "MODEL   LIVE  STATE  VERSIONS                      NOTE\n"
            "digits  1.0   ready  3 (1 quarantined, 1 retired)  pinned to 1.0: worse on sevens\n"
            "new     -     -      1\n"
            "\n"
            "In the drop directory, not registered:\n"
            "FILE       STATE        SINCE                      REASON\n"
            "broken.pt  quarantined  2023-11-14T22:13:20+00:00  truncated\n");
}

TEST(RenderTest, NoModelsAndAnUnreadableDropDirectory) {
  const auto response = Parse<v1::ListModelsResponse>(R"(source_error: "cannot list: not mounted")");
  EXPECT_EQ(RenderModels(response, {}), "drop directory: cannot list: not mounted\n\nno models\n");
}

TEST(RenderTest, VersionsMarkTheLiveOne) {
  const auto response = Parse<v1::GetModelResponse>(R"(
    model {
      name: "digits" live_version: "1.1"
      labels { key: "live" value: "1.1" } labels { key: "previous" value: "1.0" }
      versions {
        version: "1.2" state: VERSION_STATE_QUARANTINED reason: "no method forward" size_bytes: 999
        sha256: "0123456789abcdef" registered_at { seconds: 1700000000 }
      }
      versions {
        version: "1.1" state: VERSION_STATE_READY size_bytes: 45002746 sha256: "aaaaaaaaaaaaaaaa"
        registered_at { seconds: 1700000000 } warnings: "unknown key \"mine\""
      }
      versions { version: "1.0" state: VERSION_STATE_AVAILABLE }
    })");
  EXPECT_EQ(
      RenderVersions(response, {}),
      "   VERSION  STATE        LABELS    SIZE     REGISTERED                 SHA256        NOTE\n"
      "   1.2      quarantined  -         999 B    2023-11-14T22:13:20+00:00  0123456789ab  no method "
      "forward\n"
      "*  1.1      ready        live      45.0 MB  2023-11-14T22:13:20+00:00  aaaaaaaaaaaa  warning: unknown "
      "key \"mine\"\n"
      "   1.0      available    previous  0 B\n");
}

TEST(RenderTest, Events) {
  const auto response = Parse<v1::ListEventsResponse>(R"pb(
    events {
      id: 2
      time { seconds: 1700000000 }
      actor: "alice (sudo)"
      action: "rollback"
      model: "digits"
      version: "1.0"
      from_version: "1.1"
      to_version: "1.0"
      reason: "worse"
    }
    events {
      id: 1
      time { seconds: 1700000000 }
      actor: "daemon"
      action: "registered"
      model: "digits"
      version: "1.1"
    })pb");
  EXPECT_EQ(RenderEvents(response, /*of_one_model=*/true, {}),
            "TIME                       ACTOR         ACTION      VERSION     REASON\n"
            "2023-11-14T22:13:20+00:00  alice (sudo)  rollback    1.1 -> 1.0  worse\n"
            "2023-11-14T22:13:20+00:00  daemon        registered  1.1\n");
  EXPECT_THAT(RenderEvents(response, /*of_one_model=*/false, {}), HasSubstr("ACTION      MODEL   VERSION"));
  EXPECT_EQ(RenderEvents({}, false, {}), "no events\n");
}

TEST(RenderTest, Changes) {
  EXPECT_EQ(RenderChange(Parse<v1::LiveChange>(
                R"(model: "digits" from_version: "1.1" to_version: "1.0" pinned_version: "1.0")")),
            "digits: live 1.1 -> 1.0, pinned to 1.0\n");
  EXPECT_EQ(RenderChange(Parse<v1::LiveChange>(R"(model: "digits" from_version: "1.1" to_version: "1.1")")),
            "digits: live stays 1.1, not pinned\n");
  EXPECT_EQ(RenderChange(Parse<v1::LiveChange>(R"(model: "digits" to_version: "1.1")")),
            "digits: live none -> 1.1, not pinned\n");
}

TEST(RenderTest, Status) {
  const auto response = Parse<v1::GetStatusResponse>(R"(
    version: "0.1.0" process_id: 42 ready: true models: 1 versions: 3 ready_versions: 2
    addresses: "127.0.0.1:8500" engines: "libtorch 2.13.0" source_error: "not mounted")");
  const std::string text = RenderStatus(response, {});
  EXPECT_THAT(text, HasSubstr("modeld 0.1.0, process 42, ready\n"));
  EXPECT_THAT(text, HasSubstr("listening on          127.0.0.1:8500\n"));
  EXPECT_THAT(text, HasSubstr("versions              3 (2 ready, 0 quarantined)\n"));
  EXPECT_THAT(text, HasSubstr("trouble               not mounted\n"));
  EXPECT_THAT(RenderStatus({}, {}), HasSubstr("not running"));
}

TEST(RenderTest, Prediction) {
  const auto response = Parse<v1::PredictResponse>(R"(
    model: "digits" version: "1.1"
    outputs { key: "logits" value { tensor { dtype: "FP32" shape: 1 shape: 2 float_values: 0.5 float_values: 1 } } }
    outputs { key: "label" value { int_value: 7 } })");
  EXPECT_EQ(RenderPrediction(response, {}),
            "digits 1.1\n"
            "OUTPUT  TYPE  SHAPE   VALUE\n"
            "label   int           7\n"
            "logits  FP32  [1, 2]  [[0.5, 1]]\n");
}

TEST(RenderTest, ColorsOnlyWhereAsked) {
  const auto response = Parse<v1::ListModelsResponse>(
      R"(models { name: "a" live_version: "1" versions { version: "1" state: VERSION_STATE_READY } })");
  EXPECT_THAT(RenderModels(response, {.color = true, .zone = absl::UTCTimeZone()}),
              HasSubstr("\x1b[32mready"));
  EXPECT_THAT(RenderModels(response, {}), Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace modeld
