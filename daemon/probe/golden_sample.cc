#include "daemon/probe/golden_sample.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/codec/value_codec.h"
#include "daemon/probe/compare_outputs.h"
#include "modeld/v1/value.pb.h"
#include "registry/base/closest_match.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/golden.h"

namespace modeld {
namespace {

absl::Status AtSample(const std::string& name, const absl::Status& status) {
  return absl::Status(status.code(),
                      absl::StrCat("golden sample ", Quote(name), ": ", std::string(status.message())));
}

absl::StatusOr<NamedValues> Decode(google::protobuf::Map<std::string, v1::Value>& wire, const char* kind) {
  NamedValues values;
  for (auto& [name, value] : wire) {
    MODELD_ASSIGN_OR_RETURN(values[name], FromWire(value, kind, name));
  }
  return values;
}

// With bytes of its own.
Value DeepCopy(const Value& value);

std::vector<Value> DeepCopy(const std::vector<Value>& items) {
  std::vector<Value> copies;
  copies.reserve(items.size());
  for (const Value& item : items) copies.push_back(DeepCopy(item));
  return copies;
}

Value DeepCopy(const Value& value) {
  if (const auto* tensor = value.get_if<Tensor>()) {
    Tensor copy{.dtype = tensor->dtype,
                .shape = tensor->shape,
                .buffer = Buffer::Allocate(tensor->buffer.size),
                .strings = tensor->strings};
    if (copy.buffer.size > 0) std::memcpy(copy.buffer.data, tensor->buffer.data, copy.buffer.size);
    return Value{std::move(copy)};
  }
  if (const auto* list = value.get_if<List>()) return Value{List{DeepCopy(list->items)}};
  if (const auto* tuple = value.get_if<Tuple>()) return Value{Tuple{DeepCopy(tuple->items), tuple->names}};
  if (const auto* dict = value.get_if<Dict>()) {
    Dict copy;
    for (const auto& [key, item] : dict->entries) copy.entries.emplace_back(key, DeepCopy(item));
    return Value{std::move(copy)};
  }
  return value;
}

absl::StatusOr<size_t> FindMethod(const Executable& executable, const std::string& name) {
  if (name.empty()) return 0;
  std::vector<std::string> names;
  for (size_t i = 0; i < executable.methods().size(); ++i) {
    if (executable.methods()[i].name == name) return i;
    names.push_back(executable.methods()[i].name);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("the model has no method ", Quote(name), DidYouMean(name, names)));
}

}  // namespace

NamedValues DeepCopy(const NamedValues& values) {
  NamedValues copies;
  for (const auto& [name, value] : values) copies[name] = DeepCopy(value);
  return copies;
}

absl::StatusOr<GoldenSample> DecodeGoldenSample(std::string_view name, std::string_view bytes) {
  MODELD_RETURN_IF_ERROR(CheckGoldenSample(name, bytes));
  v1::GoldenSample wire;
  if (!wire.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::InternalError(absl::StrCat("golden sample ", Quote(name), " parsed before, but not now"));
  }
  GoldenSample sample{.name = std::string(name), .method = wire.method(), .inputs = {}, .outputs = {}};
  absl::StatusOr<NamedValues> inputs = Decode(*wire.mutable_inputs(), "input");
  if (!inputs.ok()) return AtSample(sample.name, inputs.status());
  absl::StatusOr<NamedValues> outputs = Decode(*wire.mutable_outputs(), "output");
  if (!outputs.ok()) return AtSample(sample.name, outputs.status());
  sample.inputs = *std::move(inputs);
  sample.outputs = *std::move(outputs);
  return sample;
}

absl::StatusOr<NamedValues> RunSample(Executable& executable, const Declarations& declared,
                                      const GoldenSample& sample) {
  static const std::vector<DeclaredTensor> kNothing;
  MODELD_ASSIGN_OR_RETURN(const size_t index, FindMethod(executable, sample.method));
  // The config speaks of `forward` only.
  const bool is_forward = index == 0;
  MODELD_ASSIGN_OR_RETURN(std::vector<Value> arguments,
                          BindArguments(executable.methods()[index], is_forward ? declared.inputs : kNothing,
                                        DeepCopy(sample.inputs)));
  MODELD_ASSIGN_OR_RETURN(Value result, executable.Run(index, std::move(arguments)));
  return NameOutputs(std::move(result), is_forward ? declared.outputs : kNothing);
}

absl::StatusOr<v1::GoldenResult> RunGolden(Executable& executable, const Declarations& declared,
                                           const GoldenSample& sample, const Tolerance& tolerance) {
  MODELD_ASSIGN_OR_RETURN(const NamedValues outputs, RunSample(executable, declared, sample));
  v1::GoldenResult compared = CompareOutputs(sample.outputs, outputs, tolerance);
  compared.set_sample(sample.name);
  return compared;
}

absl::Status CheckGolden(Executable& executable, const Declarations& declared,
                         const std::vector<GoldenSample>& samples, const Tolerance& tolerance) {
  for (const GoldenSample& sample : samples) {
    const absl::StatusOr<v1::GoldenResult> result = RunGolden(executable, declared, sample, tolerance);
    if (absl::IsResourceExhausted(result.status()) || absl::IsUnavailable(result.status())) {
      return AtSample(sample.name, result.status());
    }
    const std::string wrong = result.ok() ? result->detail() : std::string(result.status().message());
    if (!result.ok() || !result->passed()) {
      return AtSample(sample.name, absl::InvalidArgumentError(wrong));
    }
  }
  return absl::OkStatus();
}

}  // namespace modeld
