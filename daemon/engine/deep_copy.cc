#include "daemon/engine/deep_copy.h"

#include <cstring>

namespace modeld {
namespace {

void OwnBytes(Value& value);

struct Owner {
  void operator()(Tensor& tensor) const {
    if (tensor.buffer.size == 0) {
      tensor.buffer = {};
      return;
    }
    Buffer own = Buffer::Allocate(tensor.buffer.size);
    std::memcpy(own.data, tensor.buffer.data, own.size);
    tensor.buffer = std::move(own);
  }
  void operator()(List& list) const {
    for (Value& item : list.items) OwnBytes(item);
  }
  void operator()(Tuple& tuple) const {
    for (Value& item : tuple.items) OwnBytes(item);
  }
  void operator()(Dict& dict) const {
    for (auto& [key, item] : dict.entries) {
      OwnBytes(key);
      OwnBytes(item);
    }
  }
  template <typename Other>
  void operator()(Other&) const {}
};

void OwnBytes(Value& value) { std::visit(Owner{}, value.data); }

struct Sizer {
  size_t operator()(const Tensor& tensor) const {
    size_t bytes = tensor.buffer.size + tensor.strings.size() * sizeof(std::string);
    for (const std::string& element : tensor.strings) bytes += element.size();
    return bytes;
  }
  size_t operator()(const std::string& text) const { return text.size(); }
  size_t operator()(const List& list) const { return Sum(list.items); }
  size_t operator()(const Tuple& tuple) const { return Sum(tuple.items); }
  size_t operator()(const Dict& dict) const {
    size_t bytes = 0;
    for (const auto& [key, item] : dict.entries) bytes += CopySize(key) + CopySize(item);
    return bytes;
  }
  template <typename Other>
  size_t operator()(const Other&) const {
    return 0;
  }

  static size_t Sum(const std::vector<Value>& items) {
    size_t bytes = 0;
    for (const Value& item : items) bytes += CopySize(item);
    return bytes;
  }
};

}  // namespace

Value DeepCopy(const Value& value) {
  Value copy = value;  // containers are copied, only tensors' bytes are shared
  OwnBytes(copy);
  return copy;
}

size_t CopySize(const Value& value) { return sizeof(Value) + std::visit(Sizer{}, value.data); }

}  // namespace modeld
