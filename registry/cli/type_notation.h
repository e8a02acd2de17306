// TorchScript's notation of types, as the service writes it: `Dict[str, List[Tensor]]`. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace modeld {

struct TypeNotation {
  std::string name;                      // "Tensor", "List", "NamedTuple"; "Any" where nothing is known
  std::vector<TypeNotation> parameters;  // List[0], Dict[key, value], Optional[0], each item of a tuple
  std::vector<std::string> field_names;  // of a NamedTuple

  friend bool operator==(const TypeNotation&, const TypeNotation&) = default;
};

// What cannot be read becomes `Any`: the daemon then judges the value.
TypeNotation ParseTypeNotation(std::string_view text);

}  // namespace modeld
