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
  EXPECT_EQ(
      RenderModels(response, {}),
      "MODEL   LIVE  STATE  VERSIONS                      NOTE\n"
      "digits  1.0   ready  3 (1 quarantined, 1 retired)  1.2 quarantined; pinned to 1.0: worse on sevens\n"
      "new     -     -      1                             1 loading\n"
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
        version: "1.1" state: VERSION_STATE_READY size_bytes: 45002746 resident_bytes: 61500000 sha256: "aaaaaaaaaaaaaaaa"
        registered_at { seconds: 1700000000 } warnings: "unknown key \"mine\""
      }
      versions { version: "1.0" state: VERSION_STATE_AVAILABLE }
    })");
  EXPECT_EQ(
      RenderVersions(response, {}),
      "   VERSION  STATE        LABELS    SIZE     MEMORY   REGISTERED                 SHA256        NOTE\n"
      "   1.2      quarantined  -         999 B    -        2023-11-14T22:13:20+00:00  0123456789ab  no "
      "method "
      "forward\n"
      "*  1.1      ready        live      45.0 MB  61.5 MB  2023-11-14T22:13:20+00:00  aaaaaaaaaaaa  "
      "warning: unknown "
      "key \"mine\"\n"
      "   1.0      available    previous  0 B      -\n");
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
  EXPECT_EQ(RenderEvents(response, {.of_one_model = true, .evidence = false}, {}),
            "TIME                       ACTOR         ACTION      VERSION     REASON\n"
            "2023-11-14T22:13:20+00:00  alice (sudo)  rollback    1.1 -> 1.0  worse\n"
            "2023-11-14T22:13:20+00:00  daemon        registered  1.1\n");
  EXPECT_THAT(RenderEvents(response, {}, {}), HasSubstr("ACTION      MODEL   VERSION"));
  EXPECT_EQ(RenderEvents({}, {}, {}), "no events\n");
}

TEST(RenderTest, EvidenceStandsBelowItsEvent) {
  v1::ListEventsResponse response;
  v1::Event* const event = response.add_events();
  event->set_action("auto_rollback");
  event->set_evidence(R"({"error_ratio": 0.25, "sample": "golden/0"})");
  response.add_events()->set_action("registered");
  EXPECT_EQ(RenderEvents(response, {.of_one_model = true, .evidence = true}, {}),
            "TIME  ACTOR  ACTION         VERSION  REASON\n"
            "             auto_rollback  -\n"
            "    {\n"
            "      \"error_ratio\": 0.25,\n"
            "      \"sample\": \"golden/0\"\n"
            "    }\n"
            "             registered     -\n");
  EXPECT_THAT(RenderEvents(response, {.of_one_model = true, .evidence = false}, {}), Not(HasSubstr("0.25")));
}

TEST(RenderTest, EvidenceThatIsNoJsonCannotSteerATerminal) {
  v1::Event event;
  event.set_action("auto_rollback");
  event.set_evidence("\x1b[2J");
  EXPECT_THAT(RenderEventLine(event, {.of_one_model = true, .evidence = true}, {}), Not(HasSubstr("\x1b")));
}

TEST(RenderTest, EventLinesHaveColumnsOfTheirOwn) {
  const auto event = Parse<v1::Event>(R"(
    time { seconds: 1700000000 } actor: "ann" action: "published" model: "digits" version: "1.1"
    from_version: "1.0" to_version: "1.1" reason: "highest good version")");
  EXPECT_EQ(
      RenderEventLine(event, {}, {}),
      "2023-11-14T22:13:20+00:00  ann           published     digits            1.0 -> 1.1        highest "
      "good version\n");
  EXPECT_EQ(
      RenderEventLine(event, {.of_one_model = true, .evidence = false}, {}),
      "2023-11-14T22:13:20+00:00  ann           published     1.0 -> 1.1        highest good version\n");
  EXPECT_THAT(RenderEventLine(event, {}, {.color = true, .zone = absl::UTCTimeZone()}),
              HasSubstr("\x1b[32mpublished\x1b[0m     digits"));
}

TEST(RenderTest, SecondsAndShares) {
  const struct {
    double seconds;
    const char* text;
  } kCases[] = {{0, "0.00 µs"},      {0.0000012, "1.20 µs"}, {0.00123, "1.23 ms"},
                {0.0456, "45.6 ms"}, {0.789, "789 ms"},      {12.3, "12.3 s"}};
  for (const auto& c : kCases) EXPECT_EQ(FormatSeconds(c.seconds), c.text);
  EXPECT_EQ(FormatShare(0.05), "5 %");
  EXPECT_EQ(FormatShare(0.005), "0.5 %");
  EXPECT_EQ(FormatShare(1), "100 %");
}

constexpr char kTraffic[] = R"(
  name: "digits" live_version: "1.1"
  versions {
    version: "1.2" state: VERSION_STATE_READY
    stats { requests: 10 errors: 2 latency_p50_seconds: 0.001 latency_p99_seconds: 0.002 }
  }
  versions { version: "1.1" state: VERSION_STATE_READY stats {} }
  labels { key: "live" value: "1.1" } labels { key: "canary" value: "1.2" } labels { key: "mine" value: "1.2" }
  traffic {
    canary_version: "1.2" canary_share: 0.05 shadow_version: "1.3" shadow_share: 1
    shadow { compared: 1000 agreed: 997 failed: 1 skipped: 2 live_seconds: 0.001 shadow_seconds: 0.002
             last_difference: "logits[0, 3]: 0.5, live has 0.75" }
  }
  watch { version: "1.1" previous_version: "1.0" ends_at { seconds: 1700000000 } })";

TEST(RenderTest, TrafficWatchAndCountsOfAModel) {
  v1::GetModelResponse response;
  *response.mutable_model() = Parse<v1::Model>(kTraffic);
  const std::string text = RenderVersions(response, {});
  EXPECT_THAT(text, HasSubstr("canary,mine"));
  EXPECT_THAT(
      text,
      HasSubstr("\ncanary 1.2: 5 % of the unnamed requests\n"
                "shadow 1.3: copies of 100 % of the unnamed requests; agreed on 99.7 % of 1000; 2.00 ms "
                "where live takes 1.00 ms; failed on 1; 2 left out; last difference: logits[0, 3]: 0.5, "
                "live has 0.75\n"
                "watch over 1.1 until 2023-11-14T22:13:20+00:00; back to 1.0 if it fails\n"
                "\nSince they were loaded:\n"
                "VERSION  REQUESTS  ERRORS  NAN  P50      P99\n"
                "1.2      10        2       0    1.00 ms  2.00 ms\n"));
}

TEST(RenderTest, TrafficAndWatchInTheListOfModels) {
  v1::ListModelsResponse response;
  *response.add_models() = Parse<v1::Model>(kTraffic);
  EXPECT_THAT(RenderModels(response, {}),
              HasSubstr("canary 1.2 5 %; shadow 1.3 100 %, agreed on 99.7 % of 1000; watched\n"));
}

TEST(RenderTest, Probe) {
  const auto response = Parse<v1::GetVersionResponse>(R"(
    model: "digits" version { version: "1.1" }
    probe {
      outcome: PROBE_OUTCOME_WRONG_OUTPUT reason: "golden sample differs" hint: "retrain" stage: "comparing"
      last_words: "one\n\033[2J two\n" warnings: "slow" unconfined: "network: unshare: not permitted"
      load_seconds: 0.5 resident_bytes: 1000000 wall_seconds: 2 engine: "libtorch 2.13.0"
      latencies { batch_size: 1 seconds: 0.001 calls: 5 stable: true }
      latencies { batch_size: 8 seconds: 0.004 calls: 50 }
      golden { sample: "golden/0" passed: true max_absolute: 1e-5 }
      golden { sample: "golden/1" detail: "logits[0, 3] is 1, expected 2" max_absolute: 1 max_relative: 0.5 }
      methods { name: "forward" inputs { name: "x" type: "Tensor" dtype: "FP32" shape: -1 shape: 4 }
                outputs { name: "logits" type: "Tensor" } }
    })");
  const std::string text = RenderProbe(response, {});
  for (const char* part :
       {"digits 1.1: wrong_output\n", "reason          golden sample differs\n", "hint            retrain\n",
        "while           comparing\n", "memory          1.00 MB\n", "warning         slow\n",
        "not applied     network: unshare: not permitted\n",
        "method          forward(x: Tensor FP32 [-1, 4]) -> (logits: Tensor)\n",
        "8           4.00 ms  50     was still changing\n", "golden/1       failed  1",
        "logits[0, 3] is 1, expected 2\n", "\nLast words:\n    one\n"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  const auto never = Parse<v1::GetVersionResponse>(R"(model: "digits" version { version: "1.1" })");
  EXPECT_EQ(RenderProbe(never, {}), "digits 1.1 was never probed\n");
}

TEST(RenderTest, Plans) {
  const auto response = Parse<v1::GetVersionResponse>(R"(
    model: "digits" version { version: "1.1" }
    probe {
      outcome: PROBE_OUTCOME_PASSED engine: "libtorch 2.13.0" machine: "EPYC" cpus: 2
      plans { engine: "libtorch" name: "libtorch" load_seconds: 0.5 resident_bytes: 1000000
              latencies { batch_size: 1 seconds: 0.004 } latencies { batch_size: 8 seconds: 0.020 } }
      plans { engine: "libtorch" variant: "frozen" name: "libtorch frozen" chosen: true load_seconds: 0.5 resident_bytes: 2000000
              latencies { batch_size: 1 seconds: 0.002 } max_absolute: 1e-6 max_relative: 0.001
              thread_latencies { threads: 1 seconds: 0.002 } thread_latencies { threads: 2 seconds: 0.0012 } threads: 2 }
      plans { engine: "libtorch" variant: "frozen" precision: "bf16" name: "libtorch frozen bf16" refused: "beyond tolerance\n on it" }
    })");
  const std::string text = RenderPlans(response, {});
  EXPECT_THAT(text, HasSubstr(" on one thread of EPYC, 2 CPUs, with libtorch 2.13.0\n"));
  EXPECT_THAT(text, HasSubstr("libtorch              1: 4.00 ms, 8: 20.0 ms  1.00 MB"));
  EXPECT_THAT(text, HasSubstr("libtorch frozen       1: 2.00 ms "));
  EXPECT_THAT(text, HasSubstr("1e-06         0.001         chosen\n"));
  EXPECT_THAT(text, ::testing::ContainsRegex("libtorch frozen bf16  -  .* -  +-  +\"beyond"))
      << "no difference of 0";
  EXPECT_THAT(text, HasSubstr("\"beyond tolerance\\n on it\"\n"));
  EXPECT_THAT(text, HasSubstr("\nlibtorch frozen by threads of a run: 1: 2.00 ms, 2: 1.20 ms; it takes 2\n"));
  EXPECT_THAT(RenderProbe(response, {}), HasSubstr("libtorch frozen bf16"));
  EXPECT_THAT(text, Not(HasSubstr("It runs as"))) << "it is not in memory";

  v1::GetVersionResponse in_memory = response;
  in_memory.mutable_version()->set_plan("libtorch frozen on 2 threads");
  EXPECT_THAT(RenderPlans(in_memory, {}), Not(HasSubstr("It runs as")));
  in_memory.mutable_version()->set_plan("libtorch");
  EXPECT_THAT(RenderPlans(in_memory, {}),
              HasSubstr("\nIt runs as libtorch now; by the chosen plan from when"));

  v1::GetVersionResponse as_saved = response;
  as_saved.mutable_probe()->clear_plans();
  EXPECT_THAT(RenderPlans(as_saved, {}), HasSubstr("as it was saved only; other plans are tried behind"));
  as_saved.mutable_probe()->set_no_plans("no inputs");
  EXPECT_EQ(RenderPlans(as_saved, {}), "digits 1.1 was probed as it was saved only: no inputs\n");
  as_saved.mutable_probe()->set_outcome(v1::PROBE_OUTCOME_RAISED);
  EXPECT_EQ(RenderPlans(as_saved, {}), "digits 1.1 did not pass its probe; see `modelctl probe`\n");
  as_saved.clear_probe();
  EXPECT_EQ(RenderPlans(as_saved, {}), "digits 1.1 was never probed\n");
}

TEST(RenderTest, Fates) {
  const auto fate = [](const char* text) {
    return RenderFate("digits", Parse<v1::WaitVersionResponse>(text));
  };
  EXPECT_EQ(fate(R"(fate: VERSION_FATE_LIVE version { version: "1.1" })"), "digits 1.1 is live\n");
  EXPECT_EQ(fate(R"(fate: VERSION_FATE_REFUSED version { version: "1.1" } reason: "quarantined: NaN")"),
            "digits 1.1 is refused: quarantined: NaN\n");
  EXPECT_EQ(fate(R"(fate: VERSION_FATE_READY version { version: "1.1" } reason: "live is pinned to 1.0")"),
            "digits 1.1 is kept from live: live is pinned to 1.0\n");
  EXPECT_EQ(fate(R"(fate: VERSION_FATE_LIVE version { version: "1.1" warnings: "not tried: no inputs" })"),
            "digits 1.1 is live\nwarning: not tried: no inputs\n");
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
