// Plain JSON, as people write it by hand, to values of ours, without a tree of it between. Pure functions.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "daemon/engine/dtype.h"
#include "daemon/engine/signature.h"
#include "daemon/http/json_reader.h"
#include "modeld/v1/value.pb.h"

namespace modeld {

// What an input is to become.
struct PlainWanted {
  Type type;
  std::optional<DType> dtype = std::nullopt;  // of a declared tensor
};

// Where an input stands in the text: a value begins at `position`; or it is a column, an array whose items
// begin at these.
struct PlainPlace {
  size_t position = 0;
  const std::vector<size_t>* column = nullptr;
};

// {"b64": "..."} comes next.
bool PeekBytes(const JsonReader& reader);

// Reads an input to `value`. False: it is not what is wanted; the reader says what was expected. The text has
// been skipped once, so that it is known to be JSON.
bool ReadPlainValue(JsonReader& reader, const PlainPlace& place, const PlainWanted& wanted, v1::Value* value);

}  // namespace modeld
