// Loading, signatures and errors of the ONNX Runtime engine.
#include "daemon/engine/onnxruntime/onnxruntime_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"
#include "tests/support/onnx_model.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/values.h"

namespace modeld {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

absl::Status LoadStatus(const std::string& path) {
  return OnnxruntimeOnCpu()->Load(OnnxRequest(path)).status();
}

// "forward(a: Tensor, b: Tensor) -> NamedTuple(sum: Tensor)"
std::string SignatureOf(const std::string& model) {
  const Method forward = OnnxModel(model).methods().at(0);
  return forward.name + "(" +
         absl::StrJoin(forward.arguments, ", ",
                       [](std::string* out, const Argument& argument) {
                         out->append(argument.name + ": " + TypeName(argument.type));
                       }) +
         ") -> " + TypeName(forward.returns);
}

TEST(OnnxruntimeEngineTest, HasOnePlanForOnnxOnly) {
  const auto engine = OnnxruntimeOnCpu();
  EXPECT_THAT(
      engine->plans(ArtifactFormat::kOnnx),
      testing::ElementsAre(Plan{.engine = "onnxruntime", .variant = "", .precision = Precision::kAsSaved}));
  EXPECT_THAT(engine->plans(ArtifactFormat::kTorchScript), IsEmpty());
  ASSERT_EQ(engine->libraries().size(), 1u);
  EXPECT_EQ(engine->libraries()[0].name, "onnxruntime");
  EXPECT_THAT(engine->libraries()[0].version, HasSubstr("1."));
}

TEST(OnnxruntimeEngineTest, NamesTheExecutionProvidersThatThereAre) {
  EXPECT_THAT(NewOnnxruntimeEngine({.execution_providers = {"NoSuchProvider", "CPUExecutionProvider"}}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("has no execution provider \"NoSuchProvider\"; it has: "),
                             HasSubstr("CPUExecutionProvider"))));
}

// Whatever else this build of the library has.
TEST(OnnxruntimeEngineTest, RunsWithNoExecutionProviderNamed) {
  ASSERT_OK_AND_ASSIGN(const auto engine, NewOnnxruntimeEngine({.execution_providers = {}}));
  ASSERT_OK_AND_ASSIGN(const auto add, engine->Load(OnnxRequest(OnnxModelPath("add"))));
  EXPECT_OK(add->Run(0, {Value{FloatTensor({1}, {1})}, Value{FloatTensor({1}, {1})}}));
}

TEST(OnnxruntimeEngineTest, ReportsNothingToItsVendor) {
  const TempDir home;
  ::setenv("HOME", home.path().c_str(), 1);
  ::setenv("XDG_CACHE_HOME", home.path().c_str(), 1);
  OnnxModel("add").Answer({});
  EXPECT_TRUE(std::filesystem::is_empty(home.path())) << "it keeps what it is about to send";
}

TEST(OnnxSignatureTest, IsTheGraphs) {
  const std::vector<std::pair<const char*, const char*>> cases = {
      {"add", "forward(a: Tensor, b: Tensor) -> NamedTuple(sum: Tensor)"},
      {"no_inputs", "forward() -> NamedTuple(parameter: Tensor)"},
      {"overridable", "forward(x: Tensor) -> NamedTuple(y: Tensor)"},
      {"upper", "forward(words: Tensor[str]) -> NamedTuple(upper: Tensor[str])"},
      {"several_outputs", "forward(x: Tensor) -> NamedTuple(twice: Tensor, total: Tensor, count: Tensor)"},
      {"sequence", "forward(x: Tensor) -> NamedTuple(rows: List[Tensor])"},
      {"zip_map_int",
       "forward(x: Tensor) -> NamedTuple(label: Tensor, probabilities: List[Dict[int, float]])"},
      {"zip_map_string",
       "forward(x: Tensor) -> NamedTuple(label: Tensor, probabilities: List[Dict[str, float]])"},
      {"optional_output", "forward(x: Tensor) -> NamedTuple(maybe: Optional[Tensor])"},
  };
  for (const auto& [model, signature] : cases) EXPECT_EQ(SignatureOf(model), signature);
}

TEST(OnnxLoadTest, AMissingFileIsNotFound) {
  EXPECT_THAT(LoadStatus("no/such.onnx"), StatusIs(absl::StatusCode::kNotFound, HasSubstr("no/such.onnx")));
}

TEST(OnnxLoadTest, DamagedFilesAreRefusedInOneLine) {
  const TempDir directory;
  const std::string whole = ReadFile(OnnxModelPath("cnn"));
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"empty.onnx", ""},
      {"text.onnx", "this is no model"},
      {"truncated.onnx", whole.substr(0, whole.size() / 2)},
      {"no_end.onnx", whole.substr(0, whole.size() - 10)},
      {"no_start.onnx", whole.substr(10)},
      {"zeros.onnx", std::string(1000, '\0')},
      {"another_format.onnx", std::string("\x20\x00\x00\x00ORTM", 8) + std::string(100, '\1')},
  };
  for (const auto& [name, content] : cases) {
    EXPECT_THAT(LoadStatus(directory.Write(name, content)),
                StatusIs(absl::StatusCode::kInvalidArgument, AllOf(Not(IsEmpty()), Not(HasSubstr("\n")))))
        << name;
  }
  EXPECT_THAT(LoadStatus(directory.path()),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("is no regular file")));
}

TEST(OnnxLoadTest, WhatTheLibraryRefusesIsSaidInItsWords) {
  EXPECT_THAT(LoadStatus(OnnxModelPath("unknown_operator")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("Frobnicate")));
  EXPECT_THAT(LoadStatus(OnnxModelPath("contradictory")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("the_add")));
  EXPECT_THAT(LoadStatus(OnnxModelPath("unknown_locale")),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       testing::StartsWith("Exception during initialization: Failed to construct locale")));
}

TEST(OnnxLoadTest, InputsAndOutputsThatNobodyCanPassAreNamed) {
  EXPECT_THAT(
      LoadStatus(OnnxModelPath("sequence_input")),
      StatusIs(
          absl::StatusCode::kInvalidArgument,
          "the graph takes input \"rows\" as List[Tensor], which cannot be passed; let it take tensors of "
          "an ordinary dtype"));
  EXPECT_THAT(LoadStatus(OnnxModelPath("float8_output")),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "the graph returns output \"small\" as a tensor of ONNX's element type 17, which "
                       "cannot be returned; let it return tensors of an ordinary dtype"));
}

// The working directory is none of the model's business either.
TEST(OnnxLoadTest, NoFileIsReadBesideTheArtifact) {
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(MODELD_TEST_ONNX_MODELS);
  for (const char* model : {"external_beside", "external_above", "external_absolute", "external_in_memory"}) {
    EXPECT_THAT(LoadStatus(OnnxModelPath(model)),
                StatusIs(absl::StatusCode::kInvalidArgument, Not(HasSubstr("\n"))))
        << model;
  }
  std::filesystem::current_path(before);
}

TEST(OnnxLoadTest, AFileMayVanishOnceLoaded) {
  const TempDir directory;
  const std::string path = directory.Write("cnn.onnx", ReadFile(OnnxModelPath("cnn")));
  ASSERT_OK_AND_ASSIGN(const auto executable, OnnxruntimeOnCpu()->Load(OnnxRequest(path)));
  std::filesystem::remove(path);
  EXPECT_OK(executable->Run(0, {Value{Zeros(DType::kFp32, {1, 1, 8, 8})}}));
}

TEST(OnnxRunTest, OpenDimensionsMayBeAnything) {
  OnnxModel cnn("cnn");
  for (const int64_t batch : {1, 7, 3, 0}) {
    ASSERT_OK_AND_ASSIGN(const Value logits,
                         cnn.Call({{"input", Value{Zeros(DType::kFp32, {batch, 1, 8, 8})}}}));
    EXPECT_EQ(logits.get_if<Tuple>()->items[0].get_if<Tensor>()->shape, (std::vector<int64_t>{batch, 10}));
  }
}

TEST(OnnxRunTest, WhatTheGraphDoesNotTakeIsRefusedByName) {
  OnnxModel model("fixed_shape");
  const std::vector<std::pair<Value, std::string>> cases = {
      {Value{Zeros(DType::kFp64, {2, 3})}, "got FP64[2,3] (dtype is FP64, not FP32)"},
      {Value{FloatTensor({3}, {1, 2, 3})}, "got FP32[3] (rank is 1, not 2)"},
      {Value{Zeros(DType::kFp32, {2, 4})}, "got FP32[2,4] (dimension 1 is 4, not 3)"},
  };
  for (const auto& [value, message] : cases) {
    EXPECT_THAT(model.Call({{"x", value}}),
                StatusIs(absl::StatusCode::kInvalidArgument, "input \"x\": expected FP32[-1,3], " + message));
  }
  EXPECT_THAT(model.Call({{"y", cases[0].first}}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("unknown input \"y\"")));
}

TEST(OnnxRunTest, AnInitializerCannotBeGiven) {
  EXPECT_THAT(OnnxModel("overridable")
                  .Call({{"x", Value{FloatTensor({1}, {1})}}, {"scale", Value{FloatTensor({1}, {1})}}}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("unknown input \"scale\"")));
}

// No request comes so; nothing is thrown all the same.
TEST(OnnxRunTest, NonsenseIsAnError) {
  OnnxModel add("add");
  const Tensor one = FloatTensor({1}, {1});
  Tensor too_short = one;
  too_short.shape = {1000};
  Tensor negative = one;
  negative.shape = {-1};
  EXPECT_FALSE(add.executable().Run(1, {}).ok());
  EXPECT_FALSE(add.executable().Run(0, {}).ok());
  EXPECT_FALSE(add.executable().Run(0, {Value{one}, Value{None{}}}).ok());
  EXPECT_FALSE(add.executable().Run(0, {Value{one}, Str("one")}).ok());
  EXPECT_FALSE(add.executable().Run(0, {Value{too_short}, Value{one}}).ok());
  EXPECT_FALSE(add.executable().Run(0, {Value{negative}, Value{one}}).ok());
  EXPECT_OK(add.executable().Run(0, {Value{one}, Value{one}}));
}

TEST(OnnxRunErrorTest, IsTheLibrarysMessageWithTheNode) {
  const Value x{FloatTensor({3}, {1, 2, 3})};
  EXPECT_THAT(
      OnnxModel("gather").Call({{"x", x}, {"indices", Value{IntTensor({1}, {5})}}}),
      StatusIs(absl::StatusCode::kInternal,
               "Non-zero status code returned while running Gather node. Name:'the_gather' Status "
               "Message: indices element out of data bounds, idx=5 must be within the inclusive range "
               "[-3,2]"));
  EXPECT_THAT(
      OnnxModel("reshape").Call({{"x", x}, {"shape", Value{IntTensor({1}, {4})}}}),
      StatusIs(absl::StatusCode::kInternal,
               AllOf(HasSubstr("Name:'the_reshape'"), HasSubstr("Input shape:{3}, requested shape:{4}"),
                     Not(HasSubstr("\n")), Not(HasSubstr(".h:")), Not(HasSubstr("::")))));
}

TEST(OnnxRunErrorTest, OutOfMemoryIsNoFaultOfTheModel) {
  EXPECT_THAT(OnnxModel("expand").Call({{"x", Value{FloatTensor({1}, {1})}},
                                        {"shape", Value{IntTensor({2}, {1 << 30, 1 << 16})}}}),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("out of memory")));
}

}  // namespace
}  // namespace modeld
