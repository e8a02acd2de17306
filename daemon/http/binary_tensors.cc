#include "daemon/http/binary_tensors.h"

#include <charconv>

#include "absl/strings/str_cat.h"
#include "registry/base/quote.h"

namespace modeld {

absl::StatusOr<BodyParts> SplitBody(std::string_view body, std::string_view length) {
  if (length.empty()) return BodyParts{.json = body, .binary = {}};
  uint64_t json = 0;
  const auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), json);
  if (error != std::errc() || end != length.data() + length.size()) {
    return absl::InvalidArgumentError(absl::StrCat("the header ", kJsonLengthHeader, " is ",
                                                   Quote(length, 40),
                                                   "; expected the number of bytes that the JSON takes"));
  }
  if (json > body.size()) {
    return absl::InvalidArgumentError(absl::StrCat("the header ", kJsonLengthHeader, " is ", json,
                                                   ", but the body has ", body.size(), " bytes"));
  }
  if (json == 0 && !body.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the header ", kJsonLengthHeader,
        " is 0: a request without JSON, whose body is one tensor, is not taken; say the input's name, "
        "datatype, shape and binary_data_size in JSON before it"));
  }
  return BodyParts{.json = body.substr(0, json), .binary = body.substr(json)};
}

absl::StatusOr<std::string_view> BinaryData::Take(uint64_t size) {
  if (size > bytes_.size()) {
    return absl::InvalidArgumentError(absl::StrCat("binary_data_size is ", size, ", but only ", bytes_.size(),
                                                   " bytes are left behind the JSON"));
  }
  const std::string_view taken = bytes_.substr(0, size);
  bytes_.remove_prefix(size);
  return taken;
}

absl::Status BinaryData::CheckTaken() const {
  if (bytes_.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(bytes_.size(),
                   " bytes behind the JSON belong to no input; say binary_data_size for each "
                   "input that is sent so, and how long the JSON is by the header ",
                   kJsonLengthHeader));
}

}  // namespace modeld
