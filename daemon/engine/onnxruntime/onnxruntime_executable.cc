#include "daemon/engine/onnxruntime/onnxruntime_executable.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/engine/bind.h"
#include "daemon/engine/onnxruntime/convert.h"
#include "daemon/engine/onnxruntime/errors.h"
#include "daemon/engine/onnxruntime/types.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

// What the graph says of its inputs and outputs.
struct Signature {
  Method forward{"forward", {}, Type{Type::Kind::kTuple, {}, {}, {}}};
  std::vector<DeclaredTensor> inputs;  // one for each argument
};

absl::StatusOr<Signature> SignatureOf(const Ort::Session& session) {
  const Ort::AllocatorWithDefaultOptions allocator;
  Signature signature;
  // Inputs that have an initializer are counted by themselves, and are none of these.
  for (size_t i = 0; i < session.GetInputCount(); ++i) {
    const std::string name = session.GetInputNameAllocated(i, allocator).get();
    const Ort::TypeInfo info = session.GetInputTypeInfo(i);
    Type type = FromOnnxType(info.GetConst());
    if (type.kind != Type::Kind::kTensor && type.kind != Type::Kind::kStringTensor) {
      return absl::InvalidArgumentError(
          absl::StrCat("the graph takes input ", Quote(name), " as ", TypeName(type),
                       ", which cannot be passed; let it take tensors of an ordinary dtype"));
    }
    DeclaredTensor declared = DeclaredBy(info.GetTensorTypeAndShapeInfo());
    declared.name = name;
    signature.inputs.push_back(std::move(declared));
    signature.forward.arguments.push_back({name, std::move(type), std::nullopt});
  }
  for (size_t i = 0; i < session.GetOutputCount(); ++i) {
    const std::string name = session.GetOutputNameAllocated(i, allocator).get();
    const Ort::TypeInfo info = session.GetOutputTypeInfo(i);
    Type type = FromOnnxType(info.GetConst());
    if (!IsReturnable(type)) {
      return absl::InvalidArgumentError(
          absl::StrCat("the graph returns output ", Quote(name), " as ", TypeName(type),
                       ", which cannot be returned; let it return tensors of an ordinary dtype"));
    }
    signature.forward.returns.params.push_back(std::move(type));
    signature.forward.returns.field_names.push_back(name);
  }
  return signature;
}

std::vector<const char*> Pointers(const std::vector<std::string>& names) {
  std::vector<const char*> pointers;
  pointers.reserve(names.size());
  for (const std::string& name : names) pointers.push_back(name.c_str());
  return pointers;
}

class OnnxruntimeExecutable final : public Executable {
 public:
  OnnxruntimeExecutable(std::shared_ptr<Ort::Env> environment, Ort::Session session, Signature signature)
      : environment_(std::move(environment)),
        session_(std::move(session)),
        inputs_(std::move(signature.inputs)),
        methods_({std::move(signature.forward)}),
        output_names_(methods_.front().returns.field_names),
        output_name_pointers_(Pointers(output_names_)) {
    for (const DeclaredTensor& input : inputs_) input_name_pointers_.push_back(input.name.c_str());
  }

  const std::vector<Method>& methods() const override { return methods_; }

  absl::StatusOr<Value> Run(size_t method, std::vector<Value> arguments) override {
    try {
      if (method != 0 || arguments.size() != inputs_.size()) {
        return absl::InvalidArgumentError(absl::StrCat("method ", method, " with ", arguments.size(),
                                                       " arguments; forward takes ", inputs_.size()));
      }
      std::vector<Ort::Value> inputs;
      inputs.reserve(arguments.size());
      for (size_t i = 0; i < arguments.size(); ++i) {
        MODELD_RETURN_IF_ERROR(CheckDeclared(inputs_[i], arguments[i]));
        Tensor* const tensor = arguments[i].get_if<Tensor>();
        if (tensor == nullptr) {
          return absl::InvalidArgumentError(absl::StrCat(
              "input ", Quote(inputs_[i].name), ": expected a tensor, got ", ValueSummary(arguments[i])));
        }
        inputs.push_back(ToOrtValue(*tensor));
      }
      std::vector<Ort::Value> outputs =
          session_.Run(Ort::RunOptions(nullptr), input_name_pointers_.data(), inputs.data(), inputs.size(),
                       output_name_pointers_.data(), output_name_pointers_.size());
      return Result(std::move(outputs));
    } catch (...) {
      return StatusFromOnnxruntime(absl::StatusCode::kInternal);
    }
  }

 private:
  absl::StatusOr<Value> Result(std::vector<Ort::Value> outputs) const {
    Tuple result{{}, output_names_};
    result.items.reserve(outputs.size());
    for (size_t i = 0; i < outputs.size(); ++i) {
      absl::StatusOr<Value> item = FromOrtValue(std::move(outputs[i]));
      if (!item.ok()) {
        return absl::Status(item.status().code(), absl::StrCat("output ", Quote(output_names_[i]), ": ",
                                                               std::string(item.status().message())));
      }
      result.items.push_back(*std::move(item));
    }
    return Value{std::move(result)};
  }

  const std::shared_ptr<Ort::Env> environment_;  // outlasts the session
  Ort::Session session_;                         // thread-safe
  const std::vector<DeclaredTensor> inputs_;     // the rest is constant after construction
  const std::vector<Method> methods_;
  const std::vector<std::string> output_names_;
  std::vector<const char*> input_name_pointers_;
  const std::vector<const char*> output_name_pointers_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Executable>> NewOnnxruntimeExecutable(std::shared_ptr<Ort::Env> environment,
                                                                     Ort::Session session) {
  MODELD_ASSIGN_OR_RETURN(Signature signature, SignatureOf(session));
  return std::make_unique<OnnxruntimeExecutable>(std::move(environment), std::move(session),
                                                 std::move(signature));
}

}  // namespace modeld
