#include "daemon/engine/libtorch/errors.h"

#include <torch/csrc/jit/runtime/jit_exception.h>
#include <torch/script.h>
#include <torch/version.h>

#include <algorithm>
#include <iterator>
#include <new>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace modeld {
namespace {

constexpr size_t kMaxMessageBytes = 2000;
constexpr absl::string_view kHere = "<--- HERE";

// The interpreter's account of a failure, innermost frame last:
//
//   Traceback of TorchScript, original code (most recent call last):
//     File "/home/me/model.py", line 7, in forward
//           if x.sum() > 0:
//               return torch.matmul(x, torch.zeros(7,9))
//                      ~~~~~~~~~~~~ <--- HERE
//   RuntimeError: mat1 and mat2 shapes cannot be multiplied (2x3 and 7x9)
//
// Returns "model.py:7 in forward: return torch.matmul(x, torch.zeros(7,9))", or nothing.
std::string InnermostSource(absl::string_view what) {
  const size_t here = what.rfind(kHere);
  if (here == absl::string_view::npos) return "";
  const size_t file = what.rfind("  File \"", here);
  if (file == absl::string_view::npos) return "";
  const std::vector<absl::string_view> frame = absl::StrSplit(what.substr(file, here - file), '\n');
  if (frame.size() < 3) return "";  // the place, the source line, its marker

  const std::vector<absl::string_view> place = absl::StrSplit(frame[0], '"');  // File, path, ", line 7, in f"
  if (place.size() != 3) return "";
  absl::string_view path = place[1];
  if (const size_t slash = path.rfind('/'); slash != absl::string_view::npos) path.remove_prefix(slash + 1);
  absl::string_view rest = place[2];
  absl::ConsumePrefix(&rest, ", line ");
  const std::pair<absl::string_view, absl::string_view> line_and_function = absl::StrSplit(rest, ", in ");
  return absl::StrCat(path, ":", line_and_function.first, " in ", line_and_function.second, ": ",
                      absl::StripAsciiWhitespace(frame[frame.size() - 2]));
}

// The message below the interpreter's frames, or all of it where there are none. It begins a line with its
// class: an operator's with RuntimeError, what the model raised in a module that forks with Python's
// qualified name.
absl::string_view WithoutFrames(absl::string_view what) {
  const size_t here = what.rfind(kHere);
  if (!absl::StrContains(what, "Traceback of TorchScript")) return what;
  const absl::string_view rest = what.substr(here == absl::string_view::npos ? 0 : here);
  for (const absl::string_view prefix : {"\nRuntimeError: ", "\nbuiltins."}) {
    if (const size_t message = rest.find(prefix); message != absl::string_view::npos) {
      return rest.substr(message + prefix.size());
    }
  }
  return what;
}

std::string Shorten(absl::string_view message) {
  message = message.substr(0, message.find("\nException raised from "));
  message = message.substr(0, message.find("\nC++ CapturedTraceback"));
  message = absl::StripAsciiWhitespace(message);
  if (message.size() <= kMaxMessageBytes) return std::string(message);
  return absl::StrCat(message.substr(0, kMaxMessageBytes), "...");
}

// By its text, for the interpreter passes on what an operator threw without its class.
bool IsOutOfGpuMemory(absl::string_view message) {
  constexpr absl::string_view kSpeakers[] = {"CUDA ", "HIP ", "cuDNN error: ", "cuFFT error: "};
  constexpr absl::string_view kTexts[] = {"out of memory", "ALLOC_FAILED", "ALLOCATION_FAILED"};
  return std::any_of(std::begin(kSpeakers), std::end(kSpeakers),
                     [&](absl::string_view speaker) { return absl::StartsWith(message, speaker); }) &&
         std::any_of(std::begin(kTexts), std::end(kTexts),
                     [&](absl::string_view text) { return absl::StrContains(message, text); });
}

absl::Status Describe(absl::StatusCode code, absl::string_view message, absl::string_view what) {
  if (const size_t allocator = message.find("DefaultCPUAllocator: "); allocator != absl::string_view::npos) {
    return absl::ResourceExhaustedError(
        absl::StrCat("out of memory: ", Shorten(message.substr(allocator + 21))));
  }
  if (IsOutOfGpuMemory(message)) {
    return absl::ResourceExhaustedError(
        absl::StrCat("out of the GPU's memory: ", absl::StripSuffix(Shorten(message), ".")));
  }
  if (absl::StartsWith(message, "std::bad_alloc")) return absl::ResourceExhaustedError("out of memory");
  const std::string source = Shorten(InnermostSource(what));
  return absl::Status(
      code, source.empty() ? Shorten(message) : absl::StrCat(Shorten(message), " (at ", source, ")"));
}

// "ValueError: the message", as Python prints it.
std::string PythonMessage(const torch::jit::JITException& error) {
  const std::string message = error.getOriginalMsg().value_or("");
  const std::string class_name = error.getPythonClassName().value_or("");
  if (class_name.empty()) return message;
  return absl::StrCat(absl::StripPrefix(class_name, "builtins."), ": ", message);
}

}  // namespace

absl::Status StatusFromException(absl::StatusCode code) {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("out of memory");
  } catch (const torch::jit::JITException& error) {
    return Describe(code, PythonMessage(error), error.what());
  } catch (const c10::Error& error) {
    const absl::string_view what = error.what_without_backtrace();
    return Describe(code, WithoutFrames(what), what);
  } catch (const std::exception& error) {
    return Describe(code, WithoutFrames(error.what()), error.what());
  } catch (...) {
    return absl::Status(code, "an exception of an unknown type");
  }
}

absl::Status LoadStatusFromException() {
  // As the importer of TorchScript says it of operators and of classes, and the dispatcher, which packages
  // ask.
  constexpr absl::string_view kUnknown[] = {"Unknown builtin op: ", "__torch__.torch.classes.",
                                            "Could not find schema for "};
  absl::Status status = StatusFromException(absl::StatusCode::kInvalidArgument);
  // What a GPU's driver refuses, such as a card that another process has for itself, is not the artifact's.
  if (absl::IsInvalidArgument(status) && absl::StartsWith(status.message(), "CUDA error: ")) {
    return absl::FailedPreconditionError(status.message());
  }
  const auto tells = [&](absl::string_view text) { return absl::StrContains(status.message(), text); };
  if (!absl::IsInvalidArgument(status) || std::none_of(std::begin(kUnknown), std::end(kUnknown), tells)) {
    return status;
  }
  return absl::UnimplementedError(absl::StrCat(
      "it uses an operator that this daemon does not have; start modeld with "
      "--custom-ops-library and the library that has it, or, where it is PyTorch's own, save the "
      "model with PyTorch ",
      TORCH_VERSION, " or older: ", status.message()));
}

}  // namespace modeld
