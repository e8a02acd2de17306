#include "daemon/engine/libtorch/methods.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/engine/libtorch/convert.h"
#include "daemon/engine/libtorch/file_access.h"
#include "daemon/engine/libtorch/types.h"

namespace modeld {
namespace {

// INVALID_ARGUMENT if an argument without default is of a type that cannot be passed.
absl::StatusOr<BoundMethod> Bind(const torch::jit::Method& method) {
  const c10::FunctionSchema& schema = method.function().getSchema();
  BoundMethod bound{{method.name(), {}, FromTorchType(*schema.returns().at(0).type())}, method, {}};
  for (size_t i = 1; i < schema.arguments().size(); ++i) {  // 0 is `self`
    const c10::Argument& argument = schema.arguments()[i];
    Type type = FromTorchType(*argument.type());
    const bool passable = IsPassable(type);
    std::optional<Value> default_value;
    if (argument.default_value().has_value()) {
      absl::StatusOr<Value> converted = FromIValue(*argument.default_value());
      if (!passable || !converted.ok()) {
        bound.slots.push_back({argument.type(), *argument.default_value()});
        continue;
      }
      default_value = *std::move(converted);
    } else if (!passable) {
      return absl::InvalidArgumentError(absl::StrCat(method.name(), " takes \"", argument.name(),
                                                     "\" of type ", TypeName(type),
                                                     ", which cannot be passed; give it a default"));
    }
    bound.slots.push_back({argument.type(), std::nullopt});
    bound.signature.arguments.push_back({argument.name(), std::move(type), std::move(default_value)});
  }
  return bound;
}

}  // namespace

absl::StatusOr<std::vector<BoundMethod>> BindMethods(const torch::jit::Module& module) {
  std::vector<BoundMethod> methods;
  absl::Status refused = absl::InvalidArgumentError("the module has neither forward nor exported methods");
  for (const torch::jit::Method& method : module.get_methods()) {
    if (const std::string operation = FileAccessOf(method); !operation.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("method ", method.name(), " uses ", operation,
                       ", which reaches files of the daemon; take it out of the module, or hand the data "
                       "over as inputs and outputs"));
    }
    if (absl::StartsWith(method.name(), "__")) continue;
    absl::StatusOr<BoundMethod> bound = Bind(method);
    if (bound.ok()) {
      methods.push_back(*std::move(bound));
    } else {
      refused = bound.status();
    }
  }
  if (methods.empty()) return refused;
  std::sort(methods.begin(), methods.end(), [](const BoundMethod& a, const BoundMethod& b) {
    const bool a_is_forward = a.signature.name == "forward";
    const bool b_is_forward = b.signature.name == "forward";
    return a_is_forward != b_is_forward ? a_is_forward : a.signature.name < b.signature.name;
  });
  return methods;
}

}  // namespace modeld
