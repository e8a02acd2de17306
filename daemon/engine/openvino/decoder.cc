#include "daemon/engine/openvino/decoder.h"

#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>

#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <openvino/op/constant.hpp>

#include "daemon/engine/libtorch/types.h"
#include "daemon/engine/openvino/ov_types.h"

namespace modeld {
namespace {

using ov::frontend::pytorch::TorchDecoder;
using torch::jit::Block;
using torch::jit::Node;
using TorchValue = torch::jit::Value;
namespace type = ov::frontend::type;

// What is proved of the graph makes it an error of ours where one of these is called.
[[noreturn]] void Unsupported(const char* what) {
  throw std::logic_error(std::string("the decoder has no ") + what);
}

std::optional<ov::element::Type> ElementTypeOf(std::optional<at::ScalarType> scalar) {
  if (!scalar) return std::nullopt;
  const std::optional<DType> dtype = FromScalarType(*scalar);
  return dtype ? ToElementType(*dtype) : std::nullopt;
}

// A type as the frontend knows it; a dynamic element type stands for one that it need not know.
ov::Any TypeOf(const c10::Type& torch_type) {
  switch (torch_type.kind()) {
    case c10::TypeKind::TensorType:
      return type::Tensor(ov::Any(ElementTypeOf(torch_type.expectRef<c10::TensorType>().scalarType())
                                      .value_or(ov::element::dynamic)));
    case c10::TypeKind::BoolType:
      return type::PyScalar(ov::Any(ov::element::Type(ov::element::boolean)));
    case c10::TypeKind::IntType:
      return type::PyScalar(ov::Any(ov::element::Type(ov::element::i64)));
    case c10::TypeKind::FloatType:
      return type::PyScalar(ov::Any(ov::element::Type(ov::element::f32)));
    case c10::TypeKind::ListType:
      return type::List(TypeOf(*torch_type.containedType(0)));
    case c10::TypeKind::StringType:
    case c10::TypeKind::DeviceObjType:
      return type::Str();
    case c10::TypeKind::NoneType:
      return type::PyNone();
    default:
      return ov::Any(ov::element::Type(ov::element::dynamic));
  }
}

ov::PartialShape ShapeOf(const c10::Type& torch_type) {
  if (torch_type.kind() != c10::TypeKind::TensorType) return ov::PartialShape::dynamic();
  const auto& tensor = torch_type.expectRef<c10::TensorType>();
  if (!tensor.dim()) return ov::PartialShape::dynamic();
  std::vector<ov::Dimension> dimensions;
  for (size_t i = 0; i < *tensor.dim(); ++i) {
    const std::optional<int64_t> size = tensor.sizes()[i];
    dimensions.push_back(size ? ov::Dimension(*size) : ov::Dimension::dynamic());
  }
  return ov::PartialShape(dimensions);
}

template <typename T>
ov::OutputVector OneConstant(const ov::element::Type& element, const ov::Shape& shape,
                             const std::vector<T>& values) {
  return {std::make_shared<ov::op::v0::Constant>(element, shape, values)->output(0)};
}

ov::OutputVector TensorConstant(const at::Tensor& tensor) {
  const std::optional<ov::element::Type> element = ElementTypeOf(tensor.scalar_type());
  if (!element) return {};
  auto dense = std::make_shared<at::Tensor>(tensor.contiguous());
  const ov::Shape shape(dense->sizes().begin(), dense->sizes().end());
  void* const data = dense->data_ptr();
  return {
      std::make_shared<ov::op::v0::Constant>(*element, shape, data, std::shared_ptr<void>(std::move(dense)))
          ->output(0)};
}

// A list is a tensor of one dimension to the frontend.
ov::OutputVector ListConstant(const c10::IValue& value) {
  if (value.isIntList()) {
    const std::vector<int64_t> items = value.toIntVector();
    return OneConstant(ov::element::i64, {items.size()}, items);
  }
  if (value.isDoubleList()) {
    const std::vector<double> doubles = value.toDoubleVector();
    const std::vector<float> items(doubles.begin(), doubles.end());
    return OneConstant(ov::element::f32, {items.size()}, items);
  }
  if (value.isBoolList()) {
    std::vector<char> items;
    for (const bool item : value.toBoolList()) items.push_back(static_cast<char>(item));
    return OneConstant(ov::element::boolean, {items.size()}, items);
  }
  return {};
}

ov::OutputVector ConstantOf(const c10::IValue& value) {
  if (value.isTensor()) return TensorConstant(value.toTensor());
  if (value.isInt()) return OneConstant<int64_t>(ov::element::i64, {}, {value.toInt()});
  if (value.isBool()) return OneConstant<char>(ov::element::boolean, {}, {static_cast<char>(value.toBool())});
  if (value.isDouble())
    return OneConstant<float>(ov::element::f32, {}, {static_cast<float>(value.toDouble())});
  if (value.isList()) return ListConstant(value);
  return {};
}

class BlockDecoder;

// What nodes and blocks have in common: values that go in and come out.
class ValuesDecoder : public TorchDecoder {
 public:
  ValuesDecoder(std::shared_ptr<torch::jit::Graph> graph, c10::ArrayRef<TorchValue*> inputs,
                c10::ArrayRef<TorchValue*> outputs)
      : graph_(std::move(graph)), inputs_(inputs.vec()), outputs_(outputs.vec()) {
    for (const TorchValue* const input : inputs_) {
      input_ids_.push_back(input->unique());
      input_names_.push_back(NameOf(*input));
    }
    for (const TorchValue* const output : outputs_) {
      output_ids_.push_back(output->unique());
      output_names_.push_back(NameOf(*output));
    }
  }

  const std::vector<size_t>& inputs() const override { return input_ids_; }
  const std::string& get_input_debug_name(size_t index) const override { return input_names_.at(index); }
  const std::string& get_input_signature_name(size_t index) const override { return input_names_.at(index); }
  ov::PartialShape get_input_shape(size_t index) const override {
    return ShapeOf(*inputs_.at(index)->type());
  }
  const std::vector<size_t>& get_input_strides(size_t) const override { return no_strides_; }
  ov::Any get_input_type(size_t index) const override { return TypeOf(*inputs_.at(index)->type()); }
  const std::string& get_output_debug_name(size_t index) const override { return output_names_.at(index); }
  ov::PartialShape get_output_shape(size_t index) const override {
    return ShapeOf(*outputs_.at(index)->type());
  }
  ov::Any get_output_type(size_t index) const override { return TypeOf(*outputs_.at(index)->type()); }
  size_t num_of_outputs() const override { return outputs_.size(); }
  size_t output_list_size() const override { return 0; }
  const std::vector<size_t>& outputs() const override { return output_ids_; }
  size_t output(size_t index) const override { return output_ids_.at(index); }
  // Nothing is mutated, so that it does not matter.
  bool may_produce_alias(size_t, size_t) const override { return false; }
  bool is_input_inlined(size_t) const override { return false; }
  std::shared_ptr<TorchDecoder> get_inlined_input_decoder(size_t) const override { return nullptr; }
  ov::Any get_attribute(const std::string&) const override { return {}; }
  size_t get_named_input(const std::string&) const override { Unsupported("named inputs"); }
  const std::string& decoder_type_name() const override {
    static const std::string* const name = new std::string("ts");
    return *name;
  }
  ov::frontend::pytorch::DecoderRTInfo get_rt_info() const override { return {}; }
  bool has_converter() const override { return false; }
  ov::OutputVector convert(const ov::frontend::NodeContext*) const override { Unsupported("converter"); }
  ov::Any const_input(size_t) const override { Unsupported("inlined constants"); }
  ov::OutputVector try_decode_get_attr() const override { Unsupported("attributes"); }

 protected:
  // The frontend wants numbers, and takes whatever is called "self" for the module.
  static std::string NameOf(const TorchValue& value) { return std::to_string(value.unique()); }

  const std::shared_ptr<torch::jit::Graph> graph_;
  const std::vector<TorchValue*> inputs_, outputs_;

 private:
  std::vector<size_t> input_ids_, output_ids_;
  std::vector<std::string> input_names_, output_names_;
  const std::vector<size_t> no_strides_;
};

class NodeDecoder final : public ValuesDecoder {
 public:
  NodeDecoder(std::shared_ptr<torch::jit::Graph> graph, Node* node)
      : ValuesDecoder(std::move(graph), node->inputs(), node->outputs()),
        node_(node),
        kind_(node->kind().toQualString()),
        constant_(ConstantValue(*node)) {
    if (const c10::FunctionSchema* const schema = node->maybeSchema()) schema_ = c10::str(*schema);
    if (constant_ && constant_->isString()) text_ = constant_->toStringRef();
    if (constant_ && constant_->isDevice()) text_ = constant_->toDevice().str();
  }

  bool input_is_none(size_t index) const override {
    if (index >= inputs_.size()) return true;
    const std::optional<c10::IValue> constant = torch::jit::toIValue(inputs_[index]);
    return constant && constant->isNone();
  }
  ov::OutputVector as_constant() const override {
    return constant_ ? ConstantOf(*constant_) : ov::OutputVector();
  }
  const std::string& as_string() const override { return text_; }
  const std::string& get_op_type() const override { return kind_; }
  const std::string& get_schema() const override { return schema_; }
  std::shared_ptr<ov::Node> mark_node(std::shared_ptr<ov::Node> made) const override {
    made->set_friendly_name(kind_ + "/" + made->get_type_name());
    return made;
  }
  size_t get_subgraph_size() const override { return node_->blocks().size(); }
  void visit_subgraph(std::function<void(std::shared_ptr<TorchDecoder>)>) const override {
    Unsupported("nodes within a node");
  }
  std::shared_ptr<TorchDecoder> get_subgraph_decoder(size_t index) const override;

 private:
  static std::optional<c10::IValue> ConstantValue(const Node& node) {
    if (node.kind() != torch::jit::prim::Constant) return std::nullopt;
    return torch::jit::toIValue(node.output());
  }

  Node* const node_;
  const std::string kind_;
  std::string schema_;
  const std::optional<c10::IValue> constant_;
  std::string text_;
};

class BlockDecoder final : public ValuesDecoder {
 public:
  BlockDecoder(std::shared_ptr<torch::jit::Graph> graph, Block* block)
      : ValuesDecoder(std::move(graph), block->inputs(), block->outputs()), block_(block) {}

  bool input_is_none(size_t) const override { return false; }
  ov::OutputVector as_constant() const override { return {}; }
  const std::string& as_string() const override { return empty_; }
  const std::string& get_op_type() const override { return empty_; }
  const std::string& get_schema() const override { return empty_; }
  std::shared_ptr<ov::Node> mark_node(std::shared_ptr<ov::Node> made) const override { return made; }
  size_t get_subgraph_size() const override { return 1; }
  void visit_subgraph(std::function<void(std::shared_ptr<TorchDecoder>)> visit) const override {
    for (Node* const node : block_->nodes()) visit(std::make_shared<NodeDecoder>(graph_, node));
  }
  std::shared_ptr<TorchDecoder> get_subgraph_decoder(size_t) const override { Unsupported("second block"); }

 private:
  Block* const block_;
  const std::string empty_;
};

std::shared_ptr<TorchDecoder> NodeDecoder::get_subgraph_decoder(size_t index) const {
  return std::make_shared<BlockDecoder>(graph_, node_->blocks().at(index));
}

}  // namespace

std::shared_ptr<TorchDecoder> NewDecoder(std::shared_ptr<torch::jit::Graph> graph) {
  Block* const block = graph->block();
  return std::make_shared<BlockDecoder>(std::move(graph), block);
}

}  // namespace modeld
