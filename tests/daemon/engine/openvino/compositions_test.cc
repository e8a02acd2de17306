// Random compositions of operators come out on OpenVINO as on LibTorch, or are not run there.
//
// MODELD_COMPOSITIONS=<first seed>:<count> runs other programs than the few that are the default, and names
// each on stderr before it runs, so that one that ends the process is known. The same seed makes the same
// program.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <limits>
#include <random>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "daemon/engine/deep_copy.h"
#include "random_program.h"
#include "scripted.h"
#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

// Of the programs, those that OpenVINO takes; and of their calls, those that it answered itself.
constexpr double kLeastTaken = 0.5, kLeastAnswered = 0.6;

struct Seeds {
  uint32_t first = 1, count = 250;
  bool are_default = true;
};

Seeds SeedsToRun() {
  const char* const text = std::getenv("MODELD_COMPOSITIONS");
  if (text == nullptr) return {};
  const std::pair<std::string, std::string> parts = absl::StrSplit(text, ':');
  Seeds seeds{.are_default = false};
  EXPECT_TRUE(absl::SimpleAtoi(parts.first, &seeds.first) && absl::SimpleAtoi(parts.second, &seeds.count))
      << text;
  return seeds;
}

enum class Numbers { kUsual, kSmallIntegers, kLarge, kNotANumber };

struct CallForm {
  int64_t first, second;  // sizes of the dimensions -1 and -2
  Numbers numbers;
};

constexpr CallForm kCalls[] = {{2, 3, Numbers::kUsual},         {1, 1, Numbers::kUsual},
                               {3, 2, Numbers::kSmallIntegers}, {5, 4, Numbers::kLarge},
                               {4, 1, Numbers::kUsual},         {1, 5, Numbers::kSmallIntegers},
                               {2, 3, Numbers::kNotANumber},    {2, 3, Numbers::kUsual}};

class InputMaker {
 public:
  explicit InputMaker(uint32_t seed) : random_(seed) {}

  std::vector<Value> For(const RandomProgram& program, const CallForm& form) {
    std::vector<Value> values;
    for (size_t i = 0; i < program.inputs.size(); ++i) {
      std::vector<int64_t> shape = program.dims[i];
      std::replace(shape.begin(), shape.end(), int64_t{-1}, form.first);
      std::replace(shape.begin(), shape.end(), int64_t{-2}, form.second);
      values.push_back(Of(program.inputs[i].dtype, std::move(shape), form.numbers));
    }
    return values;
  }

  // Changed as little as rounding does: what comes out much different then is a question of luck.
  std::vector<Value> Shaken(const std::vector<Value>& values) {
    std::vector<Value> shaken;
    std::uniform_real_distribution<float> noise(-1, 1);
    for (const Value& value : values) {
      shaken.push_back(DeepCopy(value));
      Tensor& tensor = *shaken.back().get_if<Tensor>();
      if (tensor.dtype != DType::kFp32) continue;
      auto* const elements = static_cast<float*>(tensor.buffer.data);
      for (int64_t i = 0; i < tensor.element_count(); ++i)
        elements[i] += 1e-6F * noise(random_) * (1 + std::abs(elements[i]));
    }
    return shaken;
  }

 private:
  Value Of(DType dtype, std::vector<int64_t> shape, Numbers numbers) {
    const auto count = static_cast<size_t>(ElementCount(shape, dtype).value());
    if (dtype == DType::kInt64) {
      std::vector<int64_t> elements(count);
      for (int64_t& element : elements) element = static_cast<int64_t>(random_() % 10);
      return Value{IntTensor(std::move(shape), elements)};
    }
    if (dtype == DType::kBool) {
      std::vector<char> elements(count);
      for (char& element : elements) element = static_cast<char>(random_() % 2);
      return Value{MakeTensor(dtype, std::move(shape), elements)};
    }
    std::vector<float> elements(count);
    for (float& element : elements) element = Number(numbers);
    if (numbers == Numbers::kNotANumber)
      elements[random_() % count] =
          random_() % 2 == 0 ? std::nanf("") : std::numeric_limits<float>::infinity();
    return Value{FloatTensor(std::move(shape), elements)};
  }

  float Number(Numbers numbers) {
    const float number = std::uniform_real_distribution<float>(-3, 3)(random_);
    switch (numbers) {
      case Numbers::kSmallIntegers:
        return std::round(number);
      case Numbers::kLarge:
        return number * (random_() % 4 == 0 ? 1000.0F : 1.0F);
      default:
        return number;
    }
  }

  std::mt19937 random_;
};

// What differs between two values, "" if nothing; `shaken` is the expected one for about the same input,
// which says how far the numbers may be off.
std::string Difference(const Value& actual, const Value& expected, const std::vector<Value>& shaken);

std::string TensorDifference(const Value& actual, const Value& expected, const std::vector<Value>& shaken) {
  const auto *const a = actual.get_if<Tensor>(), *const e = expected.get_if<Tensor>();
  if (TensorSummary(a->dtype, a->shape) != TensorSummary(e->dtype, e->shape)) {
    return absl::StrCat(TensorSummary(a->dtype, a->shape), ", not ", TensorSummary(e->dtype, e->shape));
  }
  for (const Value& other : shaken) {
    if (other.get_if<Tensor>()->shape != e->shape) return "";
  }
  if (e->dtype != DType::kFp32) {
    const bool is_luck = std::any_of(shaken.begin(), shaken.end(),
                                     [&](const Value& other) { return Dump(other) != Dump(expected); });
    return is_luck || Dump(actual) == Dump(expected) ? "" : "other integers or booleans";
  }
  const std::vector<float> xs = ElementsOf<float>(actual), ys = ElementsOf<float>(expected);
  double scale = 0, luck = 0;
  for (const float y : ys) {
    if (std::isfinite(y)) scale = std::max<double>(scale, std::abs(y));
  }
  for (const Value& other : shaken) {
    const std::vector<float> zs = ElementsOf<float>(other);
    for (size_t i = 0; i < ys.size(); ++i) {
      if (std::isfinite(ys[i]) && std::isfinite(zs[i]))
        luck = std::max<double>(luck, std::abs(zs[i] - ys[i]));
    }
  }
  for (size_t i = 0; i < ys.size(); ++i) {
    if (std::isnan(ys[i]) ? std::isnan(xs[i]) : xs[i] == ys[i]) continue;
    if (std::abs(xs[i] - ys[i]) <= 1e-5 + 1e-4 * std::abs(ys[i]) + 1e-5 * scale + 20 * luck) continue;
    return absl::StrCat("element ", i, " is ", xs[i], ", not ", ys[i]);
  }
  return "";
}

std::string ItemsDifference(const std::vector<Value>& actual, const std::vector<Value>& expected,
                            const std::vector<std::vector<Value>>& shaken) {
  if (actual.size() != expected.size()) return "another number of items";
  for (size_t i = 0; i < expected.size(); ++i) {
    std::vector<Value> others;
    for (const std::vector<Value>& items : shaken) {
      if (items.size() != expected.size()) return "";
      others.push_back(items[i]);
    }
    if (std::string what = Difference(actual[i], expected[i], others); !what.empty())
      return absl::StrCat("item ", i, ": ", what);
  }
  return "";
}

std::vector<Value> ItemsOf(const Value& value) {
  if (const auto* const list = value.get_if<List>()) return list->items;
  if (const auto* const tuple = value.get_if<Tuple>()) return tuple->items;
  std::vector<Value> items;
  for (const auto& [key, item] : value.get_if<Dict>()->entries) {
    items.push_back(key);
    items.push_back(item);
  }
  return items;
}

std::string Difference(const Value& actual, const Value& expected, const std::vector<Value>& shaken) {
  if (actual.data.index() != expected.data.index()) return "a value of another kind";
  if (expected.get_if<Tensor>() != nullptr) return TensorDifference(actual, expected, shaken);
  if (expected.get_if<List>() == nullptr && expected.get_if<Tuple>() == nullptr &&
      expected.get_if<Dict>() == nullptr) {
    return Dump(actual) == Dump(expected) ? "" : "another value";
  }
  std::vector<std::vector<Value>> others;
  for (const Value& other : shaken) others.push_back(ItemsOf(other));
  return ItemsDifference(ItemsOf(actual), ItemsOf(expected), others);
}

struct Outcome {
  std::string difference;  // "": none
  std::string refused;     // why OpenVINO does not take it; "": it does
  int answered = 0;        // calls that did not fall back
};

std::vector<Value> CopyOf(const std::vector<Value>& values) {
  std::vector<Value> copies;
  for (const Value& value : values) copies.push_back(DeepCopy(value));
  return copies;
}

std::string CallDifference(Executable& libtorch, Executable& openvino, const std::vector<Value>& arguments,
                           InputMaker& maker) {
  std::vector<Value> given = CopyOf(arguments);
  const absl::StatusOr<Value> actual = openvino.Run(0, given);
  const absl::StatusOr<Value> expected = libtorch.Run(0, CopyOf(arguments));
  if (!expected.ok() || !actual.ok()) {
    if (actual.status().code() == expected.status().code()) return "";
    // Strides that do not allow the view, which OpenVINO does not have, and what is not used and not
    // computed.
    if (actual.ok() && !absl::StrContains(expected.status().message(), "AssertionError")) return "";
    std::vector<Value> shaken = maker.Shaken(arguments);
    if (libtorch.Run(0, std::move(shaken)).ok() != expected.ok()) return "";
    return absl::StrCat(actual.status().ToString(), " instead of ", expected.status().ToString());
  }
  std::vector<Value> shaken;
  for (int i = 0; i < 3; ++i) {
    absl::StatusOr<Value> other = libtorch.Run(0, maker.Shaken(arguments));
    if (other.ok()) shaken.push_back(*std::move(other));
  }
  return Difference(*actual, *expected, shaken);
}

// Also of what OpenVINO does not take: both begin with the frozen graph.
std::string FrozenDifference(Scripted& scripted, const RandomProgram& program, uint32_t seed) {
  // LibTorch's executor takes a wrong size of sums with constants, always, and is not ours to mend.
  if (absl::StrContains(program.Source(), "torch.addmm")) return "";
  const auto frozen = NewLibtorchEngine()->Load(
      {.artifact_path = scripted.path(),
       .plan = {.engine = "libtorch", .variant = "frozen", .precision = Precision::kAsSaved}});
  if (!frozen.ok()) return frozen.status().ToString();
  const std::unique_ptr<Executable> libtorch = scripted.LoadOnLibtorch();
  InputMaker maker(seed);
  const std::string what = CallDifference(*libtorch, **frozen, maker.For(program, kCalls[0]), maker);
  return what.empty() ? "" : absl::StrCat("when it is frozen, ", what);
}

Outcome RunProgram(const RandomProgram& program, uint32_t seed) {
  Outcome outcome;
  Scripted scripted(program.Source(), program.inputs);
  outcome.difference = FrozenDifference(scripted, program, seed);
  if (!outcome.difference.empty()) return outcome;
  absl::StatusOr<std::unique_ptr<Executable>> openvino = scripted.LoadOnOpenvino();
  if (!openvino.ok()) {
    if (!absl::IsInvalidArgument(openvino.status())) outcome.difference = openvino.status().ToString();
    outcome.refused = std::string(openvino.status().message());
    return outcome;
  }
  const std::unique_ptr<Executable> libtorch = scripted.LoadOnLibtorch();
  InputMaker maker(seed);
  for (const CallForm& form : kCalls) {
    const bool had_fallen_back = scripted.fell_back();
    outcome.difference = CallDifference(*libtorch, **openvino, maker.For(program, form), maker);
    if (!outcome.difference.empty()) {
      absl::StrAppend(&outcome.difference, " with sizes of ", form.first, " and ", form.second,
                      had_fallen_back ? ", after it fell back" : "");
      return outcome;
    }
    // LibTorch's module stays once a call has needed it: what comes after is not known to be OpenVINO's.
    if (!scripted.fell_back()) ++outcome.answered;
  }
  return outcome;
}

// The shortest beginning of the program that comes out otherwise; the whole, if that takes all of it.
RandomProgram ShortestThatDiffers(const RandomProgram& program, uint32_t seed) {
  for (size_t count = 1; count <= program.statements.size(); ++count) {
    const RandomProgram beginning = program.Beginning(count);
    if (!RunProgram(beginning, seed).difference.empty()) return beginning;
  }
  return program;
}

TEST(CompositionsTest, ComeOutAsOnLibtorch) {
  const Seeds seeds = SeedsToRun();
  int taken = 0, answered = 0;
  for (uint32_t seed = seeds.first; seed < seeds.first + seeds.count; ++seed) {
    if (!seeds.are_default) std::cerr << "program " << seed << std::endl;
    const RandomProgram program = MakeRandomProgram(seed);
    const Outcome outcome = RunProgram(program, seed);
    if (!outcome.difference.empty()) {
      const RandomProgram shortest = ShortestThatDiffers(program, seed);
      ADD_FAILURE() << "program " << seed << ": " << outcome.difference << "\n"
                    << program.Source() << "of which differs already\n"
                    << shortest.Source();
    }
    if (!seeds.are_default && !outcome.refused.empty())
      std::cerr << "refused: " << outcome.refused << std::endl;
    taken += outcome.refused.empty() ? 1 : 0;
    answered += outcome.answered;
  }
  std::cerr << taken << " of " << seeds.count << " programs taken, " << answered << " calls answered\n";
  EXPECT_GE(taken, kLeastTaken * seeds.count);
  EXPECT_GE(answered, kLeastAnswered * taken * std::size(kCalls));
}

}  // namespace
}  // namespace modeld
