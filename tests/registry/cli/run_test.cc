#include "registry/cli/run.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "modeld/v1/admin_service.grpc.pb.h"
#include "modeld/v1/model_service.grpc.pb.h"
#include "registry/base/file_lock.h"
#include "registry/registry.h"
#include "tests/support/temp_dir.h"
#include "tests/support/zip_builder.h"

namespace modeld {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class FakeAdmin final : public v1::AdminService::Service {
 public:
  grpc::Status answer = grpc::Status::OK;
  v1::RollbackRequest rollback;
  int events = 0;

  grpc::Status Rollback(grpc::ServerContext*, const v1::RollbackRequest* request,
                        v1::RollbackResponse* response) override {
    rollback = *request;
    response->mutable_change()->set_model(request->model());
    response->mutable_change()->set_from_version("1.1");
    response->mutable_change()->set_to_version("1.0");
    response->mutable_change()->set_pinned_version("1.0");
    return answer;
  }

  // `events` of them, in pages of at most 1000; the token is how many came before.
  grpc::Status ListEvents(grpc::ServerContext*, const v1::ListEventsRequest* request,
                          v1::ListEventsResponse* response) override {
    int first = 0;
    if (!request->page_token().empty() && !absl::SimpleAtoi(request->page_token(), &first)) return answer;
    const int end = std::min(events, first + request->page_size());
    for (int i = first; i < end; ++i) response->add_events()->set_id(events - i);
    if (end < events) response->set_next_page_token(absl::StrCat(end));
    return answer;
  }

  grpc::Status GetStatus(grpc::ServerContext*, const v1::GetStatusRequest*,
                         v1::GetStatusResponse* response) override {
    response->set_version("0.1.0");
    response->set_process_id(42);
    response->add_addresses("127.0.0.1:8500");
    return answer;
  }
};

class FakeModels final : public v1::ModelService::Service {
 public:
  v1::PredictRequest predict;

  grpc::Status ListModels(grpc::ServerContext*, const v1::ListModelsRequest* request,
                          v1::ListModelsResponse* response) override {
    const bool first = request->page_token().empty();
    response->add_models()->set_name(first ? "digits" : "either-ink");
    if (first) response->set_next_page_token("digits");
    return grpc::Status::OK;
  }

  grpc::Status GetModel(grpc::ServerContext*, const v1::GetModelRequest* request,
                        v1::GetModelResponse* response) override {
    if (request->model() != "digits") return {grpc::StatusCode::NOT_FOUND, "no model \"digit\""};
    response->mutable_model()->set_name("digits");
    response->mutable_model()->add_versions()->set_version("1.1");
    (*response->mutable_model()->mutable_labels())["live"] = "1.1";
    v1::MethodSignature* const forward = response->add_methods();
    forward->set_name("forward");
    v1::ArgumentSignature* const x = forward->add_inputs();
    x->set_name("x");
    x->set_type("Tensor");
    x->set_dtype("FP32");
    v1::ArgumentSignature* const text = forward->add_inputs();
    text->set_name("text");
    text->set_type("str");
    return grpc::Status::OK;
  }

  grpc::Status Predict(grpc::ServerContext*, const v1::PredictRequest* request,
                       v1::PredictResponse* response) override {
    predict = *request;
    response->set_model(request->model());
    response->set_version("1.1");
    v1::Tensor* const tensor = (*response->mutable_outputs())["logits"].mutable_tensor();
    tensor->set_dtype("FP32");
    tensor->add_shape(1);
    tensor->set_raw(std::string("\0\0\0\x3f", 4));
    return grpc::Status::OK;
  }
};

struct Ran {
  int exit_code;
  std::string out;
  std::string err;
};

class RunTest : public testing::Test {
 protected:
  void Serve() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("unix:" + socket_, grpc::InsecureServerCredentials());
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(&admin_);
    builder.RegisterService(&models_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
    variables_["MODELD_SOCKET"] = socket_;
  }

  Ran Run(const std::vector<std::string>& words) {
    std::vector<const char*> argv = {"modelctl"};
    for (const std::string& word : words) argv.push_back(word.c_str());
    std::ostringstream out, err;
    const Environment environment = {
        .out = &out,
        .err = &err,
        .out_is_terminal = terminal_,
        .err_is_terminal = false,
        .variable =
            [this](const char* name) {
              const auto found = variables_.find(name);
              return found == variables_.end() ? std::nullopt : std::optional<std::string>(found->second);
            },
        .actor = [] { return "alice (sudo)"; },
        .clock = Clock::Real(),
        .zone = absl::UTCTimeZone,
        .completion_timeout = absl::Seconds(60)};
    const int exit_code = RunModelctl(static_cast<int>(argv.size()), argv.data(), environment);
    return {exit_code, out.str(), err.str()};
  }

  const TempDir directory_;
  const std::string socket_ = directory_ / "admin.sock";
  std::map<std::string, std::string> variables_ = {{"MODELD_SOCKET", socket_}};
  bool terminal_ = false;
  FakeAdmin admin_;
  FakeModels models_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

TEST(ExitCodeTest, Table) {
  const struct {
    absl::StatusCode code;
    int exit_code;
  } kCases[] = {{absl::StatusCode::kOk, 0},
                {absl::StatusCode::kInvalidArgument, 1},
                {absl::StatusCode::kFailedPrecondition, 1},
                {absl::StatusCode::kInternal, 1},
                {absl::StatusCode::kNotFound, 3},
                {absl::StatusCode::kUnavailable, 4},
                {absl::StatusCode::kDeadlineExceeded, 5}};
  for (const auto& c : kCases) EXPECT_EQ(ExitCodeOf(absl::Status(c.code, "")), c.exit_code);
}

TEST_F(RunTest, HelpAndVersionAreNoErrors) {
  const Ran help = Run({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_THAT(help.out, AllOf(HasSubstr("rollback"), HasSubstr("Exit status:"), HasSubstr("NO_COLOR")));
  EXPECT_EQ(Run({"rollback", "--help"}).exit_code, 0);
  EXPECT_THAT(Run({"--version"}).out, StartsWith("modelctl "));
}

TEST_F(RunTest, WrongUsage) {
  const struct {
    std::vector<std::string> words;
    const char* message;
  } kCases[] = {
      {{}, "subcommand is required"},
      {{"modls"}, "unknown command \"modls\" (did you mean \"models\"?)"},
      {{"--bogus", "models"}, "--bogus"},
      {{"versions"}, "MODEL is required"},
      {{"rollback", "digits"}, "--reason is required"},
      {{"rollback", "digits", "--reason", "two\nlines"}, "expected one line of UTF-8"},
      {{"rollback", "digits", "--reason", "\xff"}, "expected one line of UTF-8"},
      {{"--timeout", "soon", "models"}, "expected a duration such as 30, 500ms or 2m, got \"soon\""},
      {{"--timeout", "0", "models"}, "expected a duration"},
      {{"-o", "yaml", "models"}, "yaml"},
      {{"history", "--limit", "0"}, "0"},
      {{"--socket", "/a", "--db", "/b", "models"}, "excludes"},
      {{"predict", "digits", "--version", "1", "--label", "live"}, "excludes"},
      {{"--address", "127.0.0.1:1", "history"},
       "history goes over the administrative socket; leave out --address"},
      {{"--db", "/b", "predict", "digits"}, "predict needs the daemon; leave out --db"},
      {{"--db", "/b", "rescan"}, "rescan needs the daemon; leave out --db"},
      {{"completion", "tcsh"}, "tcsh"},
  };
  for (const auto& c : kCases) {
    const Ran ran = Run(c.words);
    EXPECT_EQ(ran.exit_code, 2) << c.message;
    EXPECT_THAT(ran.err, AllOf(StartsWith("modelctl: "), HasSubstr(c.message)));
    EXPECT_EQ(ran.out, "");
  }
}

TEST_F(RunTest, NoDaemon) {
  const Ran ran = Run({"models"});
  EXPECT_EQ(ran.exit_code, 4);
  EXPECT_THAT(ran.err, AllOf(StartsWith("modelctl: no daemon answers at "), HasSubstr(socket_),
                             HasSubstr("No such file or directory"), HasSubstr("--db")));
  EXPECT_EQ(Run({"--address", "127.0.0.1:1", "models"}).exit_code, 4);
}

TEST_F(RunTest, RollbackSaysWhoAndWhy) {
  Serve();
  const Ran ran = Run({"rollback", "digits", "--to", "1.0", "--reason", "worse on sevens"});
  EXPECT_EQ(ran.err, "");
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_EQ(ran.out, "digits: live 1.1 -> 1.0, pinned to 1.0\n");
  EXPECT_EQ(admin_.rollback.model(), "digits");
  EXPECT_EQ(admin_.rollback.to_version(), "1.0");
  EXPECT_EQ(admin_.rollback.actor(), "alice (sudo)");
  EXPECT_EQ(admin_.rollback.reason(), "worse on sevens");
}

TEST_F(RunTest, TheDaemonsErrorsAreCarriedOver) {
  Serve();
  const std::vector<std::string> rollback = {"rollback", "digits", "--reason", "x"};
  admin_.answer = {grpc::StatusCode::FAILED_PRECONDITION, "model \"digits\": no usable version"};
  const Ran refused = Run(rollback);
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_EQ(refused.err, "modelctl: model \"digits\": no usable version\n");
  admin_.answer = {grpc::StatusCode::UNAVAILABLE, "the daemon is shutting down"};
  const Ran leaving = Run(rollback);
  EXPECT_EQ(leaving.exit_code, 4);
  EXPECT_EQ(leaving.err, "modelctl: the daemon is shutting down\n");
  admin_.answer = {grpc::StatusCode::DEADLINE_EXCEEDED, "not loaded in time"};
  EXPECT_EQ(Run(rollback).exit_code, 5);
  EXPECT_EQ(Run({"versions", "digit"}).exit_code, 3);
}

TEST_F(RunTest, WhatAModelRaisesCannotSteerTheTerminal) {
  Serve();
  admin_.answer = {grpc::StatusCode::INTERNAL,
                   "ValueError: \x1b[2J\nsecond line\xc2\x9b"
                   "1m"};
  EXPECT_EQ(Run({"rollback", "digits", "--reason", "x"}).err,
            "modelctl: \"ValueError: \\x1b[2J\"\n\"second line\\xc2\\x9b1m\"\n");
}

TEST_F(RunTest, JsonForAnswersAndErrors) {
  Serve();
  const nlohmann::json status = nlohmann::json::parse(Run({"-o", "json", "status"}).out);
  EXPECT_EQ(status["addresses"][0], "127.0.0.1:8500");
  EXPECT_EQ(status["process_id"], 42);
  EXPECT_EQ(status["ready"], false);  // fields with default values are written too
  const nlohmann::json models = nlohmann::json::parse(Run({"models", "-o", "json"}).out);
  EXPECT_EQ(models["models"].size(), 2u);
  EXPECT_EQ(models["models"][1]["name"], "either-ink");
  const Ran unknown = Run({"-o", "json", "versions", "digit"});
  EXPECT_EQ(unknown.out, "");
  EXPECT_EQ(nlohmann::json::parse(unknown.err)["error"]["code"], "NOT_FOUND");
}

TEST_F(RunTest, ThePublicListener) {
  Serve();
  const Ran ran = Run({"--address", absl::StrCat("127.0.0.1:", port_), "models"});
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_THAT(ran.out, HasSubstr("either-ink"));
}

TEST_F(RunTest, HistoryFetchesPagesUpToTheLimit) {
  admin_.events = 2500;
  Serve();
  const nlohmann::json all = nlohmann::json::parse(Run({"-o", "json", "history", "--limit", "2400"}).out);
  ASSERT_EQ(all["events"].size(), 2400u);
  EXPECT_EQ(all["events"][0]["id"], "2500");
  EXPECT_EQ(all["events"][2399]["id"], "101");
  EXPECT_EQ(Run({"history", "digit"}).exit_code, 3);
}

TEST_F(RunTest, PredictGivesInputsTheirDeclaredTypes) {
  Serve();
  const Ran ran = Run({"predict", "digits", "x=[1, 2]", "text=3", "--version", "1.1", "--method", "forward"});
  EXPECT_EQ(ran.err, "");
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_THAT(ran.out, AllOf(StartsWith("digits 1.1\n"), HasSubstr("logits  FP32  [1]    [0.5]")));
  EXPECT_EQ(models_.predict.version(), "1.1");
  EXPECT_EQ(models_.predict.inputs().at("x").tensor().float_values_size(), 2);
  EXPECT_EQ(models_.predict.inputs().at("text").string_value(), "3");
  const nlohmann::json json = nlohmann::json::parse(Run({"-o", "json", "predict", "digits", "x=[1]"}).out);
  EXPECT_EQ(json["outputs"]["logits"]["tensor"]["float_values"][0], 0.5);
}

TEST_F(RunTest, PredictRefusesBadInputs) {
  Serve();
  // Ended modelctl by an exception.
  const Ran huge = Run({"predict", "digits", "x=[1e999]"});
  EXPECT_EQ(huge.exit_code, 1);
  EXPECT_EQ(huge.err, "modelctl: input \"x\": a number of \"[1e999]\" is beyond the range of FP64\n");
  EXPECT_THAT(Run({"predict", "digits", "x"}).err, HasSubstr("NAME=VALUE"));
  EXPECT_THAT(Run({"predict", "digits", "x=1", "x=2"}).err, HasSubstr("given twice"));
  EXPECT_THAT(Run({"predict", "digits", "x=@/nowhere.npy"}).err, HasSubstr("input \"x\""));
  EXPECT_EQ(Run({"predict", "digits", "x=@/nowhere.npy"}).exit_code, 3);
}

TEST_F(RunTest, ColorsOnATerminalUnlessNoColor) {
  Serve();
  EXPECT_THAT(Run({"models"}).out, Not(HasSubstr("\x1b")));
  terminal_ = true;
  EXPECT_THAT(Run({"models"}).out, HasSubstr("\x1b["));
  variables_["NO_COLOR"] = "1";
  EXPECT_THAT(Run({"models"}).out, Not(HasSubstr("\x1b")));
}

TEST_F(RunTest, TheRegistryFile) {
  const std::string path = directory_ / "registry.db";
  EXPECT_EQ(Run({"--db", path, "models"}).exit_code, 3);
  ASSERT_TRUE(Registry::Open(path).ok());
  EXPECT_EQ(Run({"--db", path, "models"}).out, "no models\n");
  EXPECT_THAT(Run({"--db", path, "status"}).out, HasSubstr("not running"));
  const absl::StatusOr<FileLock> lock = FileLock::Acquire(directory_ / "lock");
  ASSERT_TRUE(lock.ok());
  const Ran held = Run({"--db", path, "models"});
  EXPECT_EQ(held.exit_code, 1);
  EXPECT_THAT(held.err, HasSubstr("the daemon holds the registry"));
}

TEST_F(RunTest, InspectOfNoPathIsNoCrash) {
  const Ran ran = Run({"inspect", ""});
  EXPECT_EQ(ran.exit_code, 3);
  EXPECT_EQ(ran.err, "modelctl: \"\": the path is empty\n");
}

TEST_F(RunTest, InspectSaysWhyAFileWouldBeRefused) {
  const std::string good = directory_.Write("digits.pt", TorchScriptArchive(R"({"version": "1.0"})"));
  const std::string bad = directory_.Write("truncated.pt", "PK\3\4");
  EXPECT_EQ(Run({"inspect", good}).exit_code, 0);
  const Ran both = Run({"inspect", good, bad});
  EXPECT_EQ(both.exit_code, 1);  // not 4, although an incomplete file is "unavailable" to the daemon
  EXPECT_THAT(both.out, HasSubstr("model:    digits"));
  EXPECT_THAT(both.err, AllOf(StartsWith("modelctl: "), HasSubstr("truncated.pt"), HasSubstr("incomplete")));
  EXPECT_EQ(Run({"inspect", directory_ / "missing.pt"}).exit_code, 3);
  const nlohmann::json json = nlohmann::json::parse(Run({"inspect", "-o", "json", good, bad}).out);
  EXPECT_EQ(json["files"][0]["accepted"], true);
  EXPECT_EQ(json["files"][1]["accepted"], false);
}

TEST_F(RunTest, CompletionAsksTheDaemonAndIsSilentWithoutOne) {
  const Ran none = Run({"__complete", "versions", ""});
  EXPECT_EQ(none.exit_code, 0);
  EXPECT_EQ(none.out + none.err, "");
  Serve();
  EXPECT_EQ(Run({"__complete", "versions", ""}).out, "digits\neither-ink\n");
  EXPECT_EQ(Run({"__complete", "promote", "digits", ""}).out, "1.1\n");
  EXPECT_EQ(Run({"__complete", "label", "digits", ""}).out, "live\n");
  variables_.clear();
  EXPECT_EQ(Run({"__complete", "--socket", socket_, "versions", "d"}).out, "digits\n");
  EXPECT_THAT(Run({"completion", "bash"}).out, HasSubstr("complete -F _modelctl modelctl"));
}

}  // namespace
}  // namespace modeld
