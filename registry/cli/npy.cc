#include "registry/cli/npy.h"

#include <cctype>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr size_t kVersionBytes = 2;
constexpr size_t kMaxDimensions = 64;

struct Header {
  std::string descr;
  bool fortran_order = false;
  std::vector<int64_t> shape;
};

struct ElementType {
  const char* dtype;
  size_t size;
};

absl::Status Bad(const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("not a usable .npy file: ", what));
}

// Parses the one Python dictionary that a header is:
//   {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
class HeaderParser {
 public:
  explicit HeaderParser(std::string_view text) : rest_(text) {}

  std::optional<Header> Parse() {
    if (!Take("{")) return std::nullopt;
    while (!Take("}")) {
      std::string key;
      if (!TakeString(key) || !Take(":") || !TakeValueOf(key)) return std::nullopt;
      if (!Take(",") && !AtEndOfDictionary()) return std::nullopt;
    }
    SkipSpaces();
    if (!rest_.empty() || keys_.size() != 3) return std::nullopt;
    return header_;
  }

 private:
  bool TakeValueOf(const std::string& key) {
    if (!keys_.insert(key).second) return false;
    if (key == "descr") return TakeDescr();
    if (key == "fortran_order") return TakeBool(header_.fortran_order);
    return key == "shape" && TakeShape();
  }

  // A structured dtype is a list; it is kept as it stands, for the message.
  bool TakeDescr() {
    SkipSpaces();
    if (!rest_.empty() && rest_.front() != '[') return TakeString(header_.descr);
    const size_t end = rest_.rfind(']');
    if (end == std::string_view::npos) return false;
    header_.descr = std::string(rest_.substr(0, end + 1));
    rest_.remove_prefix(end + 1);
    return true;
  }

  bool TakeBool(bool& value) {
    value = Take("True");
    return value || Take("False");
  }

  bool TakeShape() {
    if (!Take("(")) return false;
    while (!Take(")")) {
      SkipSpaces();
      size_t digits = 0;
      while (digits < rest_.size() && std::isdigit(static_cast<unsigned char>(rest_[digits])) != 0) ++digits;
      int64_t dimension = 0;
      if (!absl::SimpleAtoi(std::string(rest_.substr(0, digits)), &dimension)) return false;
      rest_.remove_prefix(digits);
      header_.shape.push_back(dimension);
      if (header_.shape.size() > kMaxDimensions) return false;
      if (Take(",")) continue;
      return Take(")");
    }
    return true;
  }

  bool TakeString(std::string& value) {
    SkipSpaces();
    if (rest_.empty() || (rest_.front() != '\'' && rest_.front() != '"')) return false;
    const size_t end = rest_.find(rest_.front(), 1);
    if (end == std::string_view::npos) return false;
    value = std::string(rest_.substr(1, end - 1));
    rest_.remove_prefix(end + 1);
    return true;
  }

  bool AtEndOfDictionary() {
    SkipSpaces();
    return !rest_.empty() && rest_.front() == '}';
  }

  bool Take(std::string_view wanted) {
    SkipSpaces();
    if (rest_.substr(0, wanted.size()) != wanted) return false;
    rest_.remove_prefix(wanted.size());
    return true;
  }

  void SkipSpaces() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\n')) rest_.remove_prefix(1);
  }

  std::string_view rest_;
  Header header_;
  std::set<std::string> keys_;
};

uint32_t LittleEndian(std::string_view bytes) {
  uint32_t value = 0;
  for (size_t i = bytes.size(); i > 0; --i) value = value << 8 | static_cast<unsigned char>(bytes[i - 1]);
  return value;
}

// Takes magic, version and header off `content`; what remains are the elements.
absl::StatusOr<Header> TakeHeader(std::string_view& content) {
  if (content.substr(0, kMagic.size()) != kMagic || content.size() < kMagic.size() + kVersionBytes) {
    return Bad("it does not begin with \"\\x93NUMPY\"; write it with numpy.save");
  }
  const int major = static_cast<unsigned char>(content[kMagic.size()]);
  if (major < 1 || major > 3)
    return Bad(absl::StrCat("format version ", major, " is not known; known are 1 to 3"));
  content.remove_prefix(kMagic.size() + kVersionBytes);
  const size_t length_bytes = major == 1 ? 2 : 4;
  if (content.size() < length_bytes) return Bad("it ends within its header");
  const size_t length = LittleEndian(content.substr(0, length_bytes));
  content.remove_prefix(length_bytes);
  if (content.size() < length) return Bad("it ends within its header");
  std::optional<Header> header = HeaderParser(content.substr(0, length)).Parse();
  if (!header.has_value())
    return Bad(absl::StrCat("header ", Quote(content.substr(0, length)), " cannot be read"));
  content.remove_prefix(length);
  return *std::move(header);
}

absl::StatusOr<ElementType> ElementTypeOf(const std::string& descr) {
  static constexpr std::pair<std::string_view, ElementType> kTypes[] = {
      {"b1", {"BOOL", 1}},      {"i1", {"INT8", 1}},        {"i2", {"INT16", 2}},  {"i4", {"INT32", 4}},
      {"i8", {"INT64", 8}},     {"u1", {"UINT8", 1}},       {"u2", {"UINT16", 2}}, {"u4", {"UINT32", 4}},
      {"u8", {"UINT64", 8}},    {"f2", {"FP16", 2}},        {"f4", {"FP32", 4}},   {"f8", {"FP64", 8}},
      {"c8", {"COMPLEX64", 8}}, {"c16", {"COMPLEX128", 16}}};
  const std::string kind = descr.empty() ? "" : descr.substr(1);
  for (const auto& [name, type] : kTypes) {
    if (kind != name) continue;
    if (descr[0] == '>') {
      return Bad(absl::StrCat("its elements are big-endian (", descr, "); save array.astype('<", kind, "')"));
    }
    if (descr[0] == '<' || descr[0] == '=' || (descr[0] == '|' && type.size == 1)) return type;
  }
  return Bad(
      absl::StrCat("dtype ", Quote(descr), " has no counterpart; save an array of numbers or booleans"));
}

}  // namespace

absl::StatusOr<v1::Tensor> ParseNpy(std::string_view content) {
  MODELD_ASSIGN_OR_RETURN(const Header header, TakeHeader(content));
  MODELD_ASSIGN_OR_RETURN(const ElementType type, ElementTypeOf(header.descr));
  if (header.fortran_order) {
    return Bad("its elements stand in Fortran order; save numpy.ascontiguousarray(array)");
  }
  v1::Tensor tensor;
  tensor.set_dtype(type.dtype);
  uint64_t bytes = type.size;
  for (const int64_t dimension : header.shape) {
    if (__builtin_mul_overflow(bytes, static_cast<uint64_t>(dimension), &bytes)) {
      return Bad("the product of its dimensions overflows");
    }
    tensor.add_shape(dimension);
  }
  if (bytes != content.size()) {
    return Bad(absl::StrCat("its shape takes ", bytes, " bytes of elements, it holds ", content.size()));
  }
  tensor.set_raw(content.data(), content.size());
  return tensor;
}

}  // namespace modeld
