#include "daemon/engine/bind.h"

#include <algorithm>
#include <optional>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/engine/coerce.h"
#include "registry/base/closest_match.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

constexpr char kOnlyOutput[] = "output";

std::vector<std::string> ArgumentNames(const Method& method) {
  std::vector<std::string> names;
  for (const Argument& argument : method.arguments) names.push_back(argument.name);
  return names;
}

const Argument* FindArgument(const Method& method, const std::string& name) {
  for (const Argument& argument : method.arguments) {
    if (argument.name == name) return &argument;
  }
  return nullptr;
}

const DeclaredTensor* FindDeclared(const std::vector<DeclaredTensor>& declared, const std::string& name) {
  for (const DeclaredTensor& tensor : declared) {
    if (tensor.name == name) return &tensor;
  }
  return nullptr;
}

// "forward takes: image, flag"
std::string WhatItTakes(const Method& method) {
  if (method.arguments.empty()) return absl::StrCat(method.name, " takes no inputs");
  return absl::StrCat(method.name, " takes: ", absl::StrJoin(ArgumentNames(method), ", "));
}

absl::Status CheckNames(const Method& method, const NamedValues& inputs) {
  for (const auto& [name, value] : inputs) {
    if (FindArgument(method, name) != nullptr) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "unknown input ", Quote(name), DidYouMean(name, ArgumentNames(method)), "; ", WhatItTakes(method)));
  }
  return absl::OkStatus();
}

absl::StatusOr<Value> MissingArgument(const Method& method, const Argument& argument,
                                      const DeclaredTensor* declared) {
  if (argument.default_value.has_value()) return *argument.default_value;
  const std::string summary = declared != nullptr ? DeclaredSummary(*declared) : "";
  return absl::InvalidArgumentError(absl::StrCat("missing input \"", argument.name, "\": expected ",
                                                 summary.empty() ? TypeName(argument.type) : summary, "; ",
                                                 WhatItTakes(method)));
}

absl::StatusOr<Value> BindArgument(const Argument& argument, const DeclaredTensor* declared, Value value) {
  if (const std::optional<Mismatch> mismatch = Coerce(argument.type, value)) {
    return absl::InvalidArgumentError(
        absl::StrCat("input \"", argument.name, "\"", mismatch->path, ": ", mismatch->message));
  }
  if (declared != nullptr) MODELD_RETURN_IF_ERROR(CheckDeclared(*declared, value));
  return value;
}

// Whether a tensor may be passed as this type.
bool TakesTensor(const Type& type) {
  switch (type.kind) {
    case Type::Kind::kTensor:
    case Type::Kind::kStringTensor:
    case Type::Kind::kAny:
      return true;
    case Type::Kind::kOptional:
    case Type::Kind::kUnion:
      return std::any_of(type.params.begin(), type.params.end(), TakesTensor);
    default:
      return false;
  }
}

bool HasStringKeys(const Dict& dict) {
  return std::all_of(dict.entries.begin(), dict.entries.end(),
                     [](const auto& entry) { return entry.first.template get_if<std::string>() != nullptr; });
}

// One output and what the model itself calls it; empty: nothing.
template <typename T>
struct Output {
  std::string own_name;
  T item;
};

std::vector<Output<Value>> SplitResult(Value result) {
  std::vector<Output<Value>> outputs;
  if (Tuple* tuple = result.get_if<Tuple>()) {
    const bool named = tuple->names.size() == tuple->items.size();
    for (size_t i = 0; i < tuple->items.size(); ++i) {
      outputs.push_back({named ? tuple->names[i] : "", std::move(tuple->items[i])});
    }
  } else if (Dict* dict = result.get_if<Dict>(); dict != nullptr && HasStringKeys(*dict)) {
    for (auto& [key, value] : dict->entries) {
      outputs.push_back({*key.get_if<std::string>(), std::move(value)});
    }
  } else {
    outputs.push_back({"", std::move(result)});
  }
  return outputs;
}

std::vector<Output<Type>> SplitType(const Type& type) {
  if (type.kind != Type::Kind::kTuple) return {{"", type}};
  std::vector<Output<Type>> outputs;
  const bool named = type.field_names.size() == type.params.size();
  for (size_t i = 0; i < type.params.size(); ++i) {
    outputs.push_back({named ? type.field_names[i] : "", type.params[i]});
  }
  return outputs;
}

bool IsStringKeyed(const Type& type) {
  return type.kind == Type::Kind::kDict && type.params[0].kind == Type::Kind::kString;
}

// Whether `declared` names outputs by the names they have anyway: then its order means nothing.
template <typename T>
bool DeclaredByOwnName(const std::vector<Output<T>>& outputs, const std::vector<DeclaredTensor>& declared) {
  return std::all_of(declared.begin(), declared.end(), [&](const DeclaredTensor& tensor) {
    return std::any_of(outputs.begin(), outputs.end(),
                       [&](const Output<T>& output) { return output.own_name == tensor.name; });
  });
}

// Gives each output its final name; all differ.
template <typename T>
std::vector<std::pair<std::string, T>> WithNames(std::vector<Output<T>> outputs,
                                                 const std::vector<DeclaredTensor>& declared) {
  const bool by_own_name = DeclaredByOwnName(outputs, declared);
  std::set<std::string> taken;
  std::vector<std::pair<std::string, T>> named;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const std::string numbered = outputs.size() == 1 ? kOnlyOutput : absl::StrCat("output_", i);
    std::string name = outputs[i].own_name;
    if (!by_own_name && i < declared.size()) name = declared[i].name;
    if (name.empty() || taken.contains(name)) name = numbered;
    while (!taken.insert(name).second) name += '_';
    named.emplace_back(std::move(name), std::move(outputs[i].item));
  }
  return named;
}

}  // namespace

absl::StatusOr<std::vector<Value>> BindArguments(const Method& method,
                                                 const std::vector<DeclaredTensor>& declared,
                                                 NamedValues inputs) {
  MODELD_RETURN_IF_ERROR(CheckNames(method, inputs));
  std::vector<Value> arguments;
  arguments.reserve(method.arguments.size());
  for (const Argument& argument : method.arguments) {
    const DeclaredTensor* const declaration = FindDeclared(declared, argument.name);
    const auto input = inputs.find(argument.name);
    absl::StatusOr<Value> value = input == inputs.end()
                                      ? MissingArgument(method, argument, declaration)
                                      : BindArgument(argument, declaration, std::move(input->second));
    if (!value.ok()) return std::move(value).status();
    arguments.push_back(*std::move(value));
  }
  return arguments;
}

absl::Status CheckDeclared(const DeclaredTensor& declared, const Value& value) {
  const Tensor* const tensor = value.get_if<Tensor>();
  if (tensor == nullptr) return absl::OkStatus();
  const std::string contradiction = Contradiction(declared, *tensor);
  if (contradiction.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("input \"", declared.name, "\": expected ",
                                                 DeclaredSummary(declared), ", got ", ValueSummary(value),
                                                 " (", contradiction, ")"));
}

std::string DeclaredSummary(const DeclaredTensor& declared) {
  std::string summary;
  if (declared.dtype.has_value()) summary += DTypeName(*declared.dtype);
  if (declared.shape.has_value()) absl::StrAppend(&summary, "[", absl::StrJoin(*declared.shape, ","), "]");
  return summary;
}

std::string Contradiction(const DeclaredTensor& declared, const Tensor& tensor) {
  if (declared.dtype.has_value() && *declared.dtype != tensor.dtype) {
    return absl::StrCat("dtype is ", std::string(DTypeName(tensor.dtype)), ", not ",
                        std::string(DTypeName(*declared.dtype)));
  }
  if (!declared.shape.has_value()) return "";
  const std::vector<int64_t>& shape = *declared.shape;
  if (shape.size() != tensor.shape.size()) {
    return absl::StrCat("rank is ", tensor.shape.size(), ", not ", shape.size());
  }
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] != -1 && shape[i] != tensor.shape[i]) {
      return absl::StrCat("dimension ", i, " is ", tensor.shape[i], ", not ", shape[i]);
    }
  }
  return "";
}

NamedValues NameOutputs(Value result, const std::vector<DeclaredTensor>& declared) {
  NamedValues outputs;
  if (result.get_if<Tensor>() != nullptr && declared.size() <= 1) {  // nearly all models; as below, at once
    outputs.emplace(declared.empty() ? kOnlyOutput : declared.front().name, std::move(result));
    return outputs;
  }
  for (auto& [name, value] : WithNames(SplitResult(std::move(result)), declared)) {
    outputs.emplace(std::move(name), std::move(value));
  }
  return outputs;
}

std::vector<std::pair<std::string, Type>> OutputTypes(const Method& method,
                                                      const std::vector<DeclaredTensor>& declared) {
  if (!IsStringKeyed(method.returns)) return WithNames(SplitType(method.returns), declared);
  const Type& value = method.returns.params[1];
  std::vector<std::pair<std::string, Type>> outputs;
  outputs.reserve(declared.size());
  for (const DeclaredTensor& tensor : declared) outputs.emplace_back(tensor.name, value);
  if (outputs.empty()) outputs.emplace_back("*", value);
  return outputs;
}

absl::Status CheckDeclarations(const Method& method, const std::vector<DeclaredTensor>& inputs,
                               const std::vector<DeclaredTensor>& outputs) {
  for (const DeclaredTensor& input : inputs) {
    const Argument* const argument = FindArgument(method, input.name);
    if (argument == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat("the config declares the unknown input \"", input.name,
                                                     "\"", DidYouMean(input.name, ArgumentNames(method)),
                                                     "; ", WhatItTakes(method)));
    }
    if (!TakesTensor(argument->type)) {
      return absl::InvalidArgumentError(absl::StrCat("the config declares input \"", input.name,
                                                     "\" as a tensor, but ", method.name, " takes it as ",
                                                     TypeName(argument->type)));
    }
    if (input.dtype == DType::kBytes && argument->type.kind == Type::Kind::kTensor) {
      return absl::InvalidArgumentError(absl::StrCat("the config declares input \"", input.name,
                                                     "\" as BYTES, which no tensor argument can hold"));
    }
    if (input.dtype.has_value() && *input.dtype != DType::kBytes &&
        argument->type.kind == Type::Kind::kStringTensor) {
      return absl::InvalidArgumentError(absl::StrCat("the config declares input \"", input.name, "\" as ",
                                                     std::string(DTypeName(*input.dtype)), ", but ",
                                                     method.name, " takes it as BYTES"));
    }
  }
  const Type::Kind returns = method.returns.kind;
  const bool is_open = returns == Type::Kind::kAny || returns == Type::Kind::kUnion ||
                       returns == Type::Kind::kOptional || IsStringKeyed(method.returns);
  const size_t returned = SplitType(method.returns).size();
  if (!is_open && outputs.size() > returned) {
    return absl::InvalidArgumentError(absl::StrCat("the config declares ", outputs.size(), " outputs, but ",
                                                   method.name, " returns ", returned, " (",
                                                   TypeName(method.returns), ")"));
  }
  return absl::OkStatus();
}

}  // namespace modeld
