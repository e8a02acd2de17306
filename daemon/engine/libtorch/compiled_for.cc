#include "daemon/engine/libtorch/compiled_for.h"

#include <algorithm>
#include <climits>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace modeld {
namespace {

constexpr std::string_view kBegin = "input_handles[";
constexpr size_t kMaxInputs = 10'000;

constexpr std::pair<std::string_view, DType> kDTypes[] = {
    {"at::kBool", DType::kBool},
    {"at::kChar", DType::kInt8},
    {"at::kShort", DType::kInt16},
    {"at::kInt", DType::kInt32},
    {"at::kLong", DType::kInt64},
    {"at::kByte", DType::kUint8},
    {"at::kUInt16", DType::kUint16},
    {"at::kUInt32", DType::kUint32},
    {"at::kUInt64", DType::kUint64},
    {"at::kHalf", DType::kFp16},
    {"at::kBFloat16", DType::kBf16},
    {"at::kFloat", DType::kFp32},
    {"at::kDouble", DType::kFp64},
    {"at::kComplexFloat", DType::kComplex64},
    {"at::kComplexDouble", DType::kComplex128},
};

// What lies between quotes up to the statement's end, joined: the message without its numbers at run time.
std::string LiteralsOf(std::string_view statement) {
  std::string text;
  bool inside = false;
  for (const char c : statement.substr(0, statement.find(';'))) {
    if (c == '"') {
      inside = !inside;
    } else if (inside) {
      text.push_back(c);
    }
  }
  return text;
}

// The number that follows `before`.
std::optional<int64_t> NumberAfter(std::string_view text, std::string_view before) {
  const size_t found = text.find(before);
  if (found == std::string_view::npos) return std::nullopt;
  text.remove_prefix(found + before.size());
  const size_t end = std::min(text.find_first_not_of("0123456789"), text.size());
  int64_t number = 0;
  if (!absl::SimpleAtoi(std::string(text.substr(0, end)), &number)) return std::nullopt;
  return number;
}

void ReadMessage(const std::string& message, std::vector<CompiledInput>* inputs) {
  const std::optional<int64_t> index = NumberAfter(message, kBegin);
  if (!index || *index >= static_cast<int64_t>(kMaxInputs)) return;
  if (inputs->size() <= static_cast<size_t>(*index)) inputs->resize(*index + 1);
  CompiledInput& input = (*inputs)[*index];
  if (message.find("unmatched dtype") != std::string::npos) {
    for (const auto& [name, dtype] : kDTypes) {
      if (message.find(absl::StrCat("(", std::string(name), ")")) != std::string::npos) input.dtype = dtype;
    }
  } else if (const auto fixed = NumberAfter(message, "unmatched dim value at ")) {
    const auto size = NumberAfter(message, "expected: ");
    if (size) input.dimensions[*fixed] = {.min = *size, .max = *size};
  } else if (const auto low = NumberAfter(message, "dim value is too small at ")) {
    const auto size = NumberAfter(message, ">= ");
    // 2 is what torch.export assumes of every size that is dynamic; the code takes 1 all the same.
    if (size) input.dimensions[*low].min = *size == 2 ? 1 : *size;
  } else if (const auto high = NumberAfter(message, "dim value is too large at ")) {
    const auto size = NumberAfter(message, "<= ");
    if (size) input.dimensions[*high].max = *size;
  }
}

std::string Expected(const CompiledInput::Bounds& bounds, int64_t size) {
  if (bounds.min == bounds.max) return absl::StrCat(bounds.min);
  return size < bounds.min ? absl::StrCat("at least ", bounds.min) : absl::StrCat("at most ", bounds.max);
}

std::string Check(const CompiledInput& compiled, DType dtype, const std::vector<int64_t>& shape) {
  if (compiled.dtype && *compiled.dtype != dtype) {
    return absl::StrCat("dtype is ", std::string(DTypeName(dtype)), ", not ",
                        std::string(DTypeName(*compiled.dtype)));
  }
  for (const auto& [dimension, bounds] : compiled.dimensions) {
    if (dimension >= static_cast<int64_t>(shape.size())) {
      return absl::StrCat("rank is ", shape.size(), ", not ", compiled.dimensions.rbegin()->first + 1);
    }
    const int64_t size = shape[dimension];
    if (size == -1) continue;
    if (size < bounds.min || size > bounds.max) {
      return absl::StrCat("dimension ", dimension, " is ", size, ", not ", Expected(bounds, size));
    }
  }
  return "";
}

}  // namespace

std::vector<CompiledInput> CompiledInputs(std::string_view source) {
  std::vector<CompiledInput> inputs;
  const std::string begin = absl::StrCat("\"", std::string(kBegin));
  for (size_t place = source.find(begin); place != std::string_view::npos;
       place = source.find(begin, place + 1)) {
    ReadMessage(LiteralsOf(source.substr(place)), &inputs);
  }
  return inputs;
}

std::optional<int> MostThreads(std::string_view source) {
  // "float tmp_acc0_arr[2];"
  constexpr std::string_view kArray = "_arr[";
  std::optional<int> most;
  for (size_t place = source.find(kArray); place != std::string_view::npos;
       place = source.find(kArray, place + 1)) {
    const std::optional<int64_t> size = NumberAfter(source.substr(place, kArray.size() + 20), kArray);
    if (size && *size > 0) most = static_cast<int>(std::min<int64_t>(*size, most.value_or(INT_MAX)));
  }
  return most;
}

std::string Contradiction(const CompiledInput& compiled, const KnownInput& known) {
  std::string contradiction = Check(compiled, known.dtype, known.shape);
  // Of what only golden samples tell, the sizes are open.
  if (!contradiction.empty() || !known.always) return contradiction;
  for (const auto& [dimension, bounds] : compiled.dimensions) {
    if (known.shape[dimension] == -1 && bounds.min == bounds.max) {
      return absl::StrCat("dimension ", dimension, " may not be of any size, it is ", bounds.min);
    }
  }
  return "";
}

std::string Contradiction(const CompiledInput& compiled, const Tensor& tensor) {
  return Check(compiled, tensor.dtype, tensor.shape);
}

}  // namespace modeld
