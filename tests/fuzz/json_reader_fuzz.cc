// JsonReader takes exactly what another JSON parser takes, and never leaves the text.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "daemon/http/json_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  modeld::JsonReader reader(text);
  const bool taken = reader.Skip() && reader.End();
  // That one takes a NUL for the end, whatever follows.
  if (text.find('\0') != std::string::npos) return 0;
  // Beyond these it refuses what others take: nesting, and a byte order mark.
  const bool limited = text.find(std::string(60, '[')) != std::string::npos || text.find("\xef\xbb\xbf") == 0;
  const bool deep = !taken && reader.status().message().find("no deeper") != absl::string_view::npos;
  const nlohmann::json other = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  // That one refuses numbers that no double holds, which is for the reader of the number to say.
  if (!taken && !limited && !deep && !other.is_discarded()) std::abort();
  return 0;
}
