// Which of LibTorch's exceptions say that memory ran out.
#include "daemon/engine/libtorch/errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using ::testing::HasSubstr;

absl::Status StatusOfError(const std::string& message) {
  try {
    throw std::runtime_error(message);
  } catch (...) {
    return StatusFromException(absl::StatusCode::kInternal);
  }
}

TEST(ErrorsTest, WhatAGpuAndItsLibrariesSayWithoutMemoryIsKnown) {
  for (const char* const message : {
           "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 139.81 GiB",
           "HIP out of memory. Tried to allocate 2 MiB",
           "CUDA error: out of memory",
           "CUDA driver error: out of memory",
           "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
           "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
           "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
           "cuFFT error: CUFFT_ALLOC_FAILED",
       }) {
    EXPECT_THAT(StatusOfError(message),
                StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("out of the GPU's memory: ")))
        << message;
  }
}

TEST(ErrorsTest, OtherErrorsAreNotThoughTheySpeakOfMemory) {
  EXPECT_EQ(StatusOfError("ValueError: CUDA out of memory").code(), absl::StatusCode::kInternal);
  EXPECT_EQ(StatusOfError("my error: out of memory").code(), absl::StatusCode::kInternal);
  EXPECT_THAT(StatusOfError("CUDA error: device-side assert triggered"),
              StatusIs(absl::StatusCode::kInternal, "CUDA error: device-side assert triggered"));
}

// The artifact was quarantined for a card in exclusive mode.
TEST(ErrorsTest, WhatADriverRefusesAtALoadIsNotTheArtifactsFault) {
  const auto load = [](const std::string& message) {
    try {
      throw std::runtime_error(message);
    } catch (...) {
      return LoadStatusFromException().code();
    }
  };
  EXPECT_EQ(load("CUDA error: CUDA-capable device(s) is/are busy or unavailable"),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(load("CUDA error: out of memory"), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(load("PytorchStreamReader failed"), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace modeld
