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

// While it lives, LibTorch may keep a GPU's memory that is no longer used for what comes next. At its end the
// GPU gets that back: other processes need it, among them the probes of the versions that follow.
class GpuMemoryUse {
 public:
  explicit GpuMemoryUse(at::Device device) : device_(device) {}
  ~GpuMemoryUse();
  GpuMemoryUse(const GpuMemoryUse&) = delete;
  GpuMemoryUse& operator=(const GpuMemoryUse&) = delete;

 private:
  const at::Device device_;
};

// Whether GPUs still compute for this process. A fault within a kernel, such as an index that is out of
// range, ends everything that the process has on the GPU, and every call fails from then on. Thread-safe.
class GpuHealth {
 public:
  // UNAVAILABLE after such a fault.
  absl::Status status() const;
  // After a run on the device failed, and why: finds out whether it can go on. Never throws.
  void Examine(at::Device device, const absl::Status& why);

 private:
  mutable Mutex mutex_;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace modeld
