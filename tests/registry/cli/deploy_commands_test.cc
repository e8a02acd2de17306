// modelctl's push, wait, watch, diff, probe, label, canary and shadow, against a daemon that is fake.
#include "registry/cli/deploy_commands.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "modeld/v1/admin_service.grpc.pb.h"
#include "registry/cli/run.h"
#include "registry/registry.h"
#include "registry/sha256.h"
#include "tests/support/registry_records.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace modeld {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// One call at a time.
class FakeAdmin final : public v1::AdminService::Service {
 public:
  // Of the next push: breaks off after so many bytes, with this answer; what came stays if `keep`.
  size_t break_after = std::string::npos;
  grpc::Status break_with = {grpc::StatusCode::UNAVAILABLE, "the daemon is shutting down"};
  bool keep = true;

  grpc::Status push_answer = grpc::Status::OK;
  std::string there;  // of the upload
  std::vector<v1::PushHeader> headers;
  size_t largest_chunk = 0;
  bool already_registered = false;

  v1::WaitVersionRequest waited;
  v1::WaitVersionResponse fate;
  grpc::Status wait_answer = grpc::Status::OK;

  v1::WatchEventsRequest watched;
  v1::SetLabelRequest label;
  v1::SetCanaryRequest canary;
  v1::SetShadowRequest shadow;

  grpc::Status GetUpload(grpc::ServerContext*, const v1::GetUploadRequest*,
                         v1::GetUploadResponse* response) override {
    response->set_received_bytes(static_cast<int64_t>(there.size()));
    return grpc::Status::OK;
  }

  grpc::Status Push(grpc::ServerContext*, grpc::ServerReader<v1::PushRequest>* reader,
                    v1::PushResponse* response) override {
    v1::PushRequest request;
    reader->Read(&request);
    headers.push_back(request.header());
    if (!push_answer.ok()) return push_answer;
    there.resize(static_cast<size_t>(request.header().offset()));
    while (reader->Read(&request)) {
      largest_chunk = std::max(largest_chunk, request.data().size());
      there += request.data();
      if (there.size() < break_after) continue;
      break_after = std::string::npos;
      if (!keep) there.clear();
      return break_with;
    }
    response->set_model("digits");
    response->set_version("1.1");
    response->set_already_registered(already_registered);
    return grpc::Status::OK;
  }

  grpc::Status WaitVersion(grpc::ServerContext*, const v1::WaitVersionRequest* request,
                           v1::WaitVersionResponse* response) override {
    waited = *request;
    *response = fate;
    return wait_answer;
  }

  grpc::Status WatchEvents(grpc::ServerContext*, const v1::WatchEventsRequest* request,
                           grpc::ServerWriter<v1::WatchEventsResponse>* writer) override {
    watched = *request;
    for (const char* action : {"registered", "published"}) {
      v1::WatchEventsResponse response;
      response.mutable_event()->set_action(action);
      response.mutable_event()->set_model("digits");
      response.mutable_event()->set_evidence("{\"a\": 1}");
      writer->Write(response);
    }
    return grpc::Status::CANCELLED;
  }

  grpc::Status GetVersion(grpc::ServerContext*, const v1::GetVersionRequest* request,
                          v1::GetVersionResponse* response) override {
    if (request->version() == "9") return {grpc::StatusCode::NOT_FOUND, "no version \"9\""};
    response->set_model(request->model());
    response->mutable_version()->set_version(request->version());
    response->set_config_json("{\"version\": \"" + request->version() + "\"}");
    response->mutable_probe()->set_outcome(v1::PROBE_OUTCOME_PASSED);
    return grpc::Status::OK;
  }

  grpc::Status SetLabel(grpc::ServerContext*, const v1::SetLabelRequest* request,
                        v1::SetLabelResponse* response) override {
    label = *request;
    response->set_from_version("1.0");
    return grpc::Status::OK;
  }
  grpc::Status SetCanary(grpc::ServerContext*, const v1::SetCanaryRequest* request,
                         v1::SetCanaryResponse* response) override {
    canary = *request;
    response->mutable_traffic()->set_canary_version(request->version());
    response->mutable_traffic()->set_canary_share(request->share());
    return grpc::Status::OK;
  }
  grpc::Status SetShadow(grpc::ServerContext*, const v1::SetShadowRequest* request,
                         v1::SetShadowResponse* response) override {
    shadow = *request;
    response->mutable_traffic()->set_shadow_version(request->version());
    response->mutable_traffic()->set_shadow_share(request->share());
    return grpc::Status::OK;
  }
};

struct Ran {
  int exit_code;
  std::string out;
  std::string err;
};

class DeployTest : public testing::Test {
 protected:
  DeployTest() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("unix:" + socket_, grpc::InsecureServerCredentials());
    builder.RegisterService(&admin_);
    server_ = builder.BuildAndStart();
    Sha256 hash;
    hash.Update(content_);
    sha256_ = hash.Finish().value();
  }

  Ran Run(const std::vector<std::string>& words) {
    std::vector<const char*> argv = {"modelctl"};
    for (const std::string& word : words) argv.push_back(word.c_str());
    std::ostringstream out, err;
    const Environment environment = {.out = &out,
                                     .err = &err,
                                     .out_is_terminal = false,
                                     .err_is_terminal = terminal_,
                                     .variable = [this](const char* name) -> std::optional<std::string> {
                                       if (name == std::string("MODELD_SOCKET")) return socket_;
                                       return std::nullopt;
                                     },
                                     .actor = [] { return "alice"; },
                                     .clock = Clock::Real(),
                                     .zone = absl::UTCTimeZone,
                                     .completion_timeout = absl::Seconds(60)};
    const int exit_code = RunModelctl(static_cast<int>(argv.size()), argv.data(), environment);
    return {exit_code, out.str(), err.str()};
  }
  void SetFate(v1::VersionFate fate, const std::string& reason = "") {
    admin_.fate.set_fate(fate);
    admin_.fate.set_reason(reason);
    admin_.fate.mutable_version()->set_version("1.1");
  }

  const TempDir directory_;
  const std::string socket_ = directory_ / "admin.sock";
  const std::string content_ = std::string(700'000, 'a') + std::string(700'000, 'b');
  const std::string file_ = directory_.Write("digits.pt", content_);
  std::string sha256_;
  bool terminal_ = false;
  FakeAdmin admin_;
  std::unique_ptr<grpc::Server> server_;
};

TEST_F(DeployTest, PushSendsAllInChunksWithItsHash) {
  const Ran ran = Run({"push", file_});
  EXPECT_EQ(ran.err, "");
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_EQ(ran.out, "digits 1.1 is registered\n");
  EXPECT_TRUE(admin_.there == content_);
  EXPECT_LE(admin_.largest_chunk, size_t{1} << 20);
  ASSERT_EQ(admin_.headers.size(), 1u);
  EXPECT_EQ(admin_.headers[0].path(), "digits.pt");
  EXPECT_EQ(admin_.headers[0].sha256(), sha256_);
  EXPECT_EQ(admin_.headers[0].size_bytes(), 1'400'000);
  EXPECT_EQ(admin_.headers[0].offset(), 0);
  EXPECT_EQ(admin_.headers[0].actor(), "alice");
  EXPECT_EQ(admin_.headers[0].sidecar_config(), "");
}

TEST_F(DeployTest, PushGoesOnWhereAnEarlierOneWas) {
  admin_.there = content_.substr(0, 900'000);
  EXPECT_EQ(Run({"push", file_}).exit_code, 0);
  EXPECT_EQ(admin_.headers[0].offset(), 900'000);
  EXPECT_TRUE(admin_.there == content_);
}

TEST_F(DeployTest, PushGoesOnOnceWhereItWasBrokenOff) {
  admin_.break_after = 500'000;
  const Ran ran = Run({"push", file_});
  EXPECT_EQ(ran.err, "");
  EXPECT_EQ(ran.exit_code, 0);
  ASSERT_EQ(admin_.headers.size(), 2u);
  EXPECT_GE(admin_.headers[1].offset(), 500'000);
  EXPECT_TRUE(admin_.there == content_);
}

TEST_F(DeployTest, PushBeginsAnewWhereWhatWasThereIsSpoilt) {
  admin_.there = std::string(900'000, 'x');
  admin_.break_after = 1'400'000;
  admin_.break_with = {grpc::StatusCode::DATA_LOSS, "another hash"};
  admin_.keep = false;
  EXPECT_EQ(Run({"push", file_}).exit_code, 0);
  ASSERT_EQ(admin_.headers.size(), 2u);
  EXPECT_EQ(admin_.headers[1].offset(), 0);
  EXPECT_TRUE(admin_.there == content_);
}

TEST_F(DeployTest, DamageOfAPushFromTheBeginningIsAFailure) {
  admin_.break_after = 1'400'000;
  admin_.break_with = {grpc::StatusCode::DATA_LOSS, "another hash"};
  const Ran ran = Run({"push", file_});
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_EQ(ran.err, "modelctl: another hash\n");
  EXPECT_EQ(admin_.headers.size(), 1u);
}

TEST_F(DeployTest, PushThatIsRefusedHasAnExitStatusOfItsOwn) {
  for (const grpc::StatusCode code : {grpc::StatusCode::INVALID_ARGUMENT, grpc::StatusCode::ALREADY_EXISTS,
                                      grpc::StatusCode::FAILED_PRECONDITION}) {
    admin_.push_answer = {code, "config.json: no version"};
    const Ran ran = Run({"push", file_, "--wait"});
    EXPECT_EQ(ran.exit_code, 6);
    EXPECT_EQ(ran.err, "modelctl: config.json: no version\n");
  }
  admin_.push_answer = {grpc::StatusCode::RESOURCE_EXHAUSTED, "disk full"};
  EXPECT_EQ(Run({"push", file_}).exit_code, 1);
}

TEST_F(DeployTest, PushTakesAPlaceAndASidecar) {
  const std::string sidecar = directory_.Write("my.json", R"({"version": "7"})");
  EXPECT_EQ(Run({"push", file_, "--as", "letters/7/model.pt", "--config", sidecar}).exit_code, 0);
  EXPECT_EQ(admin_.headers[0].path(), "letters/7/model.pt");
  EXPECT_EQ(admin_.headers[0].sidecar_config(), R"({"version": "7"})");
  directory_.Write("digits.pt.config.json", R"({"version": "8"})");
  EXPECT_EQ(Run({"push", file_}).exit_code, 0);
  EXPECT_EQ(admin_.headers[1].sidecar_config(), R"({"version": "8"})");
  EXPECT_EQ(Run({"push", file_, "--config", directory_ / "missing.json"}).exit_code, 3);
}

TEST_F(DeployTest, PushRefusesWhatItCannotSend) {
  EXPECT_EQ(Run({"push", directory_ / "missing.pt"}).exit_code, 3);
  EXPECT_EQ(Run({"push", directory_.path()}).exit_code, 1);
  directory_.Write("digits.pt.golden/0", "sample");
  const Ran ran = Run({"push", file_});
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.err, AllOf(HasSubstr("digits.pt.golden"), HasSubstr("into the archive")));
  EXPECT_TRUE(admin_.headers.empty());
  // It has no place for them.
  directory_.Write("digits.onnx.golden/0", "sample");
  EXPECT_THAT(Run({"push", directory_.Write("digits.onnx", "")}).err,
              HasSubstr("cannot be pushed; copy file and samples into the drop directory"));
}

TEST_F(DeployTest, PushWithoutADaemonDoesNotWaitForOne) {
  server_->Shutdown();
  server_.reset();
  EXPECT_EQ(Run({"push", file_}).exit_code, 4);
}

TEST_F(DeployTest, ProgressIsForTerminals) {
  EXPECT_EQ(Run({"push", file_}).err, "");
  terminal_ = true;
  EXPECT_THAT(Run({"push", file_}).err, AllOf(HasSubstr("100 % of 1.40 MB"), testing::EndsWith("\r\x1b[K")));
}

TEST_F(DeployTest, WaitsExitStatusTellsTheFate) {
  const struct {
    v1::VersionFate fate;
    int exit_code;
    const char* out;
  } kCases[] = {{v1::VERSION_FATE_LIVE, 0, "digits 1.1 is live\n"},
                {v1::VERSION_FATE_REFUSED, 6, "digits 1.1 is refused: because\n"},
                {v1::VERSION_FATE_READY, 7, "digits 1.1 is kept from live: because\n"},
                {v1::VERSION_FATE_UNSPECIFIED, 1,
                 "digits 1.1: the daemon gave an answer that this modelctl "
                 "does not know\n"}};
  for (const auto& c : kCases) {
    SetFate(c.fate, "because");
    const Ran wait = Run({"wait", "digits", "1.1"});
    EXPECT_EQ(wait.exit_code, c.exit_code);
    EXPECT_EQ(wait.out, c.out);
    EXPECT_EQ(wait.err, "");
    const Ran push = Run({"push", file_, "--wait"});
    EXPECT_EQ(push.exit_code, c.exit_code);
    EXPECT_EQ(push.out, std::string("digits 1.1 is registered\n") + c.out);
  }
  EXPECT_EQ(admin_.waited.model(), "digits");
  EXPECT_EQ(admin_.waited.version(), "1.1");
  admin_.wait_answer = {grpc::StatusCode::DEADLINE_EXCEEDED, "still loading"};
  const Ran late = Run({"wait", "digits", "1.1"});
  EXPECT_EQ(late.exit_code, 5);
  EXPECT_THAT(late.err, HasSubstr("still loading"));
}

TEST_F(DeployTest, JsonOfPushAndWait) {
  SetFate(v1::VERSION_FATE_REFUSED, "NaN");
  admin_.already_registered = true;
  const nlohmann::json pushed = nlohmann::json::parse(Run({"push", file_, "-o", "json"}).out);
  EXPECT_EQ(pushed["already_registered"], true);
  const nlohmann::json both = nlohmann::json::parse(Run({"push", file_, "--wait", "-o", "json"}).out);
  EXPECT_EQ(both["push"]["version"], "1.1");
  EXPECT_EQ(both["wait"]["fate"], "VERSION_FATE_REFUSED");
  EXPECT_EQ(both["wait"]["reason"], "NaN");
}

TEST_F(DeployTest, WatchPrintsALineOrAnObjectAnEventUntilTheDaemonEnds) {
  const Ran table = Run({"watch", "digits", "--after", "41"});
  EXPECT_EQ(table.exit_code, 4);
  EXPECT_THAT(table.out, AllOf(HasSubstr("registered"), HasSubstr("published"), Not(HasSubstr("\"a\""))));
  EXPECT_EQ(table.err, "modelctl: the daemon is shutting down\n");
  EXPECT_EQ(admin_.watched.model(), "digits");
  EXPECT_EQ(admin_.watched.after_id(), 41);
  EXPECT_THAT(Run({"watch", "--evidence"}).out, HasSubstr("\"a\": 1"));

  std::istringstream lines(Run({"watch", "-o", "json"}).out);
  std::string line;
  int count = 0;
  while (std::getline(lines, line)) {
    EXPECT_EQ(nlohmann::json::parse(line)["model"], "digits");
    ++count;
  }
  EXPECT_EQ(count, 2);
}

TEST_F(DeployTest, DiffAndProbe) {
  const Ran diff = Run({"diff", "digits", "1.0", "1.1"});
  EXPECT_EQ(diff.exit_code, 0);
  EXPECT_THAT(diff.out, AllOf(StartsWith("digits 1.0 -> 1.1\n"), HasSubstr("~  version  1.0")));
  const nlohmann::json json = nlohmann::json::parse(Run({"diff", "digits", "1.0", "1.1", "-o", "json"}).out);
  EXPECT_EQ(json["config"]["version"]["to"], "1.1");
  EXPECT_EQ(Run({"diff", "digits", "1.0", "9"}).exit_code, 3);
  EXPECT_THAT(Run({"probe", "digits", "1.0"}).out, StartsWith("digits 1.0: passed\n"));
  EXPECT_EQ(nlohmann::json::parse(Run({"probe", "digits", "1.0", "-o", "json"}).out)["outcome"],
            "PROBE_OUTCOME_PASSED");
  EXPECT_THAT(Run({"plans", "digits", "1.0"}).out, HasSubstr("digits 1.0 was probed as it was saved only"));
}

TEST_F(DeployTest, Labels) {
  EXPECT_EQ(Run({"label", "digits", "stable", "1.1", "--reason", "holds"}).out,
            "digits: stable 1.0 -> 1.1\n");
  EXPECT_EQ(admin_.label.label(), "stable");
  EXPECT_EQ(admin_.label.version(), "1.1");
  EXPECT_EQ(admin_.label.reason(), "holds");
  EXPECT_EQ(admin_.label.actor(), "alice");
  EXPECT_EQ(Run({"label", "digits", "stable", "--remove"}).out, "digits: stable 1.0 -> none\n");
  EXPECT_EQ(admin_.label.version(), "");
}

TEST_F(DeployTest, CanaryAndShadow) {
  EXPECT_EQ(Run({"canary", "digits", "1.2", "5", "--reason", "try"}).out,
            "digits: canary 1.2 gets 5 % of the unnamed requests\n");
  EXPECT_DOUBLE_EQ(admin_.canary.share(), 0.05);
  EXPECT_EQ(admin_.canary.reason(), "try");
  EXPECT_EQ(Run({"canary", "digits", "--off"}).out, "digits: no canary\n");
  EXPECT_EQ(admin_.canary.version(), "");
  EXPECT_EQ(Run({"shadow", "digits", "1.2", "0.5%"}).out,
            "digits: shadow 1.2 gets copies of 0.5 % of the unnamed requests\n");
  EXPECT_DOUBLE_EQ(admin_.shadow.share(), 0.005);
  EXPECT_EQ(Run({"shadow", "digits", "--off"}).out, "digits: no shadow\n");
}

TEST_F(DeployTest, WrongUsage) {
  const std::vector<std::vector<std::string>> kCases = {
      {"push"},
      {"wait", "digits"},
      {"diff", "digits", "1.0"},
      {"label", "digits"},
      {"label", "digits", "stable"},
      {"label", "digits", "stable", "1.0", "--remove"},
      {"canary", "digits"},
      {"canary", "digits", "1.2"},
      {"canary", "digits", "1.2", "5", "--off"},
      {"canary", "digits", "1.2", "0"},
      {"canary", "digits", "1.2", "101"},
      {"canary", "digits", "1.2", "-5"},
      {"canary", "digits", "1.2", "nan"},
      {"shadow", "digits", "1.2", "much"},
      {"watch", "--after", "-1"},
      {"--db", "/b", "watch"},
      {"--db", "/b", "push", file_},
      {"--db", "/b", "wait", "digits", "1"},
      {"--address", "127.0.0.1:1", "label", "digits", "stable", "1.0"},
  };
  for (const std::vector<std::string>& words : kCases) {
    const Ran ran = Run(words);
    EXPECT_EQ(ran.exit_code, 2) << testing::PrintToString(words);
    EXPECT_THAT(ran.err, StartsWith("modelctl: ")) << testing::PrintToString(words);
  }
}

}  // namespace
}  // namespace modeld
