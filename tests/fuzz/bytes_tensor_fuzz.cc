// Tensors of the wire whose elements are raw bytes, those of dtype BYTES before all: four bytes of length,
// then as many. What is read has as many elements as its shape says, and is written again as it came.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "daemon/codec/tensor_codec.h"
#include "daemon/engine/dtype.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kHead = 4;  // a dtype, the number of dimensions, two of these
  if (size < kHead) return 0;
  const auto dtype = static_cast<modeld::DType>(data[0] % (static_cast<int>(modeld::DType::kBytes) + 1));
  modeld::v1::Tensor wire;
  wire.set_dtype(std::string(modeld::DTypeName(dtype)));
  for (size_t i = 0; i < data[1] % 3U; ++i) wire.add_shape(static_cast<int8_t>(data[2 + i]));
  const std::string raw(reinterpret_cast<const char*>(data) + kHead, size - kHead);
  wire.set_raw(raw);
  const auto tensor = modeld::TensorFromWire(wire);
  if (!tensor.ok()) return 0;
  const auto elements = modeld::ElementCount(tensor->shape, tensor->dtype);
  if (!elements.ok() || *elements != tensor->element_count()) std::abort();
  if (dtype == modeld::DType::kBytes && tensor->strings.size() != static_cast<size_t>(*elements))
    std::abort();
  modeld::v1::Tensor again;
  modeld::TensorToWire(*tensor, &again);
  if (again.raw() != raw) std::abort();
  return 0;
}
