#include "daemon/codec/value_codec.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "daemon/codec/tensor_codec.h"
#include "daemon/codec/utf8.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

constexpr int kMaxNesting = 32;

// Where in the value the reader is: a chain of steps that lives on the stack and is written out only for an
// error's message.
struct Path {
  const Path* parent = nullptr;  // null: this is the whole value
  std::string_view kind = {};    // of the whole value: "input"
  std::string_view name = {};    // of the whole value
  int index = 0;                 // of an item or an entry
  const Value* key = nullptr;    // of an entry's value
  bool is_key = false;           // of an entry: its key itself
  int depth = 0;

  Path Item(int item) const { return {.parent = this, .index = item, .depth = depth + 1}; }
  Path KeyOf(int entry) const { return {.parent = this, .index = entry, .is_key = true, .depth = depth + 1}; }
  Path EntryOf(const Value* entry_key) const {
    return {.parent = this, .key = entry_key, .depth = depth + 1};
  }
};

std::string KeyText(const Value& key) {
  if (const auto* text = key.get_if<std::string>())
    return absl::StrCat("\"", absl::Utf8SafeCEscape(*text), "\"");
  if (const auto* integer = key.get_if<int64_t>()) return absl::StrCat(*integer);
  if (const auto* number = key.get_if<double>()) return absl::StrCat(*number);
  if (const auto* truth = key.get_if<bool>()) return *truth ? "true" : "false";
  return ValueSummary(key);
}

std::string PathText(const Path& path) {
  if (path.parent == nullptr)
    return absl::StrCat(std::string(path.kind), " \"", std::string(path.name), "\"");
  const std::string parent = PathText(*path.parent);
  if (path.key != nullptr) return absl::StrCat(parent, "[", KeyText(*path.key), "]");
  if (path.is_key) return absl::StrCat(parent, "{key ", path.index, "}");
  return absl::StrCat(parent, "[", path.index, "]");
}

absl::Status Invalid(const Path& path, absl::string_view message) {
  return absl::InvalidArgumentError(absl::StrCat(PathText(path), ": ", message));
}

absl::StatusOr<Value> Read(v1::Value& wire, const Path& path);

absl::StatusOr<std::vector<Value>> ReadItems(google::protobuf::RepeatedPtrField<v1::Value>& wire,
                                             const Path& path) {
  std::vector<Value> items;
  items.reserve(static_cast<size_t>(wire.size()));
  for (int i = 0; i < wire.size(); ++i) {
    MODELD_ASSIGN_OR_RETURN(items.emplace_back(), Read(wire[i], path.Item(i)));
  }
  return items;
}

absl::StatusOr<Value> ReadTuple(v1::TupleValue& wire, const Path& path) {
  if (wire.names_size() != 0 && wire.names_size() != wire.items_size()) {
    return Invalid(path, absl::StrCat("the tuple has ", wire.items_size(), " items but ", wire.names_size(),
                                      " names; give one name an item or none"));
  }
  MODELD_ASSIGN_OR_RETURN(std::vector<Value> items, ReadItems(*wire.mutable_items(), path));
  return Value{Tuple{std::move(items), {wire.names().begin(), wire.names().end()}}};
}

bool IsHashable(const Value& key) {
  return key.get_if<std::string>() != nullptr || key.get_if<int64_t>() != nullptr ||
         key.get_if<double>() != nullptr || key.get_if<bool>() != nullptr;
}

absl::StatusOr<Value> ReadDict(v1::DictValue& wire, const Path& path) {
  Dict dict;
  dict.entries.reserve(static_cast<size_t>(wire.entries_size()));
  for (int i = 0; i < wire.entries_size(); ++i) {
    v1::DictEntry& entry = *wire.mutable_entries(i);
    const Path key_path = path.KeyOf(i);
    MODELD_ASSIGN_OR_RETURN(Value key, Read(*entry.mutable_key(), key_path));
    if (!IsHashable(key)) {
      return Invalid(key_path, absl::StrCat("a dictionary key cannot be ", ValueSummary(key),
                                            "; expected str, int, float or bool"));
    }
    MODELD_ASSIGN_OR_RETURN(Value value, Read(*entry.mutable_value(), path.EntryOf(&key)));
    dict.entries.emplace_back(std::move(key), std::move(value));
  }
  return Value{std::move(dict)};
}

absl::StatusOr<Value> ReadTensor(v1::Tensor& wire, const Path& path) {
  absl::StatusOr<Tensor> tensor = TensorFromWire(wire);
  if (!tensor.ok()) return Invalid(path, tensor.status().message());
  return Value{*std::move(tensor)};
}

absl::StatusOr<Value> Read(v1::Value& wire, const Path& path) {
  if (path.depth > kMaxNesting) {
    return absl::InvalidArgumentError(absl::StrCat(PathText(path), ": nested deeper than ", kMaxNesting));
  }
  switch (wire.kind_case()) {
    case v1::Value::kTensor:
      return ReadTensor(*wire.mutable_tensor(), path);
    case v1::Value::kBoolValue:
      return Value{wire.bool_value()};
    case v1::Value::kIntValue:
      return Value{int64_t{wire.int_value()}};
    case v1::Value::kFloatValue:
      return Value{wire.float_value()};
    case v1::Value::kStringValue:
      return Value{std::move(*wire.mutable_string_value())};
    case v1::Value::kList: {
      MODELD_ASSIGN_OR_RETURN(std::vector<Value> items,
                              ReadItems(*wire.mutable_list()->mutable_items(), path));
      return Value{List{std::move(items)}};
    }
    case v1::Value::kTuple:
      return ReadTuple(*wire.mutable_tuple(), path);
    case v1::Value::kDict:
      return ReadDict(*wire.mutable_dict(), path);
    case v1::Value::kNone:
      return Value{None{}};
    case v1::Value::kComplexValue:
      return Value{std::complex<double>(wire.complex_value().real(), wire.complex_value().imag())};
    case v1::Value::KIND_NOT_SET:
      break;
  }
  return Invalid(path, "no value is set; to pass None, set `none`");
}

struct Write {
  v1::Value* wire;

  void operator()(const None&) const { wire->mutable_none(); }
  void operator()(bool value) const { wire->set_bool_value(value); }
  void operator()(int64_t value) const { wire->set_int_value(value); }
  void operator()(double value) const { wire->set_float_value(value); }
  void operator()(const std::complex<double>& value) const {
    wire->mutable_complex_value()->set_real(value.real());
    wire->mutable_complex_value()->set_imag(value.imag());
  }
  void operator()(const std::string& value) const {
    if (IsUtf8(value)) {
      wire->set_string_value(value);
    } else {
      TensorToWire(Tensor{.dtype = DType::kBytes, .shape = {}, .buffer = {}, .strings = {value}},
                   wire->mutable_tensor());
    }
  }
  void operator()(const Tensor& value) const { TensorToWire(value, wire->mutable_tensor()); }
  void operator()(const List& value) const {
    v1::ListValue* const list = wire->mutable_list();
    for (const Value& item : value.items) ToWire(item, list->add_items());
  }
  void operator()(const Tuple& value) const {
    v1::TupleValue* const tuple = wire->mutable_tuple();
    for (const Value& item : value.items) ToWire(item, tuple->add_items());
    for (const std::string& name : value.names) tuple->add_names(ToUtf8(name));
  }
  void operator()(const Dict& value) const {
    v1::DictValue* const dict = wire->mutable_dict();
    for (const auto& [key, item] : value.entries) {
      v1::DictEntry* const entry = dict->add_entries();
      ToWire(key, entry->mutable_key());
      ToWire(item, entry->mutable_value());
    }
  }
};

}  // namespace

absl::StatusOr<Value> FromWire(v1::Value& wire, std::string_view kind, std::string_view name) {
  return Read(wire, Path{.kind = kind, .name = name});
}

void ToWire(const Value& value, v1::Value* wire) { std::visit(Write{wire}, value.data); }

}  // namespace modeld
