// ClosestMatch: the "did you mean" of error messages.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace modeld {

// The candidate with the smallest edit distance (insert, delete, replace, swap of neighbours; ASCII case
// ignored) to `word`, if that is at most a third of the longer one's length, rounded up. Ties: the first.
std::optional<std::string> ClosestMatch(std::string_view word, const std::vector<std::string>& candidates);

// ` (did you mean "candidate"?)`, or the empty string where nothing is close.
std::string DidYouMean(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace modeld
