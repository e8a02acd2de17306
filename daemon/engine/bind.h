// From a request's named inputs to a method's arguments, and from what it returned to named outputs. Pure
// functions; the one place where inputs are validated.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/engine/signature.h"
#include "daemon/engine/value.h"

namespace modeld {

using NamedValues = std::map<std::string, Value>;

// Arguments of `method` in order. INVALID_ARGUMENT, naming the input, what came and what was expected, for:
// an unknown input (with "did you mean"), a missing one without default, a value that does not fit the
// argument's type, a tensor that does not fit `declared`.
//
// What fits beyond the exact type, since some callers can send tensors only:
//   int for float, bool or int for Number; a tensor of one element for a scalar of its kind;
//   an integer or float tensor of one dimension for List[int], List[float], List[bool];
//   a BYTES tensor of one element for str, of one dimension for List[str];
//   a string or a list of strings for a tensor of strings;
//   a list for a tuple of the same length, a tuple for a list.
// Where the type leaves it open (Any), a BYTES tensor of no dimensions becomes a string, one of one dimension
// a list of strings.
absl::StatusOr<std::vector<Value>> BindArguments(const Method& method,
                                                 const std::vector<DeclaredTensor>& declared,
                                                 NamedValues inputs);

// Names what a method returned, as PredictResponse.outputs documents: a tuple's items, a str-keyed
// dictionary's entries (an empty one's: none), or the one value; named by `declared` in order, else by field
// or key, else `output` or `output_N`. Where every name of `declared` is a field or key itself, nothing is
// renamed: then its order means nothing.
NamedValues NameOutputs(Value result, const std::vector<DeclaredTensor>& declared);

// What of `tensor` contradicts what is declared: "dtype is INT64, not FP32", "rank is 2, not 3", "dimension 1
// is 5, not 3". Empty: nothing does.
std::string Contradiction(const DeclaredTensor& declared, const Tensor& tensor);

// INVALID_ARGUMENT, naming the input, where `value` is a tensor that contradicts what is declared: `input
// "x": expected FP32[-1,3], got FP32[2,4] (dimension 1 is 4, not 3)`.
absl::Status CheckDeclared(const DeclaredTensor& declared, const Value& value);

// What is declared, as "FP32[-1,3]" or the half of it; empty where nothing is.
std::string DeclaredSummary(const DeclaredTensor& declared);

// The names and types of a method's outputs, as far as its return type tells, in order. A str-keyed
// dictionary's keys are not known beforehand: those of `declared`, or one entry named `*` for all.
std::vector<std::pair<std::string, Type>> OutputTypes(const Method& method,
                                                      const std::vector<DeclaredTensor>& declared);

// What a config's declarations say that the method's signature contradicts: a declared input that is no
// argument, or is no tensor; more declared outputs than the method returns. INVALID_ARGUMENT names the first.
absl::Status CheckDeclarations(const Method& method, const std::vector<DeclaredTensor>& inputs,
                               const std::vector<DeclaredTensor>& outputs);

}  // namespace modeld
