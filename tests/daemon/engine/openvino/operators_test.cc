// Each operator that is run on OpenVINO comes out there as it does on LibTorch.
#include "daemon/engine/openvino/operators.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <set>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "daemon/engine/openvino/eligibility.h"
#include "daemon/engine/openvino/forward_graph.h"
#include "operator_cases.h"
#include "scripted.h"
#include "tests/support/status_matchers.h"

namespace modeld {

void PrintTo(const OperatorCase& each, std::ostream* out) { *out << each.body << " on " << each.inputs; }

namespace {

using ::testing::IsEmpty;

DType DTypeOf(char letter) {
  switch (letter) {
    case 'L':
      return DType::kInt64;
    case 'I':
      return DType::kInt32;
    case 'B':
      return DType::kBool;
    case 'U':
      return DType::kUint8;
    default:
      return DType::kFp32;
  }
}

std::vector<KnownInput> InputsOf(const OperatorCase& each) {
  std::vector<KnownInput> inputs;
  for (const absl::string_view text : absl::StrSplit(each.inputs, ' ')) {
    std::vector<int64_t> shape;
    for (const absl::string_view size : absl::StrSplit(text.substr(2, text.size() - 3), ',')) {
      shape.emplace_back();
      EXPECT_TRUE(absl::SimpleAtoi(size, &shape.back()));
    }
    inputs.push_back(Known(std::string(1, static_cast<char>('x' + inputs.size())), DTypeOf(text[0]), shape));
  }
  return inputs;
}

std::string SourceOf(const OperatorCase& each, size_t inputs) {
  std::string source = "def forward(self";
  for (size_t i = 0; i < inputs; ++i)
    absl::StrAppend(&source, ", ", std::string(1, static_cast<char>('x' + i)));
  return absl::StrCat(source, "):\n  ", absl::StrReplaceAll(each.body, {{"\n", "\n  "}}), "\n");
}

// Numbers without order, zeros among them.
class Numbers {
 public:
  explicit Numbers(double range) : range_(range) {}

  Value Of(const KnownInput& input, int64_t free_size) {
    std::vector<int64_t> shape = input.shape;
    std::replace(shape.begin(), shape.end(), int64_t{-1}, free_size);
    const auto count = static_cast<size_t>(ElementCount(shape, input.dtype).value());
    switch (input.dtype) {
      case DType::kFp32:
        return Value{FloatTensor(shape, Floats(count))};
      case DType::kInt64:
        return Value{IntTensor(shape, Integers<int64_t>(count))};
      case DType::kInt32:
        return Value{MakeTensor(input.dtype, shape, Integers<int32_t>(count))};
      case DType::kUint8:
        return Value{MakeTensor(input.dtype, shape, Integers<uint8_t>(count))};
      default: {
        std::vector<char> elements(count);
        for (char& element : elements) element = static_cast<char>(random_() % 2);
        return Value{MakeTensor(input.dtype, shape, elements)};
      }
    }
  }

 private:
  std::vector<float> Floats(size_t count) {
    std::uniform_real_distribution<float> distribution(static_cast<float>(-range_),
                                                       static_cast<float>(range_));
    std::vector<float> elements(count);
    for (float& element : elements) {
      element = distribution(random_);
      if (random_() % 8 == 0)
        element = std::round(element);  // also onto steps of what is rounded or compared
      if (random_() % 16 == 0) element = 0;
    }
    return elements;
  }
  template <typename T>
  std::vector<T> Integers(size_t count) {
    std::vector<T> elements(count);
    for (T& element : elements) element = static_cast<T>(random_() % (static_cast<uint64_t>(range_) + 1));
    return elements;
  }

  const double range_;
  std::mt19937 random_{20240229};
};

void ExpectSame(const Value& actual, const Value& expected) {
  if (const auto* const tuple = expected.get_if<Tuple>()) {
    ASSERT_NE(actual.get_if<Tuple>(), nullptr);
    ASSERT_EQ(actual.get_if<Tuple>()->items.size(), tuple->items.size());
    for (size_t i = 0; i < tuple->items.size(); ++i)
      ExpectSame(actual.get_if<Tuple>()->items[i], tuple->items[i]);
    return;
  }
  const auto *const a = actual.get_if<Tensor>(), *const e = expected.get_if<Tensor>();
  ASSERT_NE(a, nullptr);
  ASSERT_EQ(TensorSummary(a->dtype, a->shape), TensorSummary(e->dtype, e->shape));
  if (e->dtype != DType::kFp32) {
    ASSERT_EQ(Dump(actual), Dump(expected));
    return;
  }
  const std::vector<float> xs = ElementsOf<float>(actual), ys = ElementsOf<float>(expected);
  for (size_t i = 0; i < ys.size(); ++i) {
    if (std::isnan(ys[i]) ? std::isnan(xs[i]) : xs[i] == ys[i]) continue;
    ASSERT_NEAR(xs[i], ys[i], 1e-5 + 1e-4 * std::abs(ys[i])) << "element " << i;
  }
}

class OperatorsTest : public ::testing::TestWithParam<OperatorCase> {};

TEST_P(OperatorsTest, ComesOutAsOnLibtorch) {
  const std::vector<KnownInput> inputs = InputsOf(GetParam());
  Scripted scripted(SourceOf(GetParam(), inputs.size()), inputs);
  const std::unique_ptr<Executable> libtorch = scripted.LoadOnLibtorch();
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Executable> openvino, scripted.LoadOnOpenvino());
  Numbers numbers(GetParam().range);
  for (const int64_t free_size : {2, 1, 5, 2, 3}) {
    std::vector<Value> arguments;
    for (const KnownInput& input : inputs) arguments.push_back(numbers.Of(input, free_size));
    ASSERT_OK_AND_ASSIGN(const Value actual, openvino->Run(0, arguments));
    ASSERT_OK_AND_ASSIGN(const Value expected, libtorch->Run(0, arguments));
    ASSERT_NO_FATAL_FAILURE(ExpectSame(actual, expected)) << "free dimensions of " << free_size;
    ASSERT_FALSE(scripted.fell_back()) << "free dimensions of " << free_size;
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, OperatorsTest, ::testing::ValuesIn(OperatorCases()));

void CollectNames(const torch::jit::Block& block, std::set<std::string>* names) {
  for (const torch::jit::Node* const node : block.nodes()) {
    if (const c10::FunctionSchema* const schema = node->maybeSchema()) {
      names->insert(c10::toString(schema->operator_name()));
    }
    for (const torch::jit::Block* const inner : node->blocks()) CollectNames(*inner, names);
  }
}

// What a case's graph holds once everything that could be folded is.
void CollectNames(const OperatorCase& each, std::set<std::string>* names) {
  const std::vector<KnownInput> inputs = InputsOf(each);
  const Scripted scripted(SourceOf(each, inputs.size()), inputs);
  torch::jit::Module module = torch::jit::load(scripted.path());
  module.eval();
  const auto loaded = NewLibtorchEngine()->Load({.artifact_path = scripted.path()});
  absl::StatusOr<ForwardGraph> forward = MakeForwardGraph(module, (*loaded)->methods()[0], inputs);
  ASSERT_OK(forward);
  CollectNames(*forward->graph->block(), names);
}

TEST(OperatorListTest, EachIsTested) {
  std::set<std::string> tested;
  for (const OperatorCase& each : OperatorCases()) CollectNames(each, &tested);
  std::vector<std::string> untested = OperatorNames();
  std::erase_if(untested, [&](const std::string& name) { return tested.count(name) > 0; });
  EXPECT_THAT(untested, IsEmpty());
}

}  // namespace
}  // namespace modeld
