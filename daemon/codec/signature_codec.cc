#include "daemon/codec/signature_codec.h"

#include <algorithm>
#include <string>

#include "daemon/codec/utf8.h"
#include "daemon/engine/bind.h"

namespace modeld {
namespace {

void Declare(const std::vector<DeclaredTensor>& declared, v1::ArgumentSignature* wire) {
  const auto found = std::find_if(declared.begin(), declared.end(),
                                  [&](const DeclaredTensor& tensor) { return tensor.name == wire->name(); });
  if (found == declared.end()) return;
  if (found->dtype.has_value()) wire->set_dtype(std::string(DTypeName(*found->dtype)));
  if (found->shape.has_value()) wire->mutable_shape()->Assign(found->shape->begin(), found->shape->end());
}

}  // namespace

void ToWire(const Method& method, const std::vector<DeclaredTensor>& inputs,
            const std::vector<DeclaredTensor>& outputs, v1::MethodSignature* wire) {
  wire->set_name(method.name);
  for (const Argument& argument : method.arguments) {
    v1::ArgumentSignature* const input = wire->add_inputs();
    input->set_name(argument.name);
    input->set_type(TypeName(argument.type));
    input->set_optional(argument.default_value.has_value());
    Declare(inputs, input);
  }
  for (const auto& [name, type] : OutputTypes(method, outputs)) {
    v1::ArgumentSignature* const output = wire->add_outputs();
    output->set_name(ToUtf8(name));
    output->set_type(TypeName(type));
    Declare(outputs, output);
  }
}

}  // namespace modeld
