#include "daemon/server/options.h"

#include <gmock/gmock.h>
#include <stdlib.h>

#include <string>
#include <vector>

#include "tests/support/temp_dir.h"

namespace modeld {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Ge;
using testing::HasSubstr;

ParsedOptions Parse(std::vector<std::string> arguments) {
  std::vector<const char*> argv = {"modeld"};
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  return ParseOptions(static_cast<int>(argv.size()), argv.data(), "modeld 1.2.3\nfake 4.5");
}

// With the two options that must be given.
ParsedOptions ParseWith(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"--drop-directory", "/srv/models", "--state-directory", "/srv/state"});
  return Parse(std::move(arguments));
}

class OptionsTest : public testing::Test {
 protected:
  OptionsTest() { ::unsetenv("STATE_DIRECTORY"); }
  ~OptionsTest() override { ::unsetenv("STATE_DIRECTORY"); }
  TempDir dir_;
};

TEST_F(OptionsTest, DefaultsAreThoseOfTheStruct) {
  const ParsedOptions parsed = ParseWith({});
  ASSERT_FALSE(parsed.exit) << parsed.output;
  const Options& options = parsed.options;
  EXPECT_EQ(options.drop_directory, "/srv/models");
  EXPECT_EQ(options.state_directory, "/srv/state");
  EXPECT_EQ(options.admin_socket, "/srv/state/admin.sock");
  EXPECT_EQ(options.settle_ms, 500);
  EXPECT_EQ(options.incomplete_timeout_s, 10);
  EXPECT_EQ(options.rescan_interval_s, 10);
  EXPECT_FALSE(options.strict_config);
  EXPECT_TRUE(options.probe);
  EXPECT_EQ(options.probe_timeout_s, 300);
  EXPECT_EQ(options.probe_memory_mib, 0);
  EXPECT_EQ(options.memory_budget_mib, 0);
  EXPECT_EQ(options.memory_policy, "availability");
  EXPECT_EQ(options.guard_watch_s, 300);
  EXPECT_THAT(options.listen, ElementsAre("127.0.0.1:8500"));
  EXPECT_EQ(options.http_listen, "127.0.0.1:8501");
  EXPECT_EQ(options.max_message_bytes, 64 << 20);
  EXPECT_EQ(options.max_received_mib, 1024);
  EXPECT_TRUE(options.reflection);
  EXPECT_EQ(options.instances, 0);
  EXPECT_EQ(options.threads_per_instance, 0);
  EXPECT_EQ(options.max_queue, 1024);
  EXPECT_EQ(options.max_queue_mib, 256);
  EXPECT_EQ(options.max_sequences_mib, 0);
  EXPECT_EQ(options.shutdown_grace_s, 30);
  EXPECT_EQ(options.log_level, "info");
  EXPECT_EQ(options.engines, EngineOptions{});
  EXPECT_THAT(options.formats, ElementsAre("torchscript", "onnx"));
}

TEST_F(OptionsTest, HttpMayBeOff) {
  const ParsedOptions parsed = ParseWith({"--http-listen=none"});
  ASSERT_FALSE(parsed.exit) << parsed.output;
  EXPECT_EQ(parsed.options.http_listen, "");
  EXPECT_EQ(ParseWith({"--http-listen=[::1]:9001"}).options.http_listen, "[::1]:9001");
}

TEST_F(OptionsTest, CommandLineSetsEverything) {
  const ParsedOptions parsed =
      ParseWith({"--settle-ms=1",
                 "--incomplete-timeout-s=2",
                 "--rescan-interval-s=3",
                 "--strict-config",
                 "--probe=false",
                 "--probe-timeout-s=4",
                 "--probe-memory-mib=512",
                 "--memory-budget-mib=2048",
                 "--memory-policy=resource",
                 "--guard-watch-s=0",
                 "--listen",
                 "0.0.0.0:0",
                 "--listen",
                 "[::1]:9000",
                 "--admin-socket=/run/m.sock",
                 "--max-message-bytes=4096",
                 "--max-received-mib=20",
                 "--reflection=false",
                 "--instances=5",
                 "--threads-per-instance=6",
                 "--pin-instances",
                 "--max-queue=7",
                 "--max-queue-mib=9",
                 "--max-image-megapixels=12",
                 "--max-sequences=10",
                 "--max-sequences-mib=13",
                 "--sequence-idle-s=11",
                 "--shutdown-grace-s=8",
                 "--onnxruntime-providers=CUDAExecutionProvider,CPUExecutionProvider",
                 "--formats=pt2,onnx",
                 "--custom-ops-library",
                 "/a.so",
                 "--custom-ops-library=/b.so",
                 "--log-level=debug"});
  ASSERT_FALSE(parsed.exit) << parsed.output;
  const Options& options = parsed.options;
  EXPECT_EQ(options.settle_ms, 1);
  EXPECT_EQ(options.incomplete_timeout_s, 2);
  EXPECT_EQ(options.rescan_interval_s, 3);
  EXPECT_TRUE(options.strict_config);
  EXPECT_THAT(options.listen, ElementsAre("0.0.0.0:0", "[::1]:9000"));
  EXPECT_EQ(options.admin_socket, "/run/m.sock");
  EXPECT_EQ(options.max_message_bytes, 4096);
  EXPECT_EQ(options.max_received_mib, 20);
  EXPECT_FALSE(options.probe);
  EXPECT_EQ(options.probe_timeout_s, 4);
  EXPECT_EQ(options.probe_memory_mib, 512);
  EXPECT_EQ(options.memory_budget_mib, 2048);
  EXPECT_EQ(options.memory_policy, "resource");
  EXPECT_EQ(options.guard_watch_s, 0);
  EXPECT_FALSE(options.reflection);
  EXPECT_EQ(options.instances, 5);
  EXPECT_EQ(options.threads_per_instance, 6);
  EXPECT_TRUE(options.pin_instances);
  EXPECT_EQ(options.max_queue, 7);
  EXPECT_EQ(options.max_queue_mib, 9);
  EXPECT_EQ(options.max_image_megapixels, 12);
  EXPECT_EQ(options.max_sequences, 10);
  EXPECT_EQ(options.max_sequences_mib, 13);
  EXPECT_EQ(options.sequence_idle_s, 11);
  EXPECT_THAT(options.engines.onnxruntime_providers,
              ElementsAre("CUDAExecutionProvider", "CPUExecutionProvider"));
  EXPECT_EQ(options.shutdown_grace_s, 8);
  EXPECT_EQ(options.log_level, "debug");
  EXPECT_THAT(options.formats, ElementsAre("pt2", "onnx"));
  EXPECT_THAT(options.engines.custom_ops_libraries, ElementsAre("/a.so", "/b.so"));
}

TEST_F(OptionsTest, FileSetsTheSameOptionsAndTheCommandLineGoesFirst) {
  const std::string file = dir_.Write("modeld.toml", R"(# everything under its long name
drop-directory = "/srv/models"
state-directory = "/srv/state"
settle-ms = 1
strict-config = true
listen = ["127.0.0.1:1", "127.0.0.1:2"]
onnxruntime-providers = ["A", "B"]
reflection = false
formats = ["torchscript", "pt2"]
custom-ops-library = ["/a.so", "/b.so"]
log-level = "warning"
)");
  const ParsedOptions parsed = Parse({"--config", file, "--settle-ms", "9"});
  ASSERT_FALSE(parsed.exit) << parsed.output;
  EXPECT_EQ(parsed.options.drop_directory, "/srv/models");
  EXPECT_EQ(parsed.options.settle_ms, 9);
  EXPECT_TRUE(parsed.options.strict_config);
  EXPECT_THAT(parsed.options.listen, ElementsAre("127.0.0.1:1", "127.0.0.1:2"));
  EXPECT_THAT(parsed.options.engines.onnxruntime_providers, ElementsAre("A", "B"));
  EXPECT_FALSE(parsed.options.reflection);
  EXPECT_THAT(parsed.options.formats, ElementsAre("torchscript", "pt2"));
  EXPECT_THAT(parsed.options.engines.custom_ops_libraries, ElementsAre("/a.so", "/b.so"));
  EXPECT_EQ(parsed.options.log_level, "warning");
}

TEST_F(OptionsTest, EffectiveOptionsAreAFileThatSetsTheSame) {
  const ParsedOptions first =
      ParseWith({"--settle-ms=77", "--listen=[::1]:9000", "--strict-config", "--onnxruntime-providers=A,B",
                 "--formats=pt2", "--custom-ops-library=/a b,c.so"});
  ASSERT_FALSE(first.exit) << first.output;
  const ParsedOptions second = Parse({"--config", dir_.Write("again.toml", first.effective)});
  ASSERT_FALSE(second.exit) << second.output;
  EXPECT_EQ(second.effective, first.effective);
  EXPECT_EQ(second.options.settle_ms, 77);
  EXPECT_THAT(second.options.listen, ElementsAre("[::1]:9000"));
  EXPECT_THAT(second.options.engines.onnxruntime_providers, ElementsAre("A", "B"));
  EXPECT_THAT(second.options.formats, ElementsAre("pt2"));
  EXPECT_THAT(second.options.engines.custom_ops_libraries, ElementsAre("/a b,c.so"));
  EXPECT_TRUE(second.options.strict_config);
  EXPECT_EQ(second.options.admin_socket, first.options.admin_socket);
}

TEST_F(OptionsTest, StateDirectoryIsSystemdsIfNotGiven) {
  ::setenv("STATE_DIRECTORY", "/var/lib/modeld:/var/lib/other", 1);
  EXPECT_EQ(Parse({"--drop-directory", "/srv/models"}).options.state_directory, "/var/lib/modeld");
  EXPECT_EQ(ParseWith({}).options.state_directory, "/srv/state");
}

TEST_F(OptionsTest, PathsBecomeAbsoluteAndPlain) {
  const ParsedOptions parsed = Parse({"--drop-directory", "models/", "--state-directory",
                                      "/srv/./a/../state//", "--admin-socket", "m.sock"});
  ASSERT_FALSE(parsed.exit) << parsed.output;
  const std::string here = std::filesystem::current_path().string();
  EXPECT_EQ(parsed.options.drop_directory, here + "/models");
  EXPECT_EQ(parsed.options.state_directory, "/srv/state");
  EXPECT_EQ(parsed.options.admin_socket, here + "/m.sock");
}

TEST_F(OptionsTest, StateMustLieOutsideOfWhatIsWatched) {
  for (const char* state : {"/srv/models", "/srv/models/", "/srv/models/state", "/srv/other/../models/a/b"}) {
    const ParsedOptions parsed = Parse({"--drop-directory", "/srv/models", "--state-directory", state});
    EXPECT_EQ(parsed.exit_code, 2) << state;
    EXPECT_THAT(parsed.output, HasSubstr("lies in --drop-directory /srv/models")) << state;
  }
  EXPECT_FALSE(Parse({"--drop-directory", "/srv/models", "--state-directory", "/srv/models-state"}).exit);
}

TEST_F(OptionsTest, DropDirectoryMayLieInTheStateDirectory) {
  EXPECT_FALSE(Parse({"--drop-directory", "/srv/state/models", "--state-directory", "/srv/state"}).exit);
}

TEST_F(OptionsTest, HelpNamesTheRoomsAndVersionTheEngines) {
  const ParsedOptions help = Parse({"--help"});
  EXPECT_TRUE(help.exit);
  EXPECT_EQ(help.exit_code, 0);
  for (const char* room : {"Source:", "Registry:", "RPC:", "Scheduling:", "Server:"}) {
    EXPECT_THAT(help.output, HasSubstr(room));
  }
  const ParsedOptions version = Parse({"--version"});
  EXPECT_TRUE(version.exit);
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_EQ(version.output, "modeld 1.2.3\nfake 4.5\n");
}

struct BadUsage {
  const char* name;
  std::vector<std::string> arguments;
  std::string message;  // part of it
};

class BadUsageTest : public testing::TestWithParam<BadUsage> {};

TEST_P(BadUsageTest, ExitsWith2AndSaysWhy) {
  const ParsedOptions parsed = ParseWith(GetParam().arguments);
  EXPECT_TRUE(parsed.exit);
  EXPECT_EQ(parsed.exit_code, 2);
  EXPECT_THAT(parsed.output, AllOf(testing::StartsWith("modeld: "), HasSubstr(GetParam().message)));
}

INSTANTIATE_TEST_SUITE_P(
    Options, BadUsageTest,
    testing::Values(
        BadUsage{"UnknownOption", {"--settle"}, "--settle"},
        BadUsage{"Positional", {"/srv/models"}, "/srv/models"},
        BadUsage{"NegativeSettle", {"--settle-ms=-1"}, "--settle-ms"},
        BadUsage{"SettleNoNumber", {"--settle-ms=soon"}, "--settle-ms"},
        BadUsage{"NoRescanInterval", {"--rescan-interval-s=0"}, "--rescan-interval-s"},
        BadUsage{"NoThreads", {"--threads-per-instance=-1"}, "--threads-per-instance"},
        BadUsage{"NoQueue", {"--max-queue=0"}, "--max-queue"},
        BadUsage{"NoQueueMemory", {"--max-queue-mib=0"}, "--max-queue-mib"},
        BadUsage{"NegativeSequenceMemory", {"--max-sequences-mib=-1"}, "--max-sequences-mib"},
        BadUsage{"TinyMessages", {"--max-message-bytes=1"}, "--max-message-bytes"},
        BadUsage{"HugeMessages", {"--max-message-bytes=2147483648"}, "--max-message-bytes"},
        BadUsage{"LittleReceived", {"--max-received-mib=15"}, "--max-received-mib"},
        BadUsage{"NegativeGrace", {"--shutdown-grace-s=-1"}, "--shutdown-grace-s"},
        BadUsage{"UnknownLogLevel", {"--log-level=loud"}, "loud"},
        BadUsage{"HttpListenWithoutPort", {"--http-listen=localhost"}, "\"localhost\" has no port"},
        BadUsage{"ListenWithoutPort", {"--listen=localhost"}, "\"localhost\" has no port"},
        BadUsage{"LongSocketPath", {"--admin-socket=/" + std::string(107, 's')}, "108 bytes long"},
        BadUsage{"MissingFile", {"--config=/nowhere/modeld.toml"}, "/nowhere/modeld.toml"}),
    [](const testing::TestParamInfo<BadUsage>& info) { return info.param.name; });

TEST_F(OptionsTest, WhatMustBeGivenIsNamed) {
  EXPECT_THAT(Parse({"--state-directory", "/srv/state"}).output, HasSubstr("--drop-directory"));
  EXPECT_THAT(Parse({"--drop-directory", "/srv/models"}).output, HasSubstr("--state-directory"));
  EXPECT_EQ(Parse({}).exit_code, 2);
}

TEST_F(OptionsTest, UnknownKeyInTheFileIsAnErrorThatNamesIt) {
  const ParsedOptions parsed = ParseWith({"--config", dir_.Write("modeld.toml", "settle = 4\n")});
  EXPECT_EQ(parsed.exit_code, 2);
  EXPECT_THAT(parsed.output, HasSubstr("unknown key \"settle\""));
}

TEST_F(OptionsTest, ValueOutOfRangeInTheFileIsAnErrorThatNamesTheOption) {
  const ParsedOptions parsed = ParseWith({"--config", dir_.Write("modeld.toml", "settle-ms = -4\n")});
  EXPECT_EQ(parsed.exit_code, 2);
  EXPECT_THAT(parsed.output, HasSubstr("--settle-ms"));
}

TEST_F(OptionsTest, SocketPathOfExactly107BytesIsAllowed) {
  EXPECT_FALSE(ParseWith({"--admin-socket=/" + std::string(106, 's')}).exit);
}

}  // namespace
}  // namespace modeld
