#include "daemon/probe/compare_outputs.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/codec/elements.h"
#include "daemon/engine/value.h"
#include "daemon/probe/difference.h"
#include "registry/base/quote.h"

namespace modeld {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr size_t kMaxTextBytes = 60;

template <typename T>
std::string NumberText(T value) {
  return absl::StrCat(value);
}
std::string NumberText(const std::complex<double>& value) {
  return absl::StrCat(value.real(), value.imag() < 0 ? "-" : "+", std::abs(value.imag()), "j");
}

// As the one number that a report has room for.
template <typename T>
double Scalar(T value) {
  return static_cast<double>(value);
}
double Scalar(const std::complex<double>& value) { return std::abs(value); }

std::string KeyText(const Value& key) {
  if (const auto* text = key.get_if<std::string>()) return Quote(*text);
  if (const auto* integer = key.get_if<int64_t>()) return absl::StrCat(*integer);
  if (const auto* number = key.get_if<double>()) return absl::StrCat(*number);
  if (const auto* truth = key.get_if<bool>()) return *truth ? "True" : "False";
  return ValueSummary(key);
}

bool SameKey(const Value& a, const Value& b) {
  if (a.data.index() != b.data.index()) return false;
  if (const auto* text = a.get_if<std::string>()) return *text == *b.get_if<std::string>();
  if (const auto* integer = a.get_if<int64_t>()) return *integer == *b.get_if<int64_t>();
  if (const auto* number = a.get_if<double>()) return *number == *b.get_if<double>();
  if (const auto* truth = a.get_if<bool>()) return *truth == *b.get_if<bool>();
  return false;
}

const Value* FindKey(const Dict& dict, const Value& key) {
  const auto found = std::find_if(dict.entries.begin(), dict.entries.end(),
                                  [&](const auto& entry) { return SameKey(entry.first, key); });
  return found == dict.entries.end() ? nullptr : &found->second;
}

// A string that was no UTF-8 went over the wire as a BYTES tensor without dimensions.
const std::string* AsString(const Value& value) {
  if (const auto* text = value.get_if<std::string>()) return text;
  const auto* tensor = value.get_if<Tensor>();
  const bool is_one = tensor != nullptr && tensor->dtype == DType::kBytes && tensor->shape.empty() &&
                      tensor->strings.size() == 1;
  return is_one ? &tensor->strings[0] : nullptr;
}

class Comparison {
 public:
  explicit Comparison(const Tolerance& tolerance) : tolerance_(tolerance) {}

  // What is not as it should be, whatever the values. The first is reported.
  void Mismatch(const std::string& output, const std::string& what) {
    if (!mismatch_.empty()) return;
    mismatch_ = what;
    mismatch_output_ = output;
  }

  void Values(const std::string& path, const Value& expected, const Value& actual) {
    const std::string *expected_text = AsString(expected), *actual_text = AsString(actual);
    if (expected_text != nullptr && actual_text != nullptr)
      return Text(path, "", *expected_text, *actual_text);
    if (expected.data.index() != actual.data.index()) {
      return Mismatch(
          path, absl::StrCat(path, " is ", ValueSummary(actual), ", expected ", ValueSummary(expected)));
    }
    std::visit(
        [&](const auto& value) { Same(path, value, std::get<std::decay_t<decltype(value)>>(actual.data)); },
        expected.data);
  }

  v1::GoldenResult Result() const {
    v1::GoldenResult result;
    result.set_passed(mismatch_.empty() && beyond_ == 0);
    result.set_beyond(beyond_);
    result.set_compared(compared_);
    result.set_max_absolute(max_absolute_);
    result.set_max_relative(max_relative_);
    if (!mismatch_.empty()) {
      result.set_detail(mismatch_);
      result.set_output(mismatch_output_);
      return result;
    }
    result.set_output(worst_.path);
    result.set_position(worst_.position);
    result.set_expected(worst_.expected);
    result.set_actual(worst_.actual);
    if (beyond_ > 0) {
      result.set_detail(absl::StrCat(worst_.detail, "; ", beyond_, " of ", compared_, " values ",
                                     beyond_ == 1 ? "differs" : "differ"));
    }
    return result;
  }

 private:
  // The value that is furthest from what it should be.
  struct Worst {
    double excess = 0;
    std::string path, position, detail;
    double expected = 0, actual = 0;
  };

  void Same(const std::string&, const None&, const None&) { ++compared_; }
  void Same(const std::string& path, bool expected, bool actual) {
    const char* const names[] = {"False", "True"};
    Exactly(path, "", expected == actual, names[expected], names[actual], expected, actual);
  }
  template <typename T>
  void Same(const std::string& path, const T& expected, const T& actual) {
    Numbers<T>(
        path, {}, 1, [&](int64_t) { return expected; }, [&](int64_t) { return actual; });
  }
  void Same(const std::string& path, const std::string& expected, const std::string& actual) {
    Text(path, "", expected, actual);
  }
  void Same(const std::string& path, const List& expected, const List& actual) {
    Items(path, expected.items, actual.items);
  }
  void Same(const std::string& path, const Tuple& expected, const Tuple& actual) {
    Items(path, expected.items, actual.items);
  }

  void Same(const std::string& path, const Dict& expected, const Dict& actual) {
    for (const auto& [key, value] : expected.entries) {
      const Value* const other = FindKey(actual, key);
      if (other == nullptr) return Mismatch(path, absl::StrCat(path, " has no key ", KeyText(key)));
      Values(absl::StrCat(path, "[", KeyText(key), "]"), value, *other);
    }
    for (const auto& [key, value] : actual.entries) {
      if (FindKey(expected, key) != nullptr) continue;
      return Mismatch(path, absl::StrCat(path, " has the unexpected key ", KeyText(key)));
    }
  }

  void Same(const std::string& path, const Tensor& expected, const Tensor& actual) {
    if (expected.dtype != actual.dtype || expected.shape != actual.shape) {
      return Mismatch(path, absl::StrCat(path, " is ", TensorSummary(actual.dtype, actual.shape),
                                         ", expected ", TensorSummary(expected.dtype, expected.shape)));
    }
    const int64_t count = expected.element_count();
    const auto compare = [&]<typename T>(T (*element)(const Tensor&, int64_t)) {
      Numbers<T>(
          path, expected.shape, count, [&](int64_t i) { return element(expected, i); },
          [&](int64_t i) { return element(actual, i); });
    };
    if (expected.dtype == DType::kBytes) {
      for (int64_t i = 0; i < count; ++i) {
        Text(path, PositionText(expected.shape, i), expected.strings[i], actual.strings[i]);
      }
    } else if (IsFloating(expected.dtype)) {
      compare(&FloatingAt);
    } else if (IsComplex(expected.dtype)) {
      compare(&ComplexAt);
    } else if (expected.dtype == DType::kUint64) {
      compare(&ElementAt<uint64_t>);
    } else {
      compare(&IntegerAt);
    }
  }

  void Items(const std::string& path, const std::vector<Value>& expected, const std::vector<Value>& actual) {
    if (expected.size() != actual.size()) {
      return Mismatch(path, absl::StrCat(path, " has ", actual.size(), " items, expected ", expected.size()));
    }
    for (size_t i = 0; i < expected.size(); ++i) {
      Values(absl::StrCat(path, "[", i, "]"), expected[i], actual[i]);
    }
  }

  // Compares `count` numbers. The worst is described after the loop: most have nothing worth a text.
  template <typename T, typename Expected, typename Actual>
  void Numbers(const std::string& path, const std::vector<int64_t>& shape, int64_t count, Expected expected,
               Actual actual) {
    int64_t worst_index = -1;
    Difference worst;
    for (int64_t i = 0; i < count; ++i) {
      const T a = expected(i), b = actual(i);
      const Difference difference = Compare(a, b, tolerance_);
      beyond_ += difference.beyond ? 1 : 0;
      max_absolute_ = std::max(max_absolute_, difference.absolute);
      if (const double magnitude = std::abs(Scalar(a)); magnitude > 0 && difference.absolute > 0) {
        max_relative_ = std::max(max_relative_, difference.absolute / magnitude);
      }
      if (!(difference.excess() > worst_.excess)) continue;
      worst_.excess = difference.excess();
      worst_index = i;
      worst = difference;
    }
    compared_ += count;
    if (worst_index < 0) return;
    const T a = expected(worst_index), b = actual(worst_index);
    worst_.path = path;
    worst_.position = PositionText(shape, worst_index);
    worst_.expected = Scalar(a);
    worst_.actual = Scalar(b);
    worst_.detail = absl::StrCat(path, worst_.position, " is ", NumberText(b), ", expected ", NumberText(a));
    if (worst.allowed > 0) {
      absl::StrAppend(&worst_.detail, " (off by ", worst.absolute, ", allowed ", worst.allowed, ")");
    }
  }

  void Text(const std::string& path, const std::string& position, const std::string& expected,
            const std::string& actual) {
    if (expected == actual) {
      ++compared_;
      return;
    }
    Exactly(path, position, /*same=*/false, Quote(expected, kMaxTextBytes), Quote(actual, kMaxTextBytes),
            kNaN, kNaN);
  }

  void Exactly(const std::string& path, const std::string& position, bool same,
               const std::string& expected_text, const std::string& actual_text, double expected,
               double actual) {
    ++compared_;
    if (same) return;
    ++beyond_;
    if (std::isinf(worst_.excess)) return;
    worst_ = {.excess = std::numeric_limits<double>::infinity(),
              .path = path,
              .position = position,
              .detail = absl::StrCat(path, position, " is ", actual_text, ", expected ", expected_text),
              .expected = expected,
              .actual = actual};
  }

  const Tolerance tolerance_;
  std::string mismatch_, mismatch_output_;
  int64_t compared_ = 0, beyond_ = 0;
  double max_absolute_ = 0, max_relative_ = 0;
  Worst worst_;
};

}  // namespace

v1::GoldenResult CompareOutputs(const NamedValues& expected, const NamedValues& actual,
                                const Tolerance& tolerance) {
  Comparison comparison(tolerance);
  for (const auto& [name, value] : expected) {
    const auto found = actual.find(name);
    if (found != actual.end()) {
      comparison.Values(name, value, found->second);
      continue;
    }
    std::vector<std::string> names;
    for (const auto& [other, unused] : actual) names.push_back(Quote(other));
    comparison.Mismatch(name, absl::StrCat("there is no output ", Quote(name), "; outputs: ",
                                           names.empty() ? "none" : absl::StrJoin(names, ", ")));
  }
  return comparison.Result();
}

}  // namespace modeld
