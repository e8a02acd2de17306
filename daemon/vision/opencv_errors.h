// OpenCV's exceptions, caught at the boundary to it. Internal to the room.
#pragma once

#include <exception>
#include <mutex>
#include <new>
#include <opencv2/core.hpp>
#include <type_traits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace modeld {

// What `function` returns, on one thread; RESOURCE_EXHAUSTED where memory ran out, INVALID_ARGUMENT for what
// else OpenCV raises.
template <typename Function>
std::invoke_result_t<Function> CatchOpenCv(Function function) {
  // The threads are the daemon's to give; OpenCV's setting is the process's.
  static std::once_flag once;
  std::call_once(once, [] { cv::setNumThreads(0); });
  try {
    return function();
  } catch (const cv::Exception& error) {
    if (error.code == cv::Error::StsNoMem) return absl::ResourceExhaustedError("out of memory for the image");
    return absl::InvalidArgumentError(absl::StrCat("the image cannot be decoded: ", error.err));
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("out of memory for the image");
  } catch (const std::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat("the image cannot be decoded: ", error.what()));
  }
}

}  // namespace modeld
