#include "daemon/engine/libtorch/libtorch_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/support/loaded_model.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/values.h"

namespace modeld {
namespace {

using testing::_;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string ReadFile(const std::string& path) {
  std::ostringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  return content.str();
}

// "forward(x: Tensor, scale: float = float 2) -> Tensor"
std::string Describe(const Method& method) {
  std::vector<std::string> arguments;
  for (const Argument& argument : method.arguments) {
    arguments.push_back(
        absl::StrCat(argument.name, ": ", TypeName(argument.type),
                     argument.default_value.has_value() ? " = " + Dump(*argument.default_value) : ""));
  }
  return absl::StrCat(method.name, "(", absl::StrJoin(arguments, ", "), ") -> ", TypeName(method.returns));
}

std::vector<std::string> Signatures(const std::string& model) {
  std::vector<std::string> signatures;
  const LoadedModel loaded(model);
  for (const Method& method : loaded.methods()) signatures.push_back(Describe(method));
  return signatures;
}

TEST(LibtorchEngineTest, NamesItselfAndTheLibrary) {
  const auto engine = NewLibtorchEngine();
  EXPECT_EQ(engine->libraries().front().name, "libtorch");
  EXPECT_THAT(engine->libraries().front().version, testing::MatchesRegex("[12]\\.[0-9]+\\.[0-9]+"));
}

TEST(SignatureTest, ForwardFirstThenTheOthersByName) {
  EXPECT_THAT(Signatures("methods"),
              ElementsAre("forward(x: Tensor) -> Tensor", "decode(x: Tensor, scale: int = 2) -> Tensor",
                          "encode(x: Tensor) -> Tensor"));
}

TEST(SignatureTest, OfEveryType) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"scalars", "forward(b: bool, i: int, f: float, c: complex) -> Tuple[bool, int, float, complex]"},
      {"string_list", "forward(words: List[str]) -> List[str]"},
      {"detection", "forward(images: List[Tensor]) -> List[Dict[str, Tensor]]"},
      {"int_dict", "forward(xs: Dict[int, str]) -> Dict[int, str]"},
      {"tuple_output", "forward(x: Tensor) -> Tuple[Tensor, int, Tuple[str, Optional[Tensor]]]"},
      {"named_tuple",
       "forward(point: NamedTuple(x: Tensor, label: str)) -> NamedTuple(x: Tensor, label: str)"},
      {"optional", "forward(x: Tensor, bias: Optional[Tensor] = None, scale: float = float 2) -> Tensor"},
      {"defaults",
       "forward(name: str = \"n\", pair: Tuple[int, float] = (3, float 0.5), last: bool = True) -> str"},
      {"union", "forward(x: Union[List[str], int, str]) -> str"},
      {"anything", "forward(x: Any) -> Any"},
      {"future", "forward(x: Tensor) -> Future[Tensor]"},
      {"without_forward", "predict(x: Tensor) -> Tensor"},
      {"cnn", "forward(input: Tensor) -> Tensor"},
      {"frozen_cnn", "forward(input: Tensor) -> Tensor"},
  };
  for (const auto& [model, signature] : cases) {
    EXPECT_THAT(Signatures(model), ElementsAre(signature)) << model;
  }
}

TEST(MethodTest, EachExportedOneRuns) {
  LoadedModel methods("methods");
  const Value x{FloatTensor({1}, {8})};
  EXPECT_EQ(methods.Answer({{"x", x}}), Dump(Value{FloatTensor({1}, {17})}));
  EXPECT_EQ(methods.Answer({{"x", x}}, "encode"), Dump(Value{FloatTensor({1}, {16})}));
  EXPECT_EQ(methods.Answer({{"x", x}, {"scale", Int(4)}}, "decode"), Dump(Value{FloatTensor({1}, {2})}));
}

TEST(MethodTest, AModuleWithoutForwardRuns) {
  EXPECT_EQ(LoadedModel("without_forward").Answer({{"x", Value{FloatTensor({1}, {1})}}}, "predict"),
            Dump(Value{FloatTensor({1}, {2})}));
}

TEST(LoadTest, AModuleThatCannotBeCalledIsRefused) {
  EXPECT_THAT(NewLibtorchEngine()->Load({ModelPath("uncallable")}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "forward takes \"device\" of type Device, which cannot be passed; give it a default"));
}

TEST(LoadTest, AMissingFileIsNotFound) {
  EXPECT_THAT(NewLibtorchEngine()->Load({"no/such.pt"}),
              StatusIs(absl::StatusCode::kNotFound, "no such file: no/such.pt"));
}

TEST(LoadTest, DamagedFilesAreRefusedInOneLine) {
  const TempDir directory;
  const std::string whole = ReadFile(ModelPath("cnn"));
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"empty.pt", ""},
      {"text.pt", "this is no model"},
      {"truncated.pt", whole.substr(0, whole.size() / 2)},
      {"no_end.pt", whole.substr(0, whole.size() - 10)},
      {"no_start.pt", std::string(1000, '\0') + whole.substr(1000)},
  };
  for (const auto& [name, content] : cases) {
    EXPECT_THAT(NewLibtorchEngine()->Load({directory.Write(name, content)}),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(Not(testing::IsEmpty()), Not(HasSubstr("\n")), Not(HasSubstr("frame #")))))
        << name;
  }
  EXPECT_THAT(NewLibtorchEngine()->Load({directory.path()}), StatusIs(absl::StatusCode::kInvalidArgument, _));
}

TEST(LoadTest, AFileMayVanishOnceLoaded) {
  const TempDir directory;
  const std::string path = directory.Write("echo.pt", ReadFile(ModelPath("echo")));
  ASSERT_OK_AND_ASSIGN(const auto executable, NewLibtorchEngine()->Load({path}));
  std::filesystem::remove(path);
  EXPECT_OK(executable->Run(0, {Value{FloatTensor({1}, {1})}}));
}

TEST(LoadTest, AModuleSavedInTrainingModeRunsInEvaluationMode) {
  const Value x{FloatTensor({100}, std::vector<float>(100, 1.0f))};
  EXPECT_EQ(LoadedModel("dropout_in_training").Answer({{"input", x}}), Dump(x));
}

TEST(LoadTest, ConvolutionsAndRecurrentNetworksRun) {
  ASSERT_OK_AND_ASSIGN(Value logits,
                       LoadedModel("cnn").Call({{"input", Value{Zeros(DType::kFp32, {3, 1, 8, 8})}}}));
  EXPECT_EQ(ValueSummary(logits), "FP32[3,10]");
  EXPECT_EQ(Dump(logits),
            LoadedModel("frozen_cnn").Answer({{"input", Value{Zeros(DType::kFp32, {3, 1, 8, 8})}}}));
  ASSERT_OK_AND_ASSIGN(Value states,
                       LoadedModel("lstm").Call({{"x", Value{Zeros(DType::kFp32, {2, 5, 4})}}}));
  const Tuple& tuple = *states.get_if<Tuple>();
  ASSERT_EQ(tuple.items.size(), 2u);
  EXPECT_EQ(ValueSummary(tuple.items[0]), "FP32[2,5,3]");
  EXPECT_EQ(ValueSummary(tuple.items[1].get_if<Tuple>()->items[1]), "FP32[1,2,3]");
}

TEST(LoadTest, DynamicallyQuantizedLayersRun) {
  LoadedModel model("quantized");
  const Value x{FloatTensor({3, 4}, {1, 2, 3, 4, 0, 0, 0, 0, 4, 3, 2, 1})};
  ASSERT_OK_AND_ASSIGN(const Value first, model.Call({{"input", x}}));
  EXPECT_EQ(first.get_if<Tensor>()->shape, (std::vector<int64_t>{3, 2}));
  ASSERT_OK_AND_ASSIGN(const Value second, model.Call({{"input", x}}));
  EXPECT_EQ(Dump(first), Dump(second));
}

TEST(LoadTest, DynamicallyQuantizedLayersBesideStateRun) {
  LoadedModel model("quantized_counter");
  const Value x{FloatTensor({1, 4}, {1, 2, 3, 4})};
  EXPECT_THAT(model.Answer({{"x", x}}), HasSubstr(", 1)"));
  EXPECT_THAT(model.Answer({{"x", x}}), HasSubstr(", 1)")) << "each request begins anew";
  model.KeepState();
  EXPECT_THAT(model.Answer({{"x", x}}), HasSubstr(", 1)"));
  EXPECT_THAT(model.Answer({{"x", x}}), HasSubstr(", 2)"));
}

TEST(RunErrorTest, IsTheModelsOwnMessageWithItsSourceLine) {
  LoadedModel raises("raises");
  const auto call = [&](const char* kind) {
    return raises.Call({{"x", Value{FloatTensor({2, 3}, {1, 2, 3, 4, 5, 6})}}, {"kind", Str(kind)}});
  };
  const auto is_internal = [](const std::string& message, const std::string& source) {
    return StatusIs(absl::StatusCode::kInternal,
                    AllOf(StartsWith(message + " (at make_models.py:"), testing::EndsWith(source)));
  };
  EXPECT_THAT(call("value"), is_internal("ValueError: the sum is too large",
                                         " in forward: raise ValueError(\"the sum is too large\"))"));
  EXPECT_THAT(call("assert"), is_internal("AssertionError: expected four dimensions",
                                          " in forward: assert x.dim() == 4, \"expected four dimensions\")"));
  EXPECT_THAT(call("operator"), is_internal("mat1 and mat2 shapes cannot be multiplied (2x3 and 7x9)",
                                            " in forward: return x @ torch.zeros(7, 9))"));
  EXPECT_THAT(call("fork"), is_internal("mat1 and mat2 shapes cannot be multiplied (2x3 and 7x9)", ")"));
}

TEST(RunErrorTest, OfTracedModelsIsShortToo) {
  EXPECT_THAT(
      LoadedModel("cnn").Call({{"input", Value{Zeros(DType::kFp32, {1, 3, 8, 8})}}}),
      StatusIs(absl::StatusCode::kInternal, AllOf(HasSubstr("expected input[1, 3, 8, 8] to have 1 channels"),
                                                  Not(HasSubstr("Traceback")), Not(HasSubstr("\n")))));
}

TEST(RunErrorTest, MemoryThatRanOutIsTold) {
  LoadedModel raises("raises");
  EXPECT_THAT(raises.Call({{"x", Value{FloatTensor({1}, {1})}}, {"kind", Str("memory")}}),
              StatusIs(absl::StatusCode::kResourceExhausted, StartsWith("out of memory: ")));
}

TEST(RunErrorTest, AModelThatRaisedAnswersTheNextCall) {
  LoadedModel raises("raises");
  const Value x{FloatTensor({1}, {1})};
  EXPECT_FALSE(raises.Call({{"x", x}, {"kind", Str("value")}}).ok());
  EXPECT_EQ(raises.Answer({{"x", x}, {"kind", Str("")}}), Dump(x));
}

}  // namespace
}  // namespace modeld
