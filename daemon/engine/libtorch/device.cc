#include "daemon/engine/libtorch/device.h"

#include <ATen/Context.h>
#include <torch/cuda.h>

#include "absl/strings/str_cat.h"

namespace modeld {
namespace {

std::string CudaText(size_t count) {
  if (!at::hasCUDA()) return "the daemon's LibTorch is built without CUDA";
  return absl::StrCat("CUDA finds ", count, count == 1 ? " GPU" : " GPUs");
}

}  // namespace

absl::StatusOr<at::Device> FindDevice(const std::string& name) {
  if (name.empty()) return at::Device(at::kCPU);
  const at::Device device(name);
  const size_t count = torch::cuda::device_count();
  if (device.is_cuda() && device.index() >= 0 && static_cast<size_t>(device.index()) < count) return device;
  return absl::UnimplementedError(absl::StrCat("execution.device is ", name, ", but ", CudaText(count),
                                               "; set it to cpu, or leave it out"));
}

}  // namespace modeld
