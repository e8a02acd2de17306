#include "daemon/engine/openvino/openvino_executable.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "daemon/engine/openvino/fitness.h"
#include "registry/base/mutex.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

constexpr size_t kForward = 0;

// Puts the tensors into what forward returns around them.
Value Assemble(const ReturnShape& shape, const std::vector<Tensor>& outputs) {
  const auto items = [&] {
    std::vector<Value> values;
    for (const ReturnShape& item : shape.items) values.push_back(Assemble(item, outputs));
    return values;
  };
  switch (shape.kind) {
    case ReturnShape::Kind::kTensor:
      return Value{outputs[shape.output]};
    case ReturnShape::Kind::kConstant:
      return shape.constant;
    case ReturnShape::Kind::kList:
      return Value{List{items()}};
    case ReturnShape::Kind::kTuple:
      return Value{Tuple{items(), shape.names}};
    case ReturnShape::Kind::kDict: {
      Dict dict;
      std::vector<Value> values = items();
      for (size_t i = 0; i < values.size(); ++i)
        dict.entries.emplace_back(shape.keys[i], std::move(values[i]));
      return Value{std::move(dict)};
    }
  }
  return Value{};
}

class OpenvinoExecutable final : public Executable {
 public:
  OpenvinoExecutable(std::vector<Method> methods, ForwardGraph forward, std::vector<IndexLimit> limits,
                     std::unique_ptr<CompiledModel> compiled, LoadFallback load_fallback)
      : methods_(std::move(methods)),
        forward_(std::move(forward)),
        limits_(std::move(limits)),
        compiled_(std::move(compiled)),
        load_fallback_(std::move(load_fallback)) {}

  const std::vector<Method>& methods() const override { return methods_; }

  absl::StatusOr<Value> Run(size_t method, std::vector<Value> arguments) override {
    if (method == kForward) {
      const std::vector<const Tensor*> inputs = TensorsThatFit(forward_.arguments, limits_, arguments);
      if (!inputs.empty()) {
        try {
          const std::vector<Tensor> outputs = compiled_->Run(inputs);
          if (!Raised(outputs) && std::all_of(outputs.begin(), outputs.end(), IsFinite))
            return Assemble(forward_.returns, outputs);
        } catch (const std::exception&) {
          // LibTorch may take the shapes, or says in its words why it does not.
        }
      }
    }
    MODELD_ASSIGN_OR_RETURN(Executable* const fallback, Fallback());
    return fallback->Run(method, std::move(arguments));
  }

 private:
  // The last outputs tell.
  bool Raised(const std::vector<Tensor>& outputs) const {
    const size_t first = outputs.size() - forward_.raises_when.size();
    for (size_t i = 0; i < forward_.raises_when.size(); ++i) {
      const Tensor& condition = outputs[first + i];
      if (condition.buffer.size != 1) return true;  // no boolean: whatever it is, LibTorch knows
      const bool holds = *static_cast<const char*>(condition.buffer.data) != 0;
      if (holds == forward_.raises_when[i]) return true;
    }
    return false;
  }

  absl::StatusOr<Executable*> Fallback() {
    MutexLock lock(&mutex_);
    if (fallback_ == nullptr) {
      absl::StatusOr<std::unique_ptr<Executable>> loaded = load_fallback_();
      if (!loaded.ok()) {
        const absl::StatusCode code = absl::IsResourceExhausted(loaded.status())
                                          ? absl::StatusCode::kResourceExhausted
                                          : absl::StatusCode::kInternal;
        return absl::Status(code, loaded.status().message());
      }
      fallback_ = *std::move(loaded);
    }
    return fallback_.get();
  }

  const std::vector<Method> methods_;
  const ForwardGraph forward_;
  const std::vector<IndexLimit> limits_;
  const std::unique_ptr<CompiledModel> compiled_;
  const LoadFallback load_fallback_;
  Mutex mutex_;
  std::unique_ptr<Executable> fallback_ ABSL_GUARDED_BY(mutex_);  // never changed once it is there
};

}  // namespace

std::unique_ptr<Executable> NewOpenvinoExecutable(std::vector<Method> methods, ForwardGraph forward,
                                                  std::vector<IndexLimit> limits,
                                                  std::unique_ptr<CompiledModel> compiled,
                                                  LoadFallback fallback) {
  return std::make_unique<OpenvinoExecutable>(std::move(methods), std::move(forward), std::move(limits),
                                              std::move(compiled), std::move(fallback));
}

}  // namespace modeld
