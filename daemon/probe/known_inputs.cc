#include "daemon/probe/known_inputs.h"

#include <map>
#include <optional>
#include <string>
#include <utility>

namespace modeld {
namespace {

constexpr char kForward[] = "forward";

// None: they differ.
using Seen = std::map<std::string, std::optional<KnownInput>>;

void See(const std::string& name, const Tensor& tensor, Seen* seen) {
  KnownInput input{.name = name, .dtype = tensor.dtype, .shape = {}, .always = false};
  input.shape.assign(tensor.shape.size(), -1);
  const auto [place, is_new] = seen->emplace(name, input);
  std::optional<KnownInput>& known = place->second;
  if (is_new || !known) return;
  if (known->dtype != input.dtype || known->shape.size() != input.shape.size()) known.reset();
}

}  // namespace

std::vector<KnownInput> KnownInputs(const std::vector<DeclaredTensor>& declared,
                                    const std::vector<GoldenSample>& samples) {
  Seen seen;
  for (const GoldenSample& sample : samples) {
    if (!sample.method.empty() && sample.method != kForward) continue;
    for (const auto& [name, value] : sample.inputs) {
      if (const auto* const tensor = value.get_if<Tensor>()) See(name, *tensor, &seen);
    }
  }
  std::vector<KnownInput> known;
  for (const DeclaredTensor& input : declared) {
    if (!input.dtype || !input.shape) continue;
    known.push_back({.name = input.name, .dtype = *input.dtype, .shape = *input.shape, .always = true});
    seen.erase(input.name);
  }
  for (auto& [name, input] : seen) {
    if (input) known.push_back(*std::move(input));
  }
  return known;
}

}  // namespace modeld
