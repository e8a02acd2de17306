// Class labels, as an entry of an artifact holds them: UTF-8, one a line. Pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "modeld/v1/model_config.pb.h"

namespace modeld {

inline constexpr size_t kMaxLabelBytes = 4 << 20;  // of an entry
inline constexpr size_t kMaxLabels = 100'000;

// The labels in `text`; `name` is the entry's. Lines end with "\n" or "\r\n"; a byte order mark at the
// beginning, and what follows the last line's end where that is nothing, are no part of a label.
// INVALID_ARGUMENT: it is empty, not UTF-8 (says which line), or more than kMaxLabels.
absl::StatusOr<std::vector<std::string>> ParseLabels(std::string_view name, std::string_view text);

// INVALID_ARGUMENT, as an error of the field at `path`, where the output's last dimension is declared as
// another number.
absl::Status CheckLabelCount(const v1::TensorSpec& output, size_t labels, const std::string& path);

}  // namespace modeld
