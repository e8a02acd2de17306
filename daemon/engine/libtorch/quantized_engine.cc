#include "daemon/engine/libtorch/quantized_engine.h"

#include <ATen/Context.h>

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/engine/libtorch/errors.h"
#include "registry/base/quote.h"

namespace modeld {
namespace {

// As PyTorch spells them.
std::string NameOf(at::QEngine engine) {
  switch (engine) {
    case at::QEngine::FBGEMM:
      return "fbgemm";
    case at::QEngine::QNNPACK:
      return "qnnpack";
    case at::QEngine::ONEDNN:
      return "onednn";
    case at::QEngine::X86:
      return "x86";
    default:
      return "";
  }
}

// Read before any other is set.
at::QEngine OwnChoice() {
  static const at::QEngine own = at::globalContext().qEngine();
  return own;
}

}  // namespace

absl::Status UseQuantizedEngine(const std::string& name) {
  OwnChoice();
  if (name.empty()) return absl::OkStatus();
  std::vector<std::string> names;
  for (const at::QEngine engine : at::globalContext().supportedQEngines()) {
    const std::string supported = NameOf(engine);
    if (supported.empty()) continue;
    names.push_back(supported);
    if (supported != name) continue;
    try {
      at::globalContext().setQEngine(engine);
      return absl::OkStatus();
    } catch (...) {
      return StatusFromException(absl::StatusCode::kInvalidArgument);
    }
  }
  return absl::InvalidArgumentError(
      absl::StrCat("--quantized-engine is ", Quote(name),
                   "; LibTorch has on this CPU: ", names.empty() ? "none" : absl::StrJoin(names, ", ")));
}

std::string OtherQuantizedEngine() {
  const at::QEngine own = OwnChoice(), now = at::globalContext().qEngine();
  return now == own ? "" : NameOf(now);
}

}  // namespace modeld
