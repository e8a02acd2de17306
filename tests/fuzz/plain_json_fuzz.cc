// Plain requests, and tensors of BYTES written as JSON.
#include <cstdint>
#include <memory>
#include <string>

#include "daemon/http/json_writer.h"
#include "daemon/http/plain_json.h"

namespace {

class Echo final : public modeld::Executable {
 public:
  Echo() {
    modeld::Method forward;
    forward.name = "forward";
    for (const auto kind :
         {modeld::Type::Kind::kTensor, modeld::Type::Kind::kAny, modeld::Type::Kind::kString}) {
      modeld::Argument argument;
      argument.name = std::string(1, static_cast<char>('x' + forward.arguments.size()));
      argument.type.kind = kind;
      forward.arguments.push_back(argument);
    }
    methods_.push_back(forward);
  }
  const std::vector<modeld::Method>& methods() const override { return methods_; }
  absl::StatusOr<modeld::Value> Run(size_t, std::vector<modeld::Value>) override {
    return absl::InternalError("not run");
  }

 private:
  std::vector<modeld::Method> methods_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto version = [] {
    auto made = std::make_unique<modeld::ServedVersion>();
    made->executable = std::make_unique<Echo>();
    return made;
  }();
  const std::string text(reinterpret_cast<const char*>(data), size);
  (void)modeld::ReadPlainRequest(text, *version);
  std::string json;
  (void)modeld::AppendJsonElements(modeld::DType::kBytes, text, &json);
  (void)modeld::AppendJsonNested(modeld::DType::kBytes, {2, 3}, text, &json);
  return 0;
}
