#include "daemon/http/plain_reader.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "daemon/http/element_parser.h"
#include "registry/base/quote.h"

namespace modeld {
namespace {

constexpr size_t kMaxDimensions = 32;
constexpr int kMaxDepth = 32;
// Items of lists and dictionaries: each takes some hundred bytes of memory, and as few as two of the text.
constexpr int64_t kMaxItems = 1 << 20;
// How often, on the whole, the text is looked at to find out whether something is a tensor.
constexpr size_t kMaxLooks = 4;
constexpr char kBase64[] = "b64";

bool Wrong(JsonReader& reader, const std::string& message) {
  return reader.Fail(absl::InvalidArgumentError(message));
}

// The value that comes next, as it is written.
std::string Upcoming(const JsonReader& reader) {
  JsonReader ahead = reader;
  (void)ahead.Peek();
  const std::string_view rest = ahead.rest();
  (void)ahead.Skip();
  return Quote(rest.substr(0, rest.size() - ahead.bytes_left()), 40);
}

bool IsInteger(std::string_view token) { return token.find_first_of(".eE") == std::string_view::npos; }

// {"b64": "..."}, of which `text` becomes the string.
bool ReadBase64(JsonReader& reader, std::string* text) {
  int keys = 0;
  return reader.Object([&](const std::string& key) {
    ++keys;
    return keys == 1 && key == kBase64 && reader.String(text);
  }) && keys == 1;
}

// Calls `item` where each item of an array begins; it reads it.
template <typename Item>
bool ForEachItem(JsonReader& reader, const std::vector<size_t>& column, Item item) {
  for (const size_t position : column) {
    reader.Return(position);
    if (!item()) return false;
  }
  return true;
}

// Walks through nested arrays, which are regular: every one of a level is as long as the first.
class NestedArrays {
 public:
  explicit NestedArrays(JsonReader& reader) : reader_(reader) {}

  // `leaf` reads what is no array.
  template <typename Leaf>
  bool Walk(const PlainPlace& place, Leaf leaf) {
    if (place.column != nullptr) {
      return Items(0, leaf, [&](auto item) { return ForEachItem(reader_, *place.column, item); });
    }
    reader_.Return(place.position);
    return Value(0, leaf);
  }
  const std::vector<int64_t>& shape() const { return shape_; }

 private:
  template <typename Leaf>
  bool Value(size_t depth, Leaf leaf) {
    if (reader_.Peek() == '[') {
      return Items(depth, leaf, [this](auto item) { return reader_.Array(item); });
    }
    if (depth != shape_.size()) return Ragged();
    rank_known_ = true;
    return leaf();
  }
  template <typename Leaf, typename ForEach>
  bool Items(size_t depth, Leaf leaf, ForEach for_each) {
    if (depth == kMaxDimensions) {
      return Wrong(reader_, absl::StrCat("a tensor of more than ", kMaxDimensions, " dimensions"));
    }
    const bool is_first = depth == shape_.size();
    if (is_first && rank_known_) return Ragged();
    if (is_first) shape_.push_back(0);
    int64_t size = 0;
    const bool read = for_each([&] {
      ++size;
      return Value(depth + 1, leaf);
    });
    if (!read) return false;
    rank_known_ = true;
    if (is_first) shape_[depth] = size;
    if (shape_[depth] == size) return true;
    return Wrong(reader_, absl::StrCat("the arrays are ragged: dimension ", depth, " is ", shape_[depth],
                                       " at first, then ", size));
  }
  bool Ragged() { return Wrong(reader_, "the arrays are ragged: an item is an array, another is not"); }

  JsonReader& reader_;
  std::vector<int64_t> shape_;
  bool rank_known_ = false;
};

// The dtype of elements of which nothing is declared.
bool FindDType(JsonReader& reader, const PlainPlace& place, DType* dtype) {
  bool any = false, bools = true, integers = true, strings = true;
  const bool read = NestedArrays(reader).Walk(place, [&] {
    any = true;
    const char next = reader.Peek();
    std::string_view token;
    bools &= next == 't' || next == 'f';
    strings &= next == '"' || PeekBytes(reader);
    integers &= next == '0';
    if (next != '0') return reader.Skip();
    if (!reader.Number(&token)) return false;
    integers &= IsInteger(token);
    return true;
  });
  *dtype = !any       ? DType::kFp32
           : bools    ? DType::kBool
           : integers ? DType::kInt64
           : strings  ? DType::kBytes
                      : DType::kFp32;
  return read;
}

bool ReadTensorElement(JsonReader& reader, DType dtype, std::string* raw) {
  const char next = reader.Peek();
  const size_t begin = reader.position();
  const auto is_none = [&] {
    reader.Return(begin);
    return Wrong(reader,
                 absl::StrCat("element ", Upcoming(reader), " is no ", std::string(DTypeName(dtype))));
  };
  if (dtype == DType::kBytes && next == '{') {
    std::string text, bytes;
    if (!PeekBytes(reader) || !ReadBase64(reader, &text) || !absl::Base64Unescape(text, &bytes)) {
      return is_none();
    }
    AppendBytesElement(bytes, raw);
    return true;
  }
  const bool fits = dtype == DType::kBool    ? next == 't' || next == 'f'
                    : dtype == DType::kBytes ? next == '"'
                                             : next == '0';
  return fits ? ReadElement(reader, dtype, raw) : is_none();
}

// `dtype`: none where the elements tell it.
bool ReadTensor(JsonReader& reader, const PlainPlace& place, std::optional<DType> dtype, v1::Tensor* tensor) {
  DType known = DType::kFp32;
  if (dtype) {
    known = *dtype;
  } else if (!FindDType(reader, place, &known)) {
    return false;
  }
  // Of the narrow ones the wire takes floats, which it rounds.
  const bool is_narrow = known == DType::kFp16 || known == DType::kBf16;
  std::string raw;
  NestedArrays arrays(reader);
  if (!arrays.Walk(place,
                   [&] { return ReadTensorElement(reader, is_narrow ? DType::kFp32 : known, &raw); })) {
    return false;
  }
  tensor->set_dtype(std::string(DTypeName(known)));
  tensor->mutable_shape()->Assign(arrays.shape().begin(), arrays.shape().end());
  if (!is_narrow) {
    tensor->set_raw(std::move(raw));
  } else if (!raw.empty()) {
    tensor->mutable_float_values()->Resize(static_cast<int>(raw.size() / sizeof(float)), 0);
    std::memcpy(tensor->mutable_float_values()->mutable_data(), raw.data(), raw.size());
  }
  return true;
}

bool ReadScalar(JsonReader& reader, v1::Value* value) {
  bool truth = false;
  std::string_view token;
  switch (reader.Peek()) {
    case 'n':
      value->mutable_none();
      return reader.Null();
    case '"':
      return reader.String(value->mutable_string_value());
    case 't':
    case 'f':
      if (!reader.Bool(&truth)) return false;
      value->set_bool_value(truth);
      return true;
    default:
      break;
  }
  if (!reader.Number(&token)) return false;
  const char *const begin = token.data(), *const end = begin + token.size();
  int64_t integer = 0;
  double real = 0;
  if (IsInteger(token) && std::from_chars(begin, end, integer).ec == std::errc()) {
    value->set_int_value(integer);
  } else if (std::from_chars(begin, end, real).ec == std::errc()) {
    value->set_float_value(real);
  } else {
    return Wrong(reader, absl::StrCat("the number ", Quote(token, 40), " is out of the range of a double"));
  }
  return true;
}

// Without what says that None will do as well.
const Type& Required(const Type& type) {
  const Type* inner = &type;
  while (inner->kind == Type::Kind::kOptional && inner->params.size() == 1) inner = &inner->params[0];
  return *inner;
}

// The first of all that stands in the arrays that come next is {"b64": "..."}.
bool LeadsToBytes(JsonReader ahead) {
  bool found = false, goes_deeper = true;
  for (size_t depth = 0; goes_deeper && depth <= kMaxDimensions; ++depth) {
    const char next = ahead.Peek();
    found = next == '{' && PeekBytes(ahead);
    goes_deeper = false;
    if (next != '[') break;
    size_t first = 0;
    (void)ahead.Array([&] {
      first = ahead.position();
      goes_deeper = true;
      return false;
    });
    if (goes_deeper) ahead.Return(first);
  }
  return found;
}

const Type& ParameterOf(const Type& type, size_t index) {
  static const Type kAnything;
  return index < type.params.size() ? type.params[index] : kAnything;
}

class ValueReader {
 public:
  explicit ValueReader(JsonReader& reader)
      : reader_(reader), text_size_(reader.position() + reader.bytes_left()) {}

  bool Read(const PlainPlace& place, const Type& type, std::optional<DType> dtype, int depth,
            v1::Value* value) {
    const Type::Kind kind = type.kind;
    reader_.Return(place.position);
    const char next = place.column != nullptr ? '[' : reader_.Peek();
    if (next == 'n') return ReadScalar(reader_, value);
    if (LeadToBytes(place)) {
      return ReadTensor(reader_, place, DType::kBytes, value->mutable_tensor());
    }
    if (dtype || kind == Type::Kind::kTensor || kind == Type::Kind::kStringTensor) {
      return ReadTensor(reader_, place, dtype, value->mutable_tensor());
    }
    if (next != '[' && next != '{') return ReadScalar(reader_, value);
    if (depth > kMaxDepth) return Wrong(reader_, absl::StrCat("nested deeper than ", kMaxDepth));
    if (next == '{') return ReadDict(type, depth, value->mutable_dict());
    if (kind != Type::Kind::kList && kind != Type::Kind::kTuple) {
      // Where the type leaves it open, what looks like a tensor is one.
      JsonReader ahead = reader_;
      if (ReadTensor(ahead, place, std::nullopt, value->mutable_tensor())) {
        reader_.Return(ahead.position());
        return true;
      }
      looked_at_ += reader_.bytes_left() - ahead.bytes_left();
      if (looked_at_ > kMaxLooks * text_size_) {
        return Wrong(reader_,
                     "arrays of mixed items in arrays of mixed items, too many of them; "
                     "send what is a tensor as an input of its own");
      }
    }
    return ReadItems(place, type, depth, value);
  }

 private:
  // Bytes, or arrays of them: whatever is declared, images are sent in the place of a tensor.
  bool LeadToBytes(const PlainPlace& place) const {
    if (place.column == nullptr) return LeadsToBytes(reader_);
    JsonReader ahead = reader_;
    ahead.Return(place.column->front());
    return LeadsToBytes(ahead);
  }

  bool ReadItems(const PlainPlace& place, const Type& type, int depth, v1::Value* value) {
    const bool is_tuple = type.kind == Type::Kind::kTuple;
    auto* const items =
        is_tuple ? value->mutable_tuple()->mutable_items() : value->mutable_list()->mutable_items();
    const auto item = [&] {
      const auto index = static_cast<size_t>(items->size());
      return ReadHere(ParameterOf(type, is_tuple ? index : 0), depth + 1, items->Add());
    };
    if (place.column != nullptr) return ForEachItem(reader_, *place.column, item);
    reader_.Return(place.position);
    return reader_.Array(item);
  }

  bool ReadDict(const Type& type, int depth, v1::DictValue* dict) {
    return reader_.Object([&](const std::string& key) {
      v1::DictEntry* const entry = dict->add_entries();
      entry->mutable_key()->set_string_value(key);
      return ReadHere(ParameterOf(type, 1), depth + 1, entry->mutable_value());
    });
  }

  bool ReadHere(const Type& type, int depth, v1::Value* value) {
    if (++items_ > kMaxItems) {
      return Wrong(reader_, absl::StrCat("more than ", kMaxItems,
                                         " items of lists and dictionaries; send numbers as a tensor"));
    }
    return Read({.position = reader_.position()}, Required(type), std::nullopt, depth, value);
  }

  JsonReader& reader_;
  const size_t text_size_;
  int64_t items_ = 0;
  size_t looked_at_ = 0;  // bytes of what was taken for a tensor, and was none
};

}  // namespace

bool PeekBytes(const JsonReader& reader) {
  JsonReader ahead = reader;
  std::string text;
  return ahead.Peek() == '{' && ReadBase64(ahead, &text);
}

bool ReadPlainValue(JsonReader& reader, const PlainPlace& place, const PlainWanted& wanted,
                    v1::Value* value) {
  const Type& type = Required(wanted.type);
  std::optional<DType> dtype = wanted.dtype;
  if (type.kind == Type::Kind::kStringTensor && !dtype) dtype = DType::kBytes;
  return ValueReader(reader).Read(place, type, dtype, 0, value);
}

}  // namespace modeld
