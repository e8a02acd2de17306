#include "registry/onnx_tensors.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

// What protobuf's parsers go down to by default, which the engines leave as it is.
constexpr size_t kMaxDepth = 100;

// Fields of TensorProto.
constexpr uint32_t kTensorName = 8, kExternalData = 13, kDataLocation = 14;

// Which message a field is, if tensors can lie in it. The numbers are onnx.proto's.
std::optional<OnnxMessage> MessageOf(OnnxMessage parent, uint32_t field) {
  using enum OnnxMessage;
  switch (parent) {
    case kGraph:
      if (field == 1) return kNode;
      if (field == 5) return kTensor;         // initializer
      if (field == 15) return kSparseTensor;  // sparse_initializer
      return std::nullopt;
    case kNode:
      return field == 5 ? std::optional(kAttribute) : std::nullopt;
    case kAttribute:
      if (field == 5 || field == 10) return kTensor;         // t, tensors
      if (field == 6 || field == 11) return kGraph;          // g, graphs
      if (field == 22 || field == 23) return kSparseTensor;  // sparse_tensor, sparse_tensors
      return std::nullopt;
    case kSparseTensor:
      return field == 1 || field == 2 ? std::optional(kTensor) : std::nullopt;  // values, indices
    case kTraining:
      return field == 1 || field == 2 ? std::optional(kGraph) : std::nullopt;  // initialization, algorithm
    case kFunction:
      if (field == 7) return kNode;
      if (field == 11) return kAttribute;  // attribute_proto
      return std::nullopt;
    case kTensor:
      return std::nullopt;
  }
  return std::nullopt;
}

absl::Status Refused(const std::string& why) {
  return absl::InvalidArgumentError(absl::StrCat("no valid ONNX file: ", why));
}

absl::Status LiesElsewhere(const std::string& tensor) {
  // And a path in a model must never lead to the daemon's files.
  return absl::InvalidArgumentError(
      absl::StrCat("the tensor ", Quote(tensor),
                   " lies in another file, but a version is kept as one file; save all in one: "
                   "onnx.save_model(onnx.load(\"model.onnx\"), \"one.onnx\", save_as_external_data=False)"));
}

// A field of the tensor `name`, which is set where the field says it.
absl::Status CheckTensorField(WireReader& in, const WireField& field, std::string* name) {
  constexpr size_t kLongestName = 4096;
  if (field.number == kTensorName && field.type == WireType::kBytes) {
    MODELD_ASSIGN_OR_RETURN(const std::optional<std::string> text, in.Text(kLongestName));
    *name = text.value_or("");
    return absl::OkStatus();
  }
  if (field.number == kExternalData) return LiesElsewhere(*name);
  if (field.number != kDataLocation) return in.Skip(field);
  if (field.type != WireType::kVarint) return Refused("a tensor's data_location is no number");
  // Any other than DEFAULT: parsers take the lower 32 bits only.
  MODELD_ASSIGN_OR_RETURN(const uint64_t location, in.Varint());
  return location == 0 ? absl::OkStatus() : LiesElsewhere(*name);
}

}  // namespace

// Without recursion, so that its depth is a number that can be compared.
absl::Status CheckTensors(WireReader& in, OnnxMessage message) {
  std::vector<OnnxMessage> open = {message};
  std::string tensor_name;
  MODELD_RETURN_IF_ERROR(in.Enter());
  while (!open.empty()) {
    MODELD_ASSIGN_OR_RETURN(const std::optional<WireField> field, in.Next());
    if (!field) {
      in.Leave();
      open.pop_back();
      continue;
    }
    if (open.back() == OnnxMessage::kTensor) {
      MODELD_RETURN_IF_ERROR(CheckTensorField(in, *field, &tensor_name));
      continue;
    }
    const std::optional<OnnxMessage> inner = MessageOf(open.back(), field->number);
    if (!inner) {
      MODELD_RETURN_IF_ERROR(in.Skip(*field));
      continue;
    }
    if (field->type != WireType::kBytes) {
      return Refused(absl::StrCat("the field ", field->number, " at byte ", field->offset, " is no message"));
    }
    if (in.depth() >= kMaxDepth) {
      return Refused(
          absl::StrCat("its messages are nested deeper than ", kMaxDepth, " at byte ", field->offset));
    }
    MODELD_RETURN_IF_ERROR(in.Enter());
    open.push_back(*inner);
    tensor_name.clear();
  }
  return absl::OkStatus();
}

}  // namespace modeld
