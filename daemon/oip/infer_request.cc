#include "daemon/oip/infer_request.h"

#include <array>
#include <limits>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/engine/dtype.h"
#include "daemon/engine/tensor.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

using inference::InferParameter;
using inference::InferTensorContents;
using InputTensor = inference::ModelInferRequest::InferInputTensor;
using Parameters = google::protobuf::Map<std::string, InferParameter>;

// No request is answered in less: who asks for it means seconds or milliseconds, as some clients do, and
// Triton, which they are made for, heeds the parameter only where a model's config says so.
constexpr uint64_t kShortestTimeoutUs = 1000;

absl::Status Wrong(const char* parameter, const char* expected) {
  return absl::InvalidArgumentError(absl::StrCat("the parameter `", parameter, "` has to be ", expected));
}

// None: the parameter is not there, or has no value.
std::optional<InferParameter> Find(const Parameters& parameters, const char* name) {
  const auto found = parameters.find(name);
  if (found == parameters.end()) return std::nullopt;
  if (found->second.parameter_choice_case() == InferParameter::PARAMETER_CHOICE_NOT_SET) return std::nullopt;
  return found->second;
}

// A number that is not negative; 0 where it is not there.
absl::StatusOr<uint64_t> Number(const Parameters& parameters, const char* name) {
  const std::optional<InferParameter> parameter = Find(parameters, name);
  if (!parameter) return uint64_t{0};
  if (parameter->has_uint64_param()) return parameter->uint64_param();
  if (parameter->has_int64_param() && parameter->int64_param() >= 0) {
    return static_cast<uint64_t>(parameter->int64_param());
  }
  return Wrong(name, "a number, at least 0");
}

absl::StatusOr<bool> Flag(const Parameters& parameters, const char* name) {
  const std::optional<InferParameter> parameter = Find(parameters, name);
  if (!parameter) return false;
  if (parameter->has_bool_param()) return parameter->bool_param();
  return Wrong(name, "true or false");
}

absl::StatusOr<std::string> Text(const Parameters& parameters, const char* name) {
  const std::optional<InferParameter> parameter = Find(parameters, name);
  if (!parameter) return std::string();
  if (parameter->has_string_param()) return parameter->string_param();
  return Wrong(name, "a string");
}

// Empty: the request belongs to no sequence.
absl::StatusOr<std::string> SequenceId(const Parameters& parameters) {
  constexpr char kName[] = "sequence_id";
  const std::optional<InferParameter> parameter = Find(parameters, kName);
  if (parameter && parameter->has_string_param()) return parameter->string_param();
  absl::StatusOr<uint64_t> number = Number(parameters, kName);
  if (!number.ok()) return Wrong(kName, "a string, or a number that is at least 0");
  return *number == 0 ? std::string() : absl::StrCat(*number);
}

v1::Priority PriorityOf(uint64_t level) {
  if (level == 0 || level == 2) return v1::PRIORITY_NORMAL;
  return level == 1 ? v1::PRIORITY_HIGH : v1::PRIORITY_LOW;
}

absl::Status TakeParameters(const Parameters& parameters, v1::PredictRequest* predict,
                            InferOptions* options) {
  if (parameters.empty()) return absl::OkStatus();
  MODELD_ASSIGN_OR_RETURN(const uint64_t priority, Number(parameters, "priority"));
  MODELD_ASSIGN_OR_RETURN(const uint64_t timeout, Number(parameters, "timeout"));
  MODELD_ASSIGN_OR_RETURN(*predict->mutable_sequence_id(), SequenceId(parameters));
  MODELD_ASSIGN_OR_RETURN(const bool start, Flag(parameters, "sequence_start"));
  MODELD_ASSIGN_OR_RETURN(const bool end, Flag(parameters, "sequence_end"));
  MODELD_ASSIGN_OR_RETURN(*predict->mutable_method(), Text(parameters, "method"));
  MODELD_ASSIGN_OR_RETURN(*predict->mutable_sticky_key(), Text(parameters, "sticky_key"));
  predict->set_priority(PriorityOf(priority));
  predict->set_sequence_start(start);
  predict->set_sequence_end(end);
  if (timeout >= kShortestTimeoutUs) {
    options->timeout = absl::Microseconds(
        static_cast<int64_t>(std::min<uint64_t>(timeout, std::numeric_limits<int64_t>::max())));
  }
  return absl::OkStatus();
}

absl::Status CheckNotShared(const Parameters& parameters, const char* kind, const std::string& name) {
  if (parameters.empty() || parameters.find("shared_memory_region") == parameters.end()) {
    return absl::OkStatus();
  }
  return absl::UnimplementedError(absl::StrCat(kind, " ", Quote(name),
                                               " is to be in shared memory, which this server does not use; "
                                               "send and receive its elements in the message"));
}

absl::Status TakeOutputs(const inference::ModelInferRequest& request, InferOptions* options) {
  std::set<std::pair<absl::string_view, bool>> seen;
  for (const auto& output : request.outputs()) {
    MODELD_RETURN_IF_ERROR(CheckNotShared(output.parameters(), "output", output.name()));
    MODELD_ASSIGN_OR_RETURN(const uint64_t classes, Number(output.parameters(), "classification"));
    // Each would be another copy of it in the answer.
    if (!seen.emplace(output.name(), classes > 0).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("output ", Quote(output.name()),
                       " is asked for twice; once as it is and once by its classes is allowed"));
    }
    options->outputs.push_back(
        {.name = output.name(),
         .classes = static_cast<int64_t>(std::min<uint64_t>(classes, std::numeric_limits<int32_t>::max()))});
  }
  return absl::OkStatus();
}

// The field of InferTensorContents that holds elements of `dtype`; empty where none does.
absl::string_view FieldOf(DType dtype) {
  switch (dtype) {
    case DType::kBool:
      return "bool_contents";
    case DType::kInt8:
    case DType::kInt16:
    case DType::kInt32:
      return "int_contents";
    case DType::kInt64:
      return "int64_contents";
    case DType::kUint8:
    case DType::kUint16:
    case DType::kUint32:
      return "uint_contents";
    case DType::kUint64:
      return "uint64_contents";
    case DType::kFp16:
    case DType::kBf16:
    case DType::kFp32:
      return "fp32_contents";
    case DType::kFp64:
      return "fp64_contents";
    case DType::kBytes:
      return "bytes_contents";
    case DType::kComplex64:
    case DType::kComplex128:
      break;
  }
  return {};
}

struct FieldSize {
  absl::string_view field;
  int elements;
};

std::array<FieldSize, 8> FieldSizes(const InferTensorContents& contents) {
  return {{{"bool_contents", contents.bool_contents_size()},
           {"int_contents", contents.int_contents_size()},
           {"int64_contents", contents.int64_contents_size()},
           {"uint_contents", contents.uint_contents_size()},
           {"uint64_contents", contents.uint64_contents_size()},
           {"fp32_contents", contents.fp32_contents_size()},
           {"fp64_contents", contents.fp64_contents_size()},
           {"bytes_contents", contents.bytes_contents_size()}}};
}

// What is wrong with the elements that is better told in this protocol's words.
absl::Status CheckContents(const InputTensor& input) {
  const std::optional<DType> dtype = DTypeFromName(input.datatype());
  if (!dtype) return absl::OkStatus();  // told where the tensor is read
  const std::vector<int64_t> shape(input.shape().begin(), input.shape().end());
  const absl::StatusOr<int64_t> elements = ElementCount(shape, *dtype);
  if (!elements.ok()) return absl::OkStatus();
  int64_t count = 0;
  for (const FieldSize& given : FieldSizes(input.contents())) {
    if (given.elements == 0) continue;
    if (given.field != FieldOf(*dtype)) {
      return absl::InvalidArgumentError(absl::StrCat("input ", Quote(input.name()), ": elements stand in ",
                                                     given.field, ", which is not for ", input.datatype()));
    }
    count += given.elements;
  }
  if (count == *elements) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("input ", Quote(input.name()), ": its contents have ", count,
                                                 " elements, but ", TensorSummary(*dtype, shape), " takes ",
                                                 *elements));
}

void TakeContents(InferTensorContents& contents, v1::Tensor* tensor) {
  tensor->mutable_bool_values()->Swap(contents.mutable_bool_contents());
  tensor->mutable_int_values()->Swap(contents.mutable_int64_contents());
  tensor->mutable_uint_values()->Swap(contents.mutable_uint64_contents());
  tensor->mutable_float_values()->Swap(contents.mutable_fp32_contents());
  tensor->mutable_double_values()->Swap(contents.mutable_fp64_contents());
  tensor->mutable_bytes_values()->Swap(contents.mutable_bytes_contents());
  for (const int32_t element : contents.int_contents()) tensor->add_int_values(element);
  for (const uint32_t element : contents.uint_contents()) tensor->add_uint_values(element);
}

absl::Status CheckRawCount(const inference::ModelInferRequest& request) {
  if (request.raw_input_contents_size() == request.inputs_size()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "raw_input_contents has ", request.raw_input_contents_size(), " entries for ", request.inputs_size(),
      request.inputs_size() == 1 ? " input" : " inputs", "; send one for each, in their order"));
}

absl::Status TakeInputs(inference::ModelInferRequest& request, v1::PredictRequest* predict) {
  const bool raw = request.raw_input_contents_size() > 0;
  for (const InputTensor& input : request.inputs()) {  // those have no entry among the raw ones
    MODELD_RETURN_IF_ERROR(CheckNotShared(input.parameters(), "input", input.name()));
  }
  if (raw) MODELD_RETURN_IF_ERROR(CheckRawCount(request));
  for (int i = 0; i < request.inputs_size(); ++i) {
    InputTensor& input = *request.mutable_inputs(i);
    if (raw && input.has_contents()) {
      return absl::InvalidArgumentError(
          absl::StrCat("input ", Quote(input.name()), " has contents beside raw_input_contents; use one"));
    }
    if (!raw) MODELD_RETURN_IF_ERROR(CheckContents(input));
    v1::Value& value = (*predict->mutable_inputs())[input.name()];
    if (value.has_tensor()) {
      return absl::InvalidArgumentError(absl::StrCat("input ", Quote(input.name()), " is given twice"));
    }
    v1::Tensor* const tensor = value.mutable_tensor();
    *tensor->mutable_dtype() = std::move(*input.mutable_datatype());
    tensor->mutable_shape()->Swap(input.mutable_shape());
    if (raw) {
      *tensor->mutable_raw() = std::move(*request.mutable_raw_input_contents(i));
    } else {
      TakeContents(*input.mutable_contents(), tensor);
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<InferOptions> TakeInferRequest(inference::ModelInferRequest& request,
                                              v1::PredictRequest* predict) {
  InferOptions options;
  options.id = request.id();
  options.raw = request.raw_input_contents_size() > 0 || request.inputs_size() == 0;
  predict->set_model(request.model_name());
  if (!request.model_version().empty()) predict->set_version(request.model_version());
  MODELD_RETURN_IF_ERROR(TakeParameters(request.parameters(), predict, &options));
  MODELD_RETURN_IF_ERROR(TakeOutputs(request, &options));
  MODELD_RETURN_IF_ERROR(TakeInputs(request, predict));
  return options;
}

}  // namespace modeld
