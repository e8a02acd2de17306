// The inputs of `modelctl predict`: NAME=VALUE to a Value. Pure but for the files that a value names.
#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "modeld/v1/model_service.pb.h"
#include "modeld/v1/value.pb.h"

namespace modeld {

struct InputText {
  std::string name;
  std::string text;
};

// At the first `=`. INVALID_ARGUMENT where there is none, or no name before it.
absl::StatusOr<InputText> SplitInput(const std::string& argument);

using ReadFileFn = std::function<absl::StatusOr<std::string>(const std::string& path)>;

// The value that `text` stands for, as `signature` declares it (type `Any` where the input is not known):
//   @FILE.npy    a NumPy array
//   @FILE.json   JSON, as below
//   @FILE        the content of a file, for a string; else an image (by its first bytes), for inputs that
//                config.json preprocesses
//   @@TEXT       text that begins with `@`
//   TEXT         a string, number or boolean by the declared type; for other types JSON, see json_value.h.
//                Where the type is not known: JSON if it is that, else a string
// Errors name the input.
absl::StatusOr<v1::Value> ParseInput(const v1::ArgumentSignature& signature, const std::string& text,
                                     const ReadFileFn& read_file);

}  // namespace modeld
