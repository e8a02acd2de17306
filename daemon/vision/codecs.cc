#include "daemon/vision/codecs.h"

#include <dlfcn.h>

#include <opencv2/core.hpp>

#include "absl/strings/str_cat.h"

namespace modeld {
namespace {

// cv::imdecode(const cv::_InputArray&, int) as compilers of Itanium's C++ ABI mangle it: all on Linux.
constexpr char kImdecode[] = "_ZN2cv8imdecodeERKNS_11_InputArrayEi";

absl::StatusOr<ImageDecoder> Load() {
  void* const library = ::dlopen(MODELD_OPENCV_IMGCODECS, RTLD_NOW | RTLD_LOCAL);
  void* const imdecode = library == nullptr ? nullptr : ::dlsym(library, kImdecode);
  if (imdecode != nullptr) return reinterpret_cast<ImageDecoder>(imdecode);
  const char* const why = ::dlerror();
  return absl::FailedPreconditionError(absl::StrCat(
      "OpenCV's decoders of images cannot be loaded: ", why == nullptr ? "no reason is given" : why,
      "; install ", MODELD_OPENCV_IMGCODECS, " (Debian: libopencv-imgcodecs)"));
}

}  // namespace

absl::StatusOr<ImageDecoder> LoadImageDecoder() {
  static const absl::StatusOr<ImageDecoder> decoder = Load();  // never unloaded
  return decoder;
}

}  // namespace modeld
