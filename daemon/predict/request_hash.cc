#include "daemon/predict/request_hash.h"

#include <algorithm>
#include <bit>
#include <string_view>

#include "daemon/lifecycle/stable_hash.h"

namespace modeld {
namespace {

constexpr size_t kSampledBytes = 1024;  // of one run of elements
constexpr size_t kSampleSize = 8;
constexpr int kSampledItems = 64;  // of one list
constexpr int kMaxValues = 1024;   // of one input: nested lists multiply

// Bytes of any number, with their number. Of many: samples from the first to the last byte, evenly spread,
// since a picture's first bytes may be those of every picture.
void AddBytes(StableHash& hash, std::string_view bytes) {
  hash.Add(uint64_t{bytes.size()});
  if (bytes.size() <= kSampledBytes) {
    hash.Add(bytes);
    return;
  }
  constexpr size_t kLast = kSampledBytes / kSampleSize - 1;
  const size_t span = bytes.size() - kSampleSize;
  for (size_t i = 0; i <= kLast; ++i) {
    // Without i * span, which may overflow.
    const size_t at = span / kLast * i + span % kLast * i / kLast;
    hash.Add(bytes.substr(at, kSampleSize));
  }
}

class ValueHasher {
 public:
  explicit ValueHasher(StableHash& hash) : hash_(hash) {}

  void Add(const v1::Value& value) {
    if (--values_left_ < 0) return;
    hash_.Add(static_cast<uint64_t>(value.kind_case()));
    switch (value.kind_case()) {
      case v1::Value::kTensor:
        return AddTensor(value.tensor());
      case v1::Value::kBoolValue:
        hash_.Add(uint64_t{value.bool_value()});
        return;
      case v1::Value::kIntValue:
        hash_.Add(static_cast<uint64_t>(value.int_value()));
        return;
      case v1::Value::kFloatValue:
        hash_.Add(std::bit_cast<uint64_t>(value.float_value()));
        return;
      case v1::Value::kComplexValue:
        hash_.Add(std::bit_cast<uint64_t>(value.complex_value().real()));
        hash_.Add(std::bit_cast<uint64_t>(value.complex_value().imag()));
        return;
      case v1::Value::kStringValue:
        return AddBytes(hash_, value.string_value());
      case v1::Value::kList:
        return AddItems(value.list().items(), [this](const v1::Value& item) { Add(item); });
      case v1::Value::kTuple:
        return AddItems(value.tuple().items(), [this](const v1::Value& item) { Add(item); });
      case v1::Value::kDict:
        return AddItems(value.dict().entries(), [this](const v1::DictEntry& entry) {
          Add(entry.key());
          Add(entry.value());
        });
      case v1::Value::kNone:
      case v1::Value::KIND_NOT_SET:
        return;
    }
  }

 private:
  void AddTensor(const v1::Tensor& tensor) {
    AddBytes(hash_, tensor.dtype());
    AddElements(tensor.shape());
    AddBytes(hash_, tensor.raw());
    AddElements(tensor.bool_values());
    AddElements(tensor.int_values());
    AddElements(tensor.uint_values());
    AddElements(tensor.float_values());
    AddElements(tensor.double_values());
    AddItems(tensor.bytes_values(), [this](const std::string& element) { AddBytes(hash_, element); });
  }

  template <typename Element>
  void AddElements(const google::protobuf::RepeatedField<Element>& elements) {
    AddBytes(hash_, {reinterpret_cast<const char*>(elements.data()),
                     static_cast<size_t>(elements.size()) * sizeof(Element)});
  }

  template <typename Item, typename AddFn>
  void AddItems(const google::protobuf::RepeatedPtrField<Item>& items, AddFn add) {
    hash_.Add(static_cast<uint64_t>(items.size()));
    const int step = std::max(1, items.size() / kSampledItems);
    for (int i = 0; i < items.size(); i += step) add(items[i]);
  }

  StableHash& hash_;
  int values_left_ = kMaxValues;
};

uint64_t InputHash(const std::string& name, const v1::Value& value) {
  StableHash hash;
  AddBytes(hash, name);
  ValueHasher(hash).Add(value);
  return hash.Finish();
}

}  // namespace

uint64_t RequestHash(const v1::PredictRequest& request) {
  // A sequence is drawn once, by what all its requests have in common.
  if (request.sticky_key().empty() && !request.sequence_id().empty()) {
    return StableHash().Add(request.sequence_id()).Finish();
  }
  if (!request.sticky_key().empty()) return StableHash().Add(request.sticky_key()).Finish();
  // A map has no order, and neither has a sum.
  uint64_t sum = 0;
  for (const auto& [name, value] : request.inputs()) sum += InputHash(name, value);
  return StableHash::Mix(sum);
}

}  // namespace modeld
