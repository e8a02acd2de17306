#include "daemon/probe/generated_inputs.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/codec/half.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

constexpr int64_t kMaxTensorBytes = 256 << 20;

bool IsComplete(const DeclaredTensor& declared) {
  return declared.dtype.has_value() && declared.shape.has_value();
}

std::vector<int64_t> ShapeFor(const DeclaredTensor& declared, int64_t batch_size) {
  std::vector<int64_t> shape = *declared.shape;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == -1) shape[i] = i == 0 ? batch_size : 1;
  }
  return shape;
}

// SplitMix64 (Steele, Lea, Flood 2014): the same sequence on every machine, which std's distributions are
// not.
class Random {
 public:
  double Next() {
    uint64_t bits = state_ += 0x9e3779b97f4a7c15;
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111eb;
    // 24 bits: exact as a float, so that none rounds to 1.
    return static_cast<double>((bits ^ (bits >> 31)) >> 40) * 0x1p-24;
  }

 private:
  uint64_t state_ = 1;
};

template <typename T, typename Convert>
void Fill(Random& random, Buffer& buffer, Convert convert) {
  char* const bytes = static_cast<char*>(buffer.data);
  for (size_t offset = 0; offset < buffer.size; offset += sizeof(T)) {
    const T element = convert(random.Next());
    std::memcpy(bytes + offset, &element, sizeof(T));
  }
}

void FillOrdinary(Random& random, DType dtype, Buffer& buffer) {
  if (buffer.size == 0) return;
  switch (dtype) {
    case DType::kFp16:
      // At most 1 - 2^-11, which is the last half before 1.
      return Fill<uint16_t>(random, buffer,
                            [](double x) { return FloatToHalf(std::min(static_cast<float>(x), 0.9995f)); });
    case DType::kBf16:
      return Fill<uint16_t>(
          random, buffer, [](double x) { return FloatToBfloat16(std::min(static_cast<float>(x), 0.996f)); });
    case DType::kFp32:
    case DType::kComplex64:
      return Fill<float>(random, buffer, [](double x) { return static_cast<float>(x); });
    case DType::kFp64:
    case DType::kComplex128:
      return Fill<double>(random, buffer, [](double x) { return x; });
    default:
      std::memset(buffer.data, 0, buffer.size);
  }
}

absl::StatusOr<Tensor> Ordinary(Random& random, DType dtype, std::vector<int64_t> shape) {
  MODELD_ASSIGN_OR_RETURN(const int64_t elements, ElementCount(shape, dtype));
  const int64_t item_bytes =
      dtype == DType::kBytes ? sizeof(std::string) : static_cast<int64_t>(ItemSize(dtype));
  if (elements > kMaxTensorBytes / item_bytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("larger than ", kMaxTensorBytes >> 20, " MiB, which is the limit of a warm-up"));
  }
  Tensor tensor;
  tensor.dtype = dtype;
  tensor.shape = std::move(shape);
  if (dtype == DType::kBytes) {
    tensor.strings.resize(elements);
  } else {
    tensor.buffer = Buffer::Allocate(elements * item_bytes);
    FillOrdinary(random, dtype, tensor.buffer);
  }
  return tensor;
}

}  // namespace

bool CanGenerate(const Method& forward, const std::vector<DeclaredTensor>& declared) {
  return std::all_of(forward.arguments.begin(), forward.arguments.end(), [&](const Argument& argument) {
    if (argument.default_value.has_value()) return true;
    return std::any_of(declared.begin(), declared.end(), [&](const DeclaredTensor& input) {
      return input.name == argument.name && IsComplete(input);
    });
  });
}

absl::StatusOr<NamedValues> GenerateInputs(const std::vector<DeclaredTensor>& declared, int64_t batch_size) {
  Random random;
  NamedValues values;
  for (const DeclaredTensor& input : declared) {
    if (!IsComplete(input)) continue;  // it has a default
    MODELD_ASSIGN_OR_RETURN(Tensor tensor, Ordinary(random, *input.dtype, ShapeFor(input, batch_size)));
    values[input.name] = Value{std::move(tensor)};
  }
  return values;
}

bool HasFreeDimensions(const std::vector<DeclaredTensor>& declared) {
  return std::any_of(declared.begin(), declared.end(), [](const DeclaredTensor& input) {
    return input.shape.has_value() && !input.shape->empty() &&
           std::count(input.shape->begin() + 1, input.shape->end(), -1) > 0;
  });
}

std::string DescribeInputs(const std::vector<DeclaredTensor>& declared, int64_t batch_size) {
  std::vector<std::string> texts;
  for (const DeclaredTensor& input : declared) {
    if (!IsComplete(input)) continue;
    texts.push_back(absl::StrCat(input.name, " ", TensorSummary(*input.dtype, ShapeFor(input, batch_size))));
  }
  return absl::StrJoin(texts, ", ");
}

}  // namespace modeld
