#include "registry/cli/render_value.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "registry/base/quote.h"

namespace modeld {
namespace {

constexpr int64_t kMaxElements = 20;
constexpr int64_t kMostAtEdge = 3;
constexpr size_t kMaxTextBytes = 60;

std::string FormatFloat(double value) { return absl::StrFormat("%.6g", value); }

template <typename T>
std::string FormatComplex(const std::string& raw, int64_t index) {
  T parts[2];
  std::memcpy(parts, raw.data() + static_cast<size_t>(index) * sizeof(parts), sizeof(parts));
  return absl::StrFormat("%.6g%+.6gj", parts[0], parts[1]);
}

std::string Element(const v1::Tensor& tensor, int64_t index) {
  const int i = static_cast<int>(index);
  if (i < tensor.bool_values_size()) return tensor.bool_values(i) ? "true" : "false";
  if (i < tensor.int_values_size()) return absl::StrCat(tensor.int_values(i));
  if (i < tensor.uint_values_size()) return absl::StrCat(tensor.uint_values(i));
  if (i < tensor.float_values_size()) return FormatFloat(tensor.float_values(i));
  if (i < tensor.double_values_size()) return FormatFloat(tensor.double_values(i));
  if (i < tensor.bytes_values_size()) return Quote(tensor.bytes_values(i), kMaxTextBytes);
  if (tensor.dtype() == "COMPLEX64") return FormatComplex<float>(tensor.raw(), index);
  return FormatComplex<double>(tensor.raw(), index);
}

// How many elements to show at each end of a dimension so that few are shown in all.
int64_t EdgeFor(const v1::Tensor& tensor) {
  for (int64_t edge = kMostAtEdge; edge > 1; --edge) {
    int64_t shown = 1;
    for (const int64_t dimension : tensor.shape()) {
      shown = std::min(shown * std::min(dimension, 2 * edge), kMaxElements + 1);
    }
    if (shown <= kMaxElements) return edge;
  }
  return 1;
}

// The `count` elements from `index` on, which are what the dimensions from `dimension` on hold.
std::string Elements(const v1::Tensor& tensor, int dimension, int64_t index, int64_t count, int64_t edge) {
  if (dimension == tensor.shape_size()) return Element(tensor, index);
  const int64_t size = tensor.shape(dimension);
  const int64_t inner = size == 0 ? 0 : count / size;
  std::vector<std::string> items;
  for (int64_t i = 0; i < size; ++i) {
    if (size > 2 * edge && i == edge) {
      items.push_back("...");
      i = size - edge;
    }
    items.push_back(Elements(tensor, dimension + 1, index + i * inner, inner, edge));
  }
  return absl::StrCat("[", absl::StrJoin(items, ", "), "]");
}

std::string TensorText(const v1::Tensor& tensor) {
  int64_t count = 1;
  for (const int64_t dimension : tensor.shape()) count *= dimension;
  return Elements(tensor, 0, 0, count, count <= kMaxElements ? kMaxElements : EdgeFor(tensor));
}

std::string KeyText(const v1::Value& key) {
  switch (key.kind_case()) {
    case v1::Value::kStringValue:
      return Quote(key.string_value(), kMaxTextBytes);
    case v1::Value::kIntValue:
      return absl::StrCat(key.int_value());
    case v1::Value::kFloatValue:
      return FormatFloat(key.float_value());
    default:
      return key.bool_value() ? "true" : "false";
  }
}

// Of a class, as PostprocessConfig.top_k gives them: "seven (7): 0.98".
std::optional<std::string> ClassText(const v1::DictValue& dict) {
  std::string label, index, number;
  for (const v1::DictEntry& entry : dict.entries()) {
    const std::string& key = entry.key().string_value();
    if (key == "label" && entry.value().has_string_value()) {
      label = Quote(entry.value().string_value());
    } else if (key == "index" && entry.value().has_int_value()) {
      index = absl::StrCat(entry.value().int_value());
    } else if ((key == "probability" || key == "score") && entry.value().has_float_value()) {
      number = FormatFloat(entry.value().float_value());
    } else {
      return std::nullopt;
    }
  }
  if (index.empty() || number.empty()) return std::nullopt;
  return absl::StrCat(label.empty() ? index : absl::StrCat(label, " (", index, ")"), ": ", number);
}

void Describe(const std::string& path, const v1::Value& value, std::vector<ValueLine>& lines) {
  switch (value.kind_case()) {
    case v1::Value::kTensor:
      lines.push_back({path, value.tensor().dtype(),
                       absl::StrCat("[", absl::StrJoin(value.tensor().shape(), ", "), "]"),
                       TensorText(value.tensor())});
      return;
    case v1::Value::kBoolValue:
      lines.push_back({path, "bool", "", value.bool_value() ? "true" : "false"});
      return;
    case v1::Value::kIntValue:
      lines.push_back({path, "int", "", absl::StrCat(value.int_value())});
      return;
    case v1::Value::kFloatValue:
      lines.push_back({path, "float", "", FormatFloat(value.float_value())});
      return;
    case v1::Value::kStringValue:
      lines.push_back({path, "str", "", Quote(value.string_value())});
      return;
    case v1::Value::kComplexValue:
      lines.push_back(
          {path, "complex", "",
           absl::StrFormat("%.6g%+.6gj", value.complex_value().real(), value.complex_value().imag())});
      return;
    case v1::Value::kList:
      if (value.list().items().empty()) lines.push_back({path, "list", "", "[]"});
      for (int i = 0; i < value.list().items_size(); ++i) {
        Describe(absl::StrCat(path, "[", i, "]"), value.list().items(i), lines);
      }
      return;
    case v1::Value::kTuple: {
      const v1::TupleValue& tuple = value.tuple();
      if (tuple.items().empty()) lines.push_back({path, "tuple", "", "()"});
      for (int i = 0; i < tuple.items_size(); ++i) {
        const bool named = tuple.names_size() == tuple.items_size();
        Describe(named ? absl::StrCat(path, ".", tuple.names(i)) : absl::StrCat(path, "[", i, "]"),
                 tuple.items(i), lines);
      }
      return;
    }
    case v1::Value::kDict:
      if (std::optional<std::string> text = ClassText(value.dict())) {
        lines.push_back({path, "class", "", *std::move(text)});
        return;
      }
      if (value.dict().entries().empty()) lines.push_back({path, "dict", "", "{}"});
      for (const v1::DictEntry& entry : value.dict().entries()) {
        Describe(absl::StrCat(path, "[", KeyText(entry.key()), "]"), entry.value(), lines);
      }
      return;
    case v1::Value::kNone:
    case v1::Value::KIND_NOT_SET:
      lines.push_back({path, "None", "", "None"});
      return;
  }
}

}  // namespace

std::vector<ValueLine> DescribeValue(const std::string& name, const v1::Value& value) {
  std::vector<ValueLine> lines;
  Describe(name, value, lines);
  return lines;
}

}  // namespace modeld
