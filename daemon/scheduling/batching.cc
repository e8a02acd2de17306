#include "daemon/scheduling/batching.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

// Longer ones are hardly ever equal, and would be compared again and again.
constexpr size_t kMaxKeyTextBytes = 256;

// Set apart in a key what would else look alike: tensors and the kinds of scalars.
enum KeyWord : int64_t { kRows, kNone, kBool, kInt, kFloat, kString };

const DeclaredTensor* FindDeclared(const std::vector<DeclaredTensor>& declared, const std::string& name) {
  const auto found = std::find_if(declared.begin(), declared.end(),
                                  [&](const DeclaredTensor& tensor) { return tensor.name == name; });
  return found == declared.end() ? nullptr : &*found;
}

bool DeclaresRows(const DeclaredTensor* declared) {
  return declared != nullptr && declared->shape.has_value() && !declared->shape->empty() &&
         declared->shape->front() == -1;
}

// Eight bytes a word.
void AddText(const std::string& text, BatchKey& key) {
  key.Add(static_cast<int64_t>(text.size()));
  for (size_t i = 0; i < text.size(); i += sizeof(int64_t)) {
    int64_t word = 0;
    std::memcpy(&word, text.data() + i, std::min(sizeof(word), text.size() - i));
    key.Add(word);
  }
}

// False: it is not compared.
bool AddOther(const Value& value, BatchKey& key) {
  if (value.get_if<None>() != nullptr) {
    key.Add(kNone);
  } else if (const auto* boolean = value.get_if<bool>()) {
    key.Add(kBool);
    key.Add(*boolean ? 1 : 0);
  } else if (const auto* integer = value.get_if<int64_t>()) {
    key.Add(kInt);
    key.Add(*integer);
  } else if (const auto* number = value.get_if<double>()) {
    int64_t bits;
    std::memcpy(&bits, number, sizeof(bits));
    key.Add(kFloat);
    key.Add(bits);
  } else if (const auto* text = value.get_if<std::string>();
             text != nullptr && text->size() <= kMaxKeyTextBytes) {
    key.Add(kString);
    AddText(*text, key);
  } else {
    return false;
  }
  return true;
}

size_t RowBytes(const Tensor& tensor) {
  return tensor.shape.front() == 0 ? 0 : tensor.buffer.size / static_cast<size_t>(tensor.shape.front());
}

Tensor JoinTensors(const std::vector<const std::vector<Value>*>& requests, size_t argument,
                   int64_t padding_rows) {
  Tensor joined;
  size_t row_bytes = 0;
  joined.shape = {padding_rows};
  for (const std::vector<Value>* request : requests) {
    const Tensor& part = *(*request)[argument].get_if<Tensor>();
    joined.dtype = part.dtype;
    row_bytes = RowBytes(part);
    const int64_t rows = joined.shape.front() + part.shape.front();
    joined.shape = part.shape;
    joined.shape.front() = rows;
  }
  joined.buffer = Buffer::Allocate(row_bytes * static_cast<size_t>(joined.shape.front()));
  auto* out = static_cast<char*>(joined.buffer.data);
  for (const std::vector<Value>* request : requests) {
    const Buffer& part = (*request)[argument].get_if<Tensor>()->buffer;
    if (part.size > 0) std::memcpy(out, part.data, part.size);
    out += part.size;
  }
  for (int64_t row = 0; row < padding_rows && row_bytes > 0; ++row, out += row_bytes) {
    std::memcpy(out, out - row_bytes, row_bytes);
  }
  return joined;
}

absl::Status NotRows(const std::string& what, int64_t total) {
  return absl::FailedPreconditionError(
      absl::StrCat("an output is ", what, " and not one row for each of ", total, " rows of input"));
}

// Appends each request's share to its place in `parts`.
absl::Status SplitTensor(const Tensor& tensor, const std::vector<int64_t>& rows, int64_t total,
                         std::vector<Value>& parts) {
  if (tensor.shape.empty() || tensor.shape.front() != total || tensor.dtype == DType::kBytes) {
    return NotRows(TensorSummary(tensor.dtype, tensor.shape), total);
  }
  const size_t row_bytes = RowBytes(tensor);
  size_t offset = 0;
  int64_t left = total;
  for (const int64_t count : rows) {
    if (count > left) return NotRows("too short", total);
    left -= count;
    Tensor part;
    part.dtype = tensor.dtype;
    part.shape = tensor.shape;
    part.shape.front() = count;
    const size_t bytes = row_bytes * static_cast<size_t>(count);
    part.buffer = {static_cast<char*>(tensor.buffer.data) + offset, bytes, tensor.buffer.owner};
    offset += bytes;
    parts.push_back(Value{std::move(part)});
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<BatchRule> MakeBatchRule(const Method& method, const std::vector<DeclaredTensor>& declared) {
  BatchRule rule;
  for (const Argument& argument : method.arguments) {
    rule.has_rows.push_back(DeclaresRows(FindDeclared(declared, argument.name)));
  }
  if (std::find(rule.has_rows.begin(), rule.has_rows.end(), true) != rule.has_rows.end()) return rule;
  return absl::InvalidArgumentError(
      absl::StrCat("batching: no input of ", method.name,
                   " is declared with a leading -1, the dimension along which requests are joined; declare "
                   "one under `inputs`, or leave `batching` out"));
}

std::optional<BatchPart> PartOf(const BatchRule& rule, const std::vector<Value>& arguments) {
  BatchPart part;
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (!rule.has_rows[i]) {
      if (!AddOther(arguments[i], part.key)) return std::nullopt;
      continue;
    }
    const Tensor* const tensor = arguments[i].get_if<Tensor>();
    if (tensor == nullptr) {  // it is optional, and None
      if (!AddOther(arguments[i], part.key)) return std::nullopt;
      continue;
    }
    if (tensor->shape.empty() || tensor->shape.front() <= 0 || tensor->dtype == DType::kBytes) {
      return std::nullopt;
    }
    if (part.rows != 0 && part.rows != tensor->shape.front()) return std::nullopt;
    part.rows = tensor->shape.front();
    part.key.Add(kRows);
    part.key.Add(static_cast<int64_t>(tensor->dtype));
    part.key.Add(static_cast<int64_t>(tensor->shape.size()));
    for (size_t dimension = 1; dimension < tensor->shape.size(); ++dimension) {
      part.key.Add(tensor->shape[dimension]);
    }
  }
  if (part.rows == 0) return std::nullopt;
  return part;
}

int64_t RowsOf(const BatchRule& rule, const std::vector<Value>& arguments) {
  for (size_t i = 0; i < arguments.size() && i < rule.has_rows.size(); ++i) {
    const Tensor* const tensor = rule.has_rows[i] ? arguments[i].get_if<Tensor>() : nullptr;
    if (tensor != nullptr) return tensor->shape.empty() ? 1 : std::max<int64_t>(1, tensor->shape.front());
  }
  return 1;
}

std::vector<Value> JoinRows(const BatchRule& rule, const std::vector<const std::vector<Value>*>& requests,
                            int64_t padding_rows) {
  const std::vector<Value>& first = *requests.front();
  std::vector<Value> joined;
  joined.reserve(first.size());
  for (size_t i = 0; i < first.size(); ++i) {
    if (rule.has_rows[i] && first[i].get_if<Tensor>() != nullptr) {
      joined.push_back(Value{JoinTensors(requests, i, padding_rows)});
    } else {
      joined.push_back(first[i]);
    }
  }
  return joined;
}

absl::StatusOr<std::vector<Value>> SplitRows(const Value& result, const std::vector<int64_t>& rows,
                                             int64_t total) {
  std::vector<Value> parts;
  parts.reserve(rows.size());
  if (const auto* tensor = result.get_if<Tensor>()) {
    MODELD_RETURN_IF_ERROR(SplitTensor(*tensor, rows, total, parts));
    return parts;
  }
  if (const auto* tuple = result.get_if<Tuple>()) {
    parts.assign(rows.size(), Value{Tuple{.items = {}, .names = tuple->names}});
    for (const Value& item : tuple->items) {
      MODELD_ASSIGN_OR_RETURN(std::vector<Value> shares, SplitRows(item, rows, total));
      for (size_t i = 0; i < parts.size(); ++i) {
        parts[i].get_if<Tuple>()->items.push_back(std::move(shares[i]));
      }
    }
    return parts;
  }
  if (const auto* dict = result.get_if<Dict>()) {
    parts.assign(rows.size(), Value{Dict()});
    for (const auto& [key, value] : dict->entries) {
      MODELD_ASSIGN_OR_RETURN(std::vector<Value> shares, SplitRows(value, rows, total));
      for (size_t i = 0; i < parts.size(); ++i) {
        parts[i].get_if<Dict>()->entries.emplace_back(key, std::move(shares[i]));
      }
    }
    return parts;
  }
  return NotRows(ValueSummary(result), total);
}

}  // namespace modeld
