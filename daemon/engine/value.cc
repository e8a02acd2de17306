#include "daemon/engine/value.h"

#include "absl/strings/str_cat.h"

namespace modeld {
namespace {

struct Summarize {
  std::string operator()(const None&) const { return "None"; }
  std::string operator()(bool) const { return "bool"; }
  std::string operator()(int64_t) const { return "int"; }
  std::string operator()(double) const { return "float"; }
  std::string operator()(const std::complex<double>&) const { return "complex"; }
  std::string operator()(const std::string&) const { return "str"; }
  std::string operator()(const Tensor& tensor) const { return TensorSummary(tensor.dtype, tensor.shape); }
  std::string operator()(const List& list) const { return absl::StrCat("list of ", list.items.size()); }
  std::string operator()(const Tuple& tuple) const { return absl::StrCat("tuple of ", tuple.items.size()); }
  std::string operator()(const Dict& dict) const { return absl::StrCat("dict of ", dict.entries.size()); }
};

}  // namespace

std::string ValueSummary(const Value& value) { return std::visit(Summarize{}, value.data); }

}  // namespace modeld
