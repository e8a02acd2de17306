#include "daemon/engine/libtorch/device.h"

#include <ATen/Context.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/cuda.h>
#include <torch/version.h>
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 9)
#define MODELD_HAS_DEVICE_ALLOCATOR
#include <c10/core/CachingDeviceAllocator.h>
#endif

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace modeld {
namespace {

std::string CudaText(size_t count) {
  if (!at::hasCUDA()) return "the daemon's LibTorch is built without CUDA";
  return absl::StrCat("CUDA finds ", count, count == 1 ? " GPU" : " GPUs");
}

}  // namespace

absl::StatusOr<at::Device> FindDevice(const std::string& name) {
  if (name.empty()) return at::Device(at::kCPU);
  const size_t count = torch::cuda::device_count();
  absl::string_view number = name;
  uint32_t index = 0;
  if (absl::ConsumePrefix(&number, "cuda:") && absl::SimpleAtoi(number, &index) && index < count) {
    return at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(index));
  }
  return absl::UnimplementedError(absl::StrCat("execution.device is ", name, ", but ", CudaText(count),
                                               "; set it to cpu, or leave it out"));
}

std::optional<at::Device> GpuOf(at::Device device) {
  return device.is_cpu() ? std::nullopt : std::make_optional(device);
}

GpuMemoryUse::~GpuMemoryUse() {
#ifdef MODELD_HAS_DEVICE_ALLOCATOR
  if (device_.is_cpu()) return;
  auto* const allocator = dynamic_cast<c10::DeviceAllocator*>(c10::GetAllocator(device_.type()));
  if (allocator == nullptr) return;
  try {
    allocator->emptyCache();
  } catch (const std::exception&) {
    // As after a fault: nothing on the GPU can be freed but by the end of the process.
  }
#endif
}

absl::Status GpuHealth::status() const {
  MutexLock lock(&mutex_);
  return status_;
}

void GpuHealth::Examine(at::Device device, const absl::Status& why) {
  try {
    c10::impl::VirtualGuardImpl(device.type()).synchronizeDevice(device.index());
  } catch (...) {
    MutexLock lock(&mutex_);
    if (!status_.ok()) return;
    status_ = absl::UnavailableError(absl::StrCat(device.str(), " computes no more for this process after: ",
                                                  why.message(), "; modeld has to be restarted"));
  }
}

}  // namespace modeld
