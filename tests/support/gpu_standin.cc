// A library that stands for GPUs where there is none: once it is loaded, a LibTorch that is built without
// CUDA has two devices that it takes for CUDA's. `modeld --custom-ops-library` serves models on them.
//
// What is theirs: memory that the host cannot read (an access is a fault), a size of it
// ($MODELD_STANDIN_MIB of the environment, for both together, read at each allocation), the current device of
// a thread, and the end of everything after an index that is out of range, as an assertion in a kernel of
// CUDA is. What is not: operators run on the CPU, on copies, and nothing is asynchronous. After the notes of
// PyTorch's tutorial "Facilitating New Backend Integration by PrivateUse1".
#include <ATen/ATen.h>
#include <ATen/EmptyTensor.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <ATen/native/CPUFallback.h>
#include <ATen/ops/_reshape_alias_native.h>
#include <ATen/ops/as_strided_native.h>
#include <ATen/ops/unfold_native.h>
#include <ATen/ops/view_native.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/library.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

namespace {

constexpr c10::DeviceIndex kDevices = 2;
constexpr c10::DispatchKeySet kKeys(c10::DispatchKey::CUDA);

thread_local c10::DeviceIndex current_device = 0;
std::atomic<bool> lost = false;
std::atomic<int64_t> used_bytes = 0;
std::atomic<int64_t> cached_bytes = 0;  // freed, and not given back

void CheckNotLost() {
  if (!lost) return;
  throw c10::AcceleratorError({__func__, __FILE__, __LINE__}, 710,
                              "CUDA error: device-side assert triggered");
}

// Addresses of the devices are no addresses of the host: on x86-64 and AArch64 this bit makes them invalid.
constexpr uintptr_t kOfDevice = uintptr_t{1} << 62;
void* ToDevice(void* host) { return reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(host) | kOfDevice); }
void* ToHost(const void* device) {
  return reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(device) & ~kOfDevice);
}

int64_t MemoryBytes() {
  const char* const mib = std::getenv("MODELD_STANDIN_MIB");
  return (mib == nullptr ? int64_t{1024} : std::atoll(mib)) << 20;
}

struct Block {
  void* host;
  int64_t bytes;
};

void Free(void* context) {
  const Block* const block = static_cast<Block*>(context);
  used_bytes -= block->bytes;
  cached_bytes += block->bytes;
  std::free(block->host);
  delete block;
}

// Counts what is freed as kept, as CUDA's allocator keeps it.
class StandinAllocator final : public c10::DeviceAllocator {
 public:
  c10::DataPtr allocate(size_t size) override {
    CheckNotLost();
    const c10::Device device(c10::kCUDA, current_device);
    if (size == 0) return {nullptr, nullptr, &Free, device};
    const auto bytes = static_cast<int64_t>(size);
    if (used_bytes + bytes > MemoryBytes()) {
      TORCH_CHECK_WITH(OutOfMemoryError, false, "CUDA out of memory. Tried to allocate ", bytes,
                       " bytes. GPU ", static_cast<int>(current_device), " has a total capacity of ",
                       MemoryBytes(), " bytes.");
    }
    used_bytes += bytes;
    auto* const block = new Block{.host = std::malloc(size), .bytes = bytes};
    return {ToDevice(block->host), block, &Free, device};
  }
  c10::DeleterFnPtr raw_deleter() const override { return nullptr; }
  void copy_data(void* to, const void* from, size_t size) const override {
    std::memcpy(ToHost(to), ToHost(from), size);
  }
  bool initialized() override { return true; }
  void emptyCache(c10::MempoolId_t pool) override { cached_bytes = 0; }
  void recordStream(const c10::DataPtr& pointer, c10::Stream stream) override {}
  c10::CachingDeviceAllocator::DeviceStats getDeviceStats(c10::DeviceIndex device) override {
    c10::CachingDeviceAllocator::DeviceStats stats;
    stats.allocated_bytes[0].current = used_bytes;
    stats.reserved_bytes[0].current = used_bytes + cached_bytes;
    return stats;
  }
  void resetAccumulatedStats(c10::DeviceIndex device) override {}
  void resetPeakStats(c10::DeviceIndex device) override {}
};

StandinAllocator allocator;
REGISTER_ALLOCATOR(c10::kCUDA, &allocator);

struct StandinGuard final : c10::impl::DeviceGuardImplInterface {
  c10::DeviceType type() const override { return c10::kCUDA; }
  c10::Device exchangeDevice(c10::Device device) const override {
    return {c10::kCUDA, std::exchange(current_device, device.index())};
  }
  c10::Device getDevice() const override { return {c10::kCUDA, current_device}; }
  void setDevice(c10::Device device) const override { current_device = device.index(); }
  void uncheckedSetDevice(c10::Device device) const noexcept override { current_device = device.index(); }
  c10::Stream getStream(c10::Device device) const override {
    return c10::Stream(c10::Stream::DEFAULT, device);
  }
  c10::Stream exchangeStream(c10::Stream stream) const override { return stream; }
  c10::DeviceIndex deviceCount() const noexcept override { return kDevices; }
  void synchronizeStream(const c10::Stream& stream) const override { CheckNotLost(); }
  void synchronizeDevice(c10::DeviceIndex device) const override {
    CheckNotLost();
    // What CUDA says where there is too little memory to begin with.
    if (MemoryBytes() == 0) {
      throw c10::AcceleratorError({__func__, __FILE__, __LINE__}, 2, "CUDA error: out of memory");
    }
  }
};
C10_REGISTER_GUARD_IMPL(CUDA, StandinGuard);

struct StandinHooks final : at::CUDAHooksInterface {
  explicit StandinHooks(at::CUDAHooksArgs arguments) {}
  void init() const override {}
  bool hasCUDA() const override { return true; }
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(c10::DeviceIndex device) const override { return true; }
  c10::DeviceIndex deviceCount() const override { return kDevices; }
  int getNumGPUs() const override { return kDevices; }
  c10::DeviceIndex current_device() const override { return ::current_device; }
};

// What lies on a device, where the host can read it; shares the memory.
at::Tensor HostView(const at::Tensor& tensor) {
  if (tensor.is_cpu()) return tensor;
  return at::from_blob(ToHost(tensor.const_data_ptr()), tensor.sizes(), tensor.strides(),
                       tensor.options().device(at::kCPU));
}

at::Tensor Empty(at::IntArrayRef size, std::optional<at::ScalarType> dtype, std::optional<at::Layout> layout,
                 std::optional<at::Device> device, std::optional<bool> pinned,
                 std::optional<at::MemoryFormat> format) {
  const c10::OptionalDeviceGuard guard(device);
  return at::detail::empty_generic(size, &allocator, kKeys, c10::dtype_or_default(dtype), format);
}

at::Tensor EmptyStrided(at::IntArrayRef size, at::IntArrayRef stride, std::optional<at::ScalarType> dtype,
                        std::optional<at::Layout> layout, std::optional<at::Device> device,
                        std::optional<bool> pinned) {
  const c10::OptionalDeviceGuard guard(device);
  return at::detail::empty_strided_generic(size, stride, &allocator, kKeys, c10::dtype_or_default(dtype));
}

at::Tensor& Copy(at::Tensor& to, const at::Tensor& from, bool non_blocking) {
  CheckNotLost();
  HostView(to).copy_(HostView(from));
  return to;
}

const at::Tensor& Resize(const at::Tensor& tensor, at::IntArrayRef size,
                         std::optional<at::MemoryFormat> format) {
  c10::TensorImpl* const impl = tensor.unsafeGetTensorImpl();
  const size_t bytes =
      at::detail::computeStorageNbytesContiguous(size, tensor.itemsize(), tensor.storage_offset());
  if (const c10::Storage& storage = tensor.storage(); storage.nbytes() < bytes) {
    const c10::DeviceGuard guard(tensor.device());
    c10::DataPtr grown = allocator.allocate(bytes);
    if (storage.nbytes() > 0) allocator.copy_data(grown.get(), storage.data(), storage.nbytes());
    storage.set_data_ptr_noswap(std::move(grown));
    storage.set_nbytes(bytes);
  }
  impl->set_sizes_contiguous(size);
  if (format.has_value()) impl->empty_tensor_restride(*format);
  return tensor;
}

at::Tensor CopyFromAndResize(const at::Tensor& from, const at::Tensor& to) {
  if (to.sizes() != from.sizes()) Resize(to, from.sizes(), std::nullopt);
  at::Tensor target = to;
  return Copy(target, from, false);
}

at::Tensor& Set(at::Tensor& tensor, at::Storage storage, int64_t offset, at::IntArrayRef size,
                at::IntArrayRef stride) {
  c10::TensorImpl* const impl = tensor.unsafeGetTensorImpl();
  impl->set_storage_keep_dtype(std::move(storage));
  impl->set_sizes_and_strides(size, stride);
  impl->set_storage_offset(offset);
  return tensor;
}

at::Tensor& SetTensor(at::Tensor& tensor, const at::Tensor& source) {
  return Set(tensor, source.storage(), source.storage_offset(), source.sizes(), source.strides());
}

at::Scalar ItemOf(const at::Tensor& tensor) {
  CheckNotLost();
  return HostView(tensor).item();
}

void RunOnCpu(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  CheckNotLost();
  try {
    at::native::cpu_fallback(op, stack);
  } catch (const c10::IndexError&) {
    lost = true;
    CheckNotLost();
  }
}

TORCH_LIBRARY_IMPL(_, CUDA, library) {
  library.fallback(torch::CppFunction::makeFromBoxedFunction<&RunOnCpu>());
}

TORCH_LIBRARY_IMPL(aten, CUDA, library) {
  library.impl("empty.memory_format", Empty);
  library.impl("empty_strided", EmptyStrided);
  library.impl("copy_", Copy);
  library.impl("_copy_from_and_resize", CopyFromAndResize);
  library.impl("resize_", Resize);
  library.impl("set_.source_Storage_storage_offset", Set);
  library.impl("set_.source_Tensor", SetTensor);
  library.impl("_local_scalar_dense", ItemOf);
  library.impl("as_strided", at::native::as_strided_tensorimpl);
  library.impl("view", at::native::view);
  library.impl("_reshape_alias", at::native::_reshape_alias);
  library.impl("unfold", at::native::unfold);
}

}  // namespace

namespace at {  // where LibTorch looks for it
C10_REGISTER_TYPED_CLASS(CUDAHooksRegistry, "CUDAHooks", StandinHooks)
}  // namespace at
