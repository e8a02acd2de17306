#include "daemon/server/engine_options.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(EngineOptionsTest, AreTakenOutOfACommandLine) {
  std::vector<std::string> arguments = {"--probe",     "model.onnx", "--onnxruntime-providers",
                                        "A,B",         "--config",   "c.json",
                                        "--try-plans", "true",       "--help"};
  ASSERT_OK_AND_ASSIGN(const EngineOptions options, TakeEngineOptions(arguments));
  EXPECT_THAT(options.onnxruntime_providers, ElementsAre("A", "B"));
  EXPECT_THAT(arguments,
              ElementsAre("--probe", "model.onnx", "--config", "c.json", "--try-plans", "true", "--help"));
}

TEST(EngineOptionsTest, ALibraryIsNamedByEachOptionOfItsOwn) {
  std::vector<std::string> arguments = {"--custom-ops-library",       "a.so",      "--probe", "m.pt",
                                        "--custom-ops-library=/b.so", "--formats", "pt2"};
  ASSERT_OK_AND_ASSIGN(const EngineOptions options, TakeEngineOptions(arguments));
  EXPECT_THAT(options.custom_ops_libraries, ElementsAre("a.so", "/b.so"));
  EXPECT_THAT(arguments, ElementsAre("--probe", "m.pt", "--formats", "pt2"));
}

TEST(EngineOptionsTest, OtherCommandLinesStayAsTheyAre) {
  const std::vector<std::string> before = {"--probe=a b.pt", "--probe-memory-mib=5", "--as", "x/1/m.pt",
                                           "-h"};
  std::vector<std::string> arguments = before;
  ASSERT_OK_AND_ASSIGN(const EngineOptions options, TakeEngineOptions(arguments));
  EXPECT_EQ(options, EngineOptions{});
  EXPECT_EQ(arguments, before);
}

TEST(EngineOptionsTest, ArgumentsSayTheSame) {
  for (const EngineOptions& options : {EngineOptions{}, EngineOptions{.onnxruntime_providers = {"A", "B"}},
                                       EngineOptions{.onnxruntime_providers = {"AzureExecutionProvider"}},
                                       EngineOptions{.custom_ops_libraries = {"/a b.so", "c,d.so"}},
                                       EngineOptions{.quantized_engine = "onednn"}}) {
    std::vector<std::string> arguments = EngineArguments(options);
    ASSERT_OK_AND_ASSIGN(const EngineOptions again, TakeEngineOptions(arguments));
    EXPECT_EQ(again, options);
    EXPECT_THAT(arguments, IsEmpty());
  }
  EXPECT_THAT(EngineArguments({}), IsEmpty());
}

TEST(EngineOptionsTest, WrongOnesAreErrors) {
  std::vector<std::string> arguments = {"--probe", "x", "--onnxruntime-providers"};
  EXPECT_THAT(TakeEngineOptions(arguments), StatusIs(absl::StatusCode::kInvalidArgument, testing::_));
}

}  // namespace
}  // namespace modeld
