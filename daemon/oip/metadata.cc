#include "daemon/oip/metadata.h"

#include <algorithm>
#include <optional>

#include "daemon/codec/utf8.h"
#include "daemon/engine/bind.h"

namespace modeld {
namespace {

using TensorMetadata = inference::ModelMetadataResponse::TensorMetadata;

// What values of a type are sent as.
struct Described {
  std::optional<DType> dtype;
  std::vector<int64_t> shape;
};

std::optional<DType> DTypeOfScalar(Type::Kind kind) {
  switch (kind) {
    case Type::Kind::kBool:
      return DType::kBool;
    case Type::Kind::kInt:
      return DType::kInt64;
    case Type::Kind::kFloat:
      return DType::kFp64;
    case Type::Kind::kString:
      return DType::kBytes;
    default:
      return std::nullopt;
  }
}

Described Describe(const Type& type) {
  if (type.kind == Type::Kind::kStringTensor) return {.dtype = DType::kBytes, .shape = {}};
  if (const std::optional<DType> dtype = DTypeOfScalar(type.kind)) return {.dtype = dtype, .shape = {1}};
  const bool wraps =
      (type.kind == Type::Kind::kList || type.kind == Type::Kind::kOptional) && type.params.size() == 1;
  if (!wraps) return {};
  if (type.kind == Type::Kind::kOptional) return Describe(type.params[0]);
  const std::optional<DType> dtype = DTypeOfScalar(type.params[0].kind);
  return dtype ? Described{.dtype = dtype, .shape = {-1}} : Described{};
}

// With what is declared under the name.
TensorMetadata MetadataOf(const std::string& name, const Type& type,
                          const std::vector<DeclaredTensor>& declared) {
  Described described = Describe(type);
  const auto found = std::find_if(declared.begin(), declared.end(),
                                  [&](const DeclaredTensor& tensor) { return tensor.name == name; });
  if (found != declared.end()) {
    if (found->dtype) described.dtype = found->dtype;
    if (found->shape) described.shape = *found->shape;
  }
  TensorMetadata metadata;
  metadata.set_name(ToUtf8(name));
  if (described.dtype) metadata.set_datatype(std::string(DTypeName(*described.dtype)));
  metadata.mutable_shape()->Assign(described.shape.begin(), described.shape.end());
  return metadata;
}

inference::DataType DataTypeOf(const std::string& name) {
  inference::DataType type = inference::TYPE_INVALID;
  if (name == "BYTES") return inference::TYPE_STRING;
  inference::DataType_Parse("TYPE_" + name, &type);
  return type;
}

// Of one whose first dimension is the batch's, where requests are joined.
void SetDims(const TensorMetadata& metadata, bool joined, google::protobuf::RepeatedField<int64_t>* dims) {
  const bool is_row = joined && metadata.shape_size() > 0 && metadata.shape(0) == -1;
  for (int i = is_row ? 1 : 0; i < metadata.shape_size(); ++i) dims->Add(metadata.shape(i));
}

const char* IndexState(VersionState state) {
  switch (state) {
    case VersionState::kReady:
      return "READY";
    case VersionState::kLoading:
    case VersionState::kProbing:
      return "LOADING";
    case VersionState::kDraining:
      return "UNLOADING";
    default:
      return "UNAVAILABLE";
  }
}

}  // namespace

std::vector<std::string> OipExtensions() {
  return {"classification",      "sequence",           "model_repository", "schedule_policy",
          "model_configuration", "binary_tensor_data", "parameters",       "statistics"};
}

std::string PlatformOf(ArtifactFormat format) {
  return format == ArtifactFormat::kOnnx ? "onnxruntime_onnx" : "pytorch_libtorch";
}

void FillMetadata(const ServedVersion& version, inference::ModelMetadataResponse* metadata) {
  const Method& forward = version.executable->methods().front();
  metadata->set_name(version.model);
  for (const Argument& argument : forward.arguments) {
    *metadata->add_inputs() = MetadataOf(argument.name, argument.type, version.inputs);
  }
  for (const auto& [name, type] : OutputTypes(forward, version.outputs)) {
    if (name != "*") *metadata->add_outputs() = MetadataOf(name, type, version.outputs);
  }
}

inference::ModelConfig OipConfigOf(const ServedVersion& version, const v1::ModelConfig& config,
                                   ArtifactFormat format) {
  inference::ModelMetadataResponse metadata;
  FillMetadata(version, &metadata);
  inference::ModelConfig wire;
  wire.set_name(version.model);
  wire.set_platform(PlatformOf(format));
  wire.set_backend(format == ArtifactFormat::kOnnx ? "onnxruntime" : "pytorch");
  wire.mutable_version_policy()->mutable_latest()->set_num_versions(1);
  const v1::BatchingConfig& batching = config.batching();
  const bool joined = batching.max_batch_size() > 1 && !version.executable->stateful();
  if (joined) {
    wire.set_max_batch_size(batching.max_batch_size());
    *wire.mutable_dynamic_batching()->mutable_preferred_batch_size() = batching.preferred_batch_sizes();
    wire.mutable_dynamic_batching()->set_max_queue_delay_microseconds(
        static_cast<uint64_t>(std::max<int64_t>(0, batching.max_queue_delay_us())));
  } else if (version.executable->stateful()) {
    wire.mutable_sequence_batching();
  }
  const std::vector<Argument>& arguments = version.executable->methods().front().arguments;
  for (int i = 0; i < metadata.inputs_size(); ++i) {
    inference::ModelInput* const input = wire.add_input();
    input->set_name(metadata.inputs(i).name());
    input->set_data_type(DataTypeOf(metadata.inputs(i).datatype()));
    SetDims(metadata.inputs(i), joined, input->mutable_dims());
    if (const auto rule = config.preprocess().find(input->name()); rule != config.preprocess().end()) {
      input->set_format(rule->second.image().layout() == "NHWC" ? inference::ModelInput::FORMAT_NHWC
                                                                : inference::ModelInput::FORMAT_NCHW);
    }
    input->set_optional(arguments[static_cast<size_t>(i)].default_value.has_value());
  }
  for (const TensorMetadata& each : metadata.outputs()) {
    inference::ModelOutput* const output = wire.add_output();
    output->set_name(each.name());
    output->set_data_type(DataTypeOf(each.datatype()));
    SetDims(each, joined, output->mutable_dims());
    for (const v1::TensorSpec& declared : config.outputs()) {
      if (declared.name() == each.name()) output->set_label_filename(declared.labels());
    }
  }
  inference::ModelInstanceGroup* const group = wire.add_instance_group();
  group->set_name(version.model);
  group->set_kind(inference::ModelInstanceGroup::KIND_CPU);
  group->set_count(version.instances == nullptr ? 1 : version.instances->instances());
  (*wire.mutable_parameters())["modeld.version"].set_string_value(version.version);
  (*wire.mutable_parameters())["modeld.plan"].set_string_value(version.plan);
  return wire;
}

inference::RepositoryIndexResponse::ModelIndex IndexOf(const std::string& model, const VersionView& version) {
  inference::RepositoryIndexResponse::ModelIndex index;
  index.set_name(model);
  index.set_version(version.record.version);
  index.set_state(IndexState(version.state));
  index.set_reason(ToUtf8(version.reason));
  return index;
}

}  // namespace modeld
