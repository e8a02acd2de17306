// Devices: where LibTorch computes.
#pragma once

#include <torch/script.h>

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "registry/base/mutex.h"

namespace modeld {

// LoadRequest::device. UNIMPLEMENTED where this LibTorch, or this machine, does not have it: it says what
// there is. Never throws.
absl::StatusOr<at::Device> FindDevice(const std::string& name);

// For c10::OptionalDeviceGuard: makes a GPU the one that a thread's code means by "cuda"; nothing on the CPU.
std::optional<at::Device> GpuOf(at::Device device);

// Gives GPUs back what LibTorch keeps of their memory for what comes next: other processes need it, among
// them the probes of new versions. Who runs something on a GPU meanwhile waits for it. Nothing where there is
// no GPU, or before LibTorch 2.9. Never throws.
void ReleaseUnusedGpuMemory();

// Does so at its end, if it is for a GPU.
class GpuMemoryUse {
 public:
  explicit GpuMemoryUse(at::Device device) : on_gpu_(!device.is_cpu()) {}
  ~GpuMemoryUse() {
    if (on_gpu_) ReleaseUnusedGpuMemory();
  }
  GpuMemoryUse(const GpuMemoryUse&) = delete;
  GpuMemoryUse& operator=(const GpuMemoryUse&) = delete;

 private:
  const bool on_gpu_;
};

// Waits until the GPU has done what this thread asked it for. Throws what went wrong there: kernels run while
// the host goes on, and what they fail by comes out of any later call.
void WaitForGpu(at::Device device);

// Whether GPUs still compute for this process. A fault within a kernel, such as an index that is out of
// range, ends everything that the process has on the GPU, and every call fails from then on. Thread-safe.
class GpuHealth {
 public:
  // UNAVAILABLE after such a fault, with what was seen of it. Known from LibTorch 2.9 on.
  absl::Status status() const;
  // After something on the device failed, and why: finds out whether it can go on. Waits until what runs
  // there is done. Never throws.
  void Examine(at::Device device, const absl::Status& why);

 private:
  mutable Mutex mutex_;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace modeld
