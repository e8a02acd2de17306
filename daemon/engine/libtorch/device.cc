#include "daemon/engine/libtorch/device.h"

#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/cuda.h>
#include <torch/version.h>
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 9)
#define MODELD_KNOWS_GPUS
#include <c10/core/CachingDeviceAllocator.h>
#endif

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace modeld {
namespace {

std::string CudaText(size_t count) {
  // Not by at::hasCUDA, which is false without a GPU, too.
  if (!c10::impl::hasDeviceGuardImpl(at::kCUDA)) return "the daemon's LibTorch is built without CUDA";
  return absl::StrCat("CUDA finds ", count, count == 1 ? " GPU" : " GPUs");
}

#ifdef MODELD_KNOWS_GPUS
// Errors after which a process has no more use of a GPU, by their numbers in CUDA's cudaError_t. Others, such
// as a lack of memory for the context, do not last.
bool EndsContext(int32_t error) {
  switch (error) {
    case 214:  // ECCUncorrectable
    case 220:  // NvlinkUncorrectable
    case 700:  // IllegalAddress
    case 702:  // LaunchTimeout
    case 709:  // ContextIsDestroyed
    case 710:  // Assert
    case 714:  // HardwareStackError
    case 715:  // IllegalInstruction
    case 716:  // MisalignedAddress
    case 717:  // InvalidAddressSpace
    case 718:  // InvalidPc
    case 719:  // LaunchFailure
    case 810:  // MpsClientTerminated
    case 999:  // Unknown: the GPU is gone
      return true;
    default:
      return false;
  }
}
#endif

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

void ReleaseUnusedGpuMemory() {
#ifdef MODELD_KNOWS_GPUS
  try {
    if (!c10::impl::hasDeviceGuardImpl(at::kCUDA)) return;
    auto* const allocator = dynamic_cast<c10::DeviceAllocator*>(c10::GetAllocator(at::kCUDA));
    if (allocator != nullptr && allocator->initialized()) allocator->emptyCache();
  } catch (const std::exception&) {
    // As after a fault: nothing on the GPU can be freed but by the end of the process.
  }
#endif
}

void WaitForGpu(at::Device device) {
  const c10::impl::VirtualGuardImpl gpu(device.type());
  gpu.synchronizeStream(gpu.getStream(device));
}

absl::Status GpuHealth::status() const {
  MutexLock lock(&mutex_);
  return status_;
}

void GpuHealth::Examine(at::Device device, const absl::Status& why) {
#ifdef MODELD_KNOWS_GPUS
  try {
    c10::impl::VirtualGuardImpl(device.type()).synchronizeDevice(device.index());
  } catch (const c10::AcceleratorError& error) {
    if (!EndsContext(error.get_error_code())) return;
    MutexLock lock(&mutex_);
    if (!status_.ok()) return;
    status_ = absl::UnavailableError(
        absl::StrCat(device.str(), " computes no more for this process after: ", why.message()));
  } catch (...) {
    // Whatever it is: it does not say that nothing can be computed any more.
  }
#endif
}

}  // namespace modeld
