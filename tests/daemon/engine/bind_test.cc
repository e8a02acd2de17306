#include "daemon/engine/bind.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/support/status_matchers.h"
#include "tests/support/values.h"

namespace modeld {
namespace {

using Kind = Type::Kind;
using testing::ElementsAre;
using testing::Pair;

const Type kTensor = TypeOf(Kind::kTensor);
const Type kInt = TypeOf(Kind::kInt);
const Type kString = TypeOf(Kind::kString);
const Type kDict = TypeOf(Kind::kDict, {kString, kTensor});

Method Returning(Type type) { return Method{"forward", {}, std::move(type)}; }

// forward(image: Tensor, flag: bool, scale: float = 1.0)
Method ImageMethod() {
  return Method{"forward",
                {{"image", kTensor, std::nullopt},
                 {"flag", TypeOf(Kind::kBool), std::nullopt},
                 {"scale", TypeOf(Kind::kFloat), Value{1.0}}},
                kTensor};
}

std::vector<std::string> Dumps(const std::vector<Value>& values) {
  std::vector<std::string> dumps;
  for (const Value& value : values) dumps.push_back(Dump(value));
  return dumps;
}

Value Image(std::vector<int64_t> shape) { return Value{Zeros(DType::kFp32, std::move(shape))}; }

TEST(BindArgumentsTest, OrdersInputsAsTheMethodTakesThem) {
  const Value image = Image({1, 2});
  ASSERT_OK_AND_ASSIGN(
      const std::vector<Value> arguments,
      BindArguments(ImageMethod(), {}, {{"flag", Value{true}}, {"image", image}, {"scale", Int(2)}}));
  EXPECT_THAT(Dumps(arguments), ElementsAre(Dump(image), "True", "float 2"));
}

TEST(BindArgumentsTest, TakesDefaultsForWhatIsLeftOut) {
  ASSERT_OK_AND_ASSIGN(const std::vector<Value> arguments,
                       BindArguments(ImageMethod(), {}, {{"flag", Value{false}}, {"image", Image({1})}}));
  EXPECT_EQ(Dump(arguments[2]), "float 1");
}

TEST(BindArgumentsTest, BytesOfAnInputAreNotCopied) {
  const Value image = Image({1, 2});
  ASSERT_OK_AND_ASSIGN(const std::vector<Value> arguments,
                       BindArguments(ImageMethod(), {}, {{"flag", Value{false}}, {"image", image}}));
  EXPECT_EQ(arguments[0].get_if<Tensor>()->buffer.data, image.get_if<Tensor>()->buffer.data);
}

TEST(BindArgumentsTest, AMethodWithoutArguments) {
  ASSERT_OK_AND_ASSIGN(const std::vector<Value> arguments, BindArguments(Method{"reset", {}, {}}, {}, {}));
  EXPECT_TRUE(arguments.empty());
  EXPECT_THAT(BindArguments(Method{"reset", {}, {}}, {}, {{"x", Int(1)}}),
              StatusIs(absl::StatusCode::kInvalidArgument, "unknown input \"x\"; reset takes no inputs"));
}

struct RefusalCase {
  NamedValues inputs;
  std::string message;
};

TEST(BindArgumentsTest, RefusesByNameWithWhatWasExpected) {
  const NamedValues good = {{"image", Image({1})}, {"flag", Value{true}}};
  auto with = [&](const std::string& name, Value value) {
    NamedValues inputs = good;
    inputs[name] = std::move(value);
    return inputs;
  };
  const std::vector<RefusalCase> cases = {
      {{}, "missing input \"image\": expected Tensor; forward takes: image, flag, scale"},
      {{{"image", Image({1})}}, "missing input \"flag\": expected bool; forward takes: image, flag, scale"},
      {with("imgae", Image({1})),
       "unknown input \"imgae\" (did you mean \"image\"?); forward takes: image, flag, scale"},
      {with("zzzzzzzzz", Int(1)), "unknown input \"zzzzzzzzz\"; forward takes: image, flag, scale"},
      // A misspelt name is the better message than the missing input it leaves behind.
      {{{"imagee", Image({1})}, {"flag", Value{true}}},
       "unknown input \"imagee\" (did you mean \"image\"?); forward takes: image, flag, scale"},
      {with("a\nb", Int(1)), "unknown input \"a\\nb\"; forward takes: image, flag, scale"},
      {with("flag", Image({2, 3})), "input \"flag\": expected bool, got FP32[2,3]"},
      {with("image", ListOf({Int(1)})), "input \"image\": expected Tensor, got list of 1"},
      {with("scale", Str("big")), "input \"scale\": expected float, got str"},
      {with("image", Value{Tensor{DType::kFp32, {4}, Buffer::Allocate(15), {}}}),
       "input \"image\": FP32[4] takes 16 bytes, got 15"},
  };
  for (const RefusalCase& c : cases) {
    EXPECT_THAT(BindArguments(ImageMethod(), {}, c.inputs),
                StatusIs(absl::StatusCode::kInvalidArgument, c.message));
  }
}

TEST(BindArgumentsTest, NamesThePlaceInsideAnInput) {
  const Method method{"forward", {{"targets", TypeOf(Kind::kList, {kDict}), std::nullopt}}, kTensor};
  EXPECT_THAT(BindArguments(method, {}, {{"targets", ListOf({DictOf({{Str("boxes"), Int(1)}})})}}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "input \"targets\"[0][\"boxes\"]: expected Tensor, got int"));
}

struct DeclaredCase {
  DeclaredTensor declared;
  Value image;
  std::string message;  // empty: it fits
};

TEST(BindArgumentsTest, ChecksTensorsAsDeclared) {
  using Shape = std::vector<int64_t>;
  const std::vector<DeclaredCase> cases = {
      {{"image", DType::kFp32, Shape{-1, 3}}, Image({0, 3}), ""},
      {{"image", DType::kFp32, Shape{-1, 3}}, Image({7, 3}), ""},
      {{"image", DType::kFp32, Shape{}}, Image({}), ""},
      {{"image", DType::kFp32, std::nullopt}, Image({1, 2, 3}), ""},
      {{"image", std::nullopt, Shape{-1}}, Value{IntTensor({2}, {1, 2})}, ""},
      {{"image", std::nullopt, std::nullopt}, Image({2}), ""},
      {{"other", DType::kInt8, Shape{9}}, Image({2}), ""},
      {{"image", DType::kFp32, Shape{-1, 3}},
       Image({2, 4}),
       "input \"image\": expected FP32[-1,3], got FP32[2,4] (dimension 1 is 4, not 3)"},
      {{"image", DType::kFp32, Shape{-1, 1, 8, 8}},
       Image({4, 8, 8}),
       "input \"image\": expected FP32[-1,1,8,8], got FP32[4,8,8] (rank is 3, not 4)"},
      {{"image", DType::kFp32, Shape{}},
       Image({1}),
       "input \"image\": expected FP32[], got FP32[1] (rank is 1, not 0)"},
      {{"image", DType::kFp32, Shape{-1}},
       Value{IntTensor({2}, {1, 2})},
       "input \"image\": expected FP32[-1], got INT64[2] (dtype is INT64, not FP32)"},
      {{"image", DType::kFp32, std::nullopt},
       Value{IntTensor({2}, {1, 2})},
       "input \"image\": expected FP32, got INT64[2] (dtype is INT64, not FP32)"},
      {{"image", std::nullopt, Shape{-1, 3}},
       Image({2, 4}),
       "input \"image\": expected [-1,3], got FP32[2,4] (dimension 1 is 4, not 3)"},
  };
  for (const DeclaredCase& c : cases) {
    const auto bound =
        BindArguments(ImageMethod(), {c.declared}, {{"flag", Value{true}}, {"image", c.image}});
    if (c.message.empty()) {
      EXPECT_OK(bound);
    } else {
      EXPECT_THAT(bound, StatusIs(absl::StatusCode::kInvalidArgument, c.message));
    }
  }
}

TEST(BindArgumentsTest, AMissingInputIsDescribedAsDeclared) {
  EXPECT_THAT(BindArguments(ImageMethod(), {{"image", DType::kFp32, std::vector<int64_t>{-1, 3}}}, {}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "missing input \"image\": expected FP32[-1,3]; forward takes: image, flag, scale"));
}

TEST(BindArgumentsTest, ADeclaredOptionalTensorMayBeNone) {
  const Method method{"forward", {{"mask", TypeOf(Kind::kOptional, {kTensor}), Value{None{}}}}, kTensor};
  const std::vector<DeclaredTensor> declared = {{"mask", DType::kBool, std::vector<int64_t>{2}}};
  EXPECT_OK(BindArguments(method, declared, {}));
  EXPECT_OK(BindArguments(method, declared, {{"mask", Value{None{}}}}));
  EXPECT_THAT(BindArguments(method, declared, {{"mask", Image({2})}}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "input \"mask\": expected BOOL[2], got FP32[2] (dtype is FP32, not BOOL)"));
}

struct NamingCase {
  const char* what;
  Value result;
  std::vector<std::string> declared;
  std::vector<std::pair<std::string, std::string>> outputs;  // name and value, by name
};

std::vector<DeclaredTensor> Declare(const std::vector<std::string>& names) {
  std::vector<DeclaredTensor> declared;
  for (const std::string& name : names) declared.push_back({name, std::nullopt, std::nullopt});
  return declared;
}

TEST(NameOutputsTest, SplitsAndNames) {
  const Value pair = TupleOf({Int(1), Int(2)});
  const Value point = TupleOf({Int(1), Int(2)}, {"x", "y"});
  const Value dict = DictOf({{Str("b"), Int(1)}, {Str("a"), Int(2)}});
  const std::vector<NamingCase> cases = {
      {"one value", Int(1), {}, {{"output", "1"}}},
      {"one value, declared", Int(1), {"logits"}, {{"logits", "1"}}},
      {"None", Value{None{}}, {}, {{"output", "None"}}},
      {"a list is one output", ListOf({Int(1), Int(2)}), {}, {{"output", "[1, 2]"}}},
      {"a tuple", pair, {}, {{"output_0", "1"}, {"output_1", "2"}}},
      {"a tuple of one", TupleOf({Int(1)}), {}, {{"output", "1"}}},
      {"an empty tuple", TupleOf({}), {}, {}},
      {"a tuple, declared", pair, {"b", "a"}, {{"a", "2"}, {"b", "1"}}},
      {"a tuple, declared in part", pair, {"b"}, {{"b", "1"}, {"output_1", "2"}}},
      {"a tuple, declared beyond its length", pair, {"a", "b", "c"}, {{"a", "1"}, {"b", "2"}}},
      {"a named tuple", point, {}, {{"x", "1"}, {"y", "2"}}},
      {"a named tuple, renamed", point, {"p", "q"}, {{"p", "1"}, {"q", "2"}}},
      {"a named tuple, declared in another order", point, {"y", "x"}, {{"x", "1"}, {"y", "2"}}},
      {"a dictionary", dict, {}, {{"a", "2"}, {"b", "1"}}},
      {"a dictionary, declared in another order", dict, {"a", "b"}, {{"a", "2"}, {"b", "1"}}},
      {"a dictionary, one key declared", dict, {"a"}, {{"a", "2"}, {"b", "1"}}},
      {"a dictionary, renamed", dict, {"p", "q"}, {{"p", "1"}, {"q", "2"}}},
      {"an empty dictionary", DictOf({}), {}, {}},
      {"a dictionary of ints is one output", DictOf({{Int(1), Int(2)}}), {}, {{"output", "{1: 2}"}}},
      {"an empty key", DictOf({{Str(""), Int(1)}, {Str("a"), Int(2)}}), {}, {{"a", "2"}, {"output_0", "1"}}},
      {"a new name that another output has", point, {"y", "z"}, {{"y", "1"}, {"z", "2"}}},
      {"a new name that a later output keeps", point, {"y"}, {{"x", "1"}, {"y", "2"}}},
      {"a key like a numbered name",
       DictOf({{Str("output_1"), Int(1)}, {Str(""), Int(2)}}),
       {},
       {{"output_1", "1"}, {"output_1_", "2"}}},
  };
  for (const NamingCase& c : cases) {
    std::vector<std::pair<std::string, std::string>> outputs;
    for (const auto& [name, value] : NameOutputs(c.result, Declare(c.declared))) {
      outputs.emplace_back(name, Dump(value));
    }
    EXPECT_EQ(outputs, c.outputs) << c.what;
  }
}

TEST(NameOutputsTest, NoOutputIsLostToARename) {
  const Value triple = TupleOf({Int(1), Int(2), Int(3)}, {"a", "b", "c"});
  EXPECT_EQ(NameOutputs(triple, Declare({"c", "x"})).size(), 3u);
}

struct OutputTypesCase {
  Type returns;
  std::vector<std::string> declared;
  std::vector<std::pair<std::string, std::string>> outputs;
};

TEST(OutputTypesTest, TellsWhatTheReturnTypeTells) {
  const Type pair = TypeOf(Kind::kTuple, {kTensor, kInt});
  Type point = pair;
  point.field_names = {"x", "y"};
  const std::vector<OutputTypesCase> cases = {
      {kTensor, {}, {{"output", "Tensor"}}},
      {kTensor, {"logits"}, {{"logits", "Tensor"}}},
      {pair, {}, {{"output_0", "Tensor"}, {"output_1", "int"}}},
      {pair, {"b"}, {{"b", "Tensor"}, {"output_1", "int"}}},
      {point, {}, {{"x", "Tensor"}, {"y", "int"}}},
      {TypeOf(Kind::kTuple), {}, {}},
      {kDict, {}, {{"*", "Tensor"}}},
      {kDict, {"boxes", "scores"}, {{"boxes", "Tensor"}, {"scores", "Tensor"}}},
      {TypeOf(Kind::kDict, {kInt, kTensor}), {}, {{"output", "Dict[int, Tensor]"}}},
      {TypeOf(Kind::kOptional, {kTensor}), {}, {{"output", "Optional[Tensor]"}}},
  };
  for (const OutputTypesCase& c : cases) {
    std::vector<std::pair<std::string, std::string>> outputs;
    for (const auto& [name, type] : OutputTypes(Returning(c.returns), Declare(c.declared))) {
      outputs.emplace_back(name, TypeName(type));
    }
    EXPECT_EQ(outputs, c.outputs) << TypeName(c.returns);
  }
}

TEST(CheckDeclarationsTest, AcceptsWhatTheSignatureAllows) {
  const Method method{"forward",
                      {{"x", kTensor, std::nullopt},
                       {"mask", TypeOf(Kind::kOptional, {kTensor}), std::nullopt},
                       {"any", TypeOf(Kind::kAny), std::nullopt}},
                      TypeOf(Kind::kTuple, {kTensor, kTensor})};
  EXPECT_OK(CheckDeclarations(method, {}, {}));
  EXPECT_OK(CheckDeclarations(method, Declare({"any", "mask", "x"}), Declare({"a", "b"})));
  EXPECT_OK(CheckDeclarations(Returning(kDict), {}, Declare({"a", "b", "c"})));
  EXPECT_OK(CheckDeclarations(Returning(TypeOf(Kind::kAny)), {}, Declare({"a", "b", "c"})));
}

TEST(CheckDeclarationsTest, NamesTheFirstContradiction) {
  const Method method = ImageMethod();
  EXPECT_THAT(CheckDeclarations(method, Declare({"image", "imgae"}), {}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "the config declares the unknown input \"imgae\" (did you mean \"image\"?); forward "
                       "takes: image, flag, scale"));
  EXPECT_THAT(CheckDeclarations(method, Declare({"flag"}), {}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "the config declares input \"flag\" as a tensor, but forward takes it as bool"));
  EXPECT_THAT(CheckDeclarations(method, {{"image", DType::kBytes, std::nullopt}}, {}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "the config declares input \"image\" as BYTES, which no tensor argument can hold"));
  Method of_strings{"forward", {{"words", TypeOf(Kind::kStringTensor), std::nullopt}}, kTensor};
  EXPECT_OK(CheckDeclarations(of_strings, {{"words", DType::kBytes, std::nullopt}}, {}));
  EXPECT_THAT(CheckDeclarations(of_strings, {{"words", DType::kFp32, std::nullopt}}, {}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "the config declares input \"words\" as FP32, but forward takes it as BYTES"));
  EXPECT_THAT(CheckDeclarations(method, {}, Declare({"a", "b"})),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "the config declares 2 outputs, but forward returns 1 (Tensor)"));
  EXPECT_THAT(
      CheckDeclarations(Returning(TypeOf(Kind::kTuple, {kTensor, kInt})), {}, Declare({"a", "b", "c"})),
      StatusIs(absl::StatusCode::kInvalidArgument,
               "the config declares 3 outputs, but forward returns 2 (Tuple[Tensor, int])"));
}

}  // namespace
}  // namespace modeld
