#include "daemon/engine/onnxruntime/errors.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <new>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace modeld {
namespace {

constexpr size_t kMaxMessageBytes = 2000;

// Takes the bracketed text off, with which `text` goes on at its first "(".
absl::string_view AfterBrackets(absl::string_view text) {
  int depth = 0;
  for (size_t i = text.find('('); i < text.size(); ++i) {
    if (text[i] == '(') ++depth;
    if (text[i] == ')' && --depth == 0) return text.substr(i + 1);
  }
  return "";
}

// Takes off the function that `text` begins with: its name, or its whole signature.
absl::string_view AfterFunction(absl::string_view text) {
  if (std::min(text.find("::"), text.size()) > text.find('(')) {
    return text.substr(std::min(text.find(' '), text.size()));
  }
  text = AfterBrackets(text);
  if (absl::StartsWith(text, "::")) text.remove_prefix(std::min(text.find(' '), text.size()));  // a lambda
  absl::ConsumePrefix(&text, " const");
  if (absl::StartsWith(text, " [with ")) text.remove_prefix(std::min(text.find(']'), text.size() - 1) + 1);
  return text;
}

// A failed check of the library begins with where it stands:
//
//   /onnxruntime_src/onnxruntime/core/graph/graph.cc:1451 onnxruntime::Graph::Graph(const Model&, bool) x was
//   false. Initializer 'w' ...
//
// Takes the first of these out; false: there is none.
bool RemovePlace(std::string& message) {
  for (const char* extension : {".cc:", ".h:"}) {
    const size_t dot = message.find(extension);
    if (dot == std::string::npos) continue;
    absl::string_view after = absl::string_view(message).substr(dot + std::strlen(extension));
    const size_t digits = std::min(after.find_first_not_of("0123456789"), after.size());
    if (digits == 0 || !absl::StartsWith(after.substr(digits), " ")) continue;
    after = absl::StripLeadingAsciiWhitespace(AfterFunction(after.substr(digits + 1)));
    const size_t begin = message.find_last_of(" :", dot);  // npos: at 0
    message = absl::StrCat(absl::string_view(message).substr(0, begin + 1), after);
    return true;
  }
  return false;
}

std::string Shorten(absl::string_view what) {
  std::string message = absl::StrReplaceAll(what, {{"\n", " "}});
  while (RemovePlace(message)) {  // each makes it shorter
  }
  absl::StripAsciiWhitespace(&message);
  if (message.size() > kMaxMessageBytes) {
    message.resize(kMaxMessageBytes);
    message += "...";
  }
  return message;
}

// The library passes exceptions on as texts.
bool IsOutOfMemory(absl::string_view message) {
  for (const absl::string_view sign :
       {"std::bad_alloc", "bad allocation", "Failed to allocate memory", "out of memory"}) {
    if (absl::StrContains(message, sign)) return true;
  }
  return false;
}

}  // namespace

absl::Status StatusFromOnnxruntime(absl::StatusCode code) {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("out of memory");
  } catch (const std::exception& error) {
    const std::string message = Shorten(error.what());
    if (IsOutOfMemory(message)) {
      return absl::ResourceExhaustedError(absl::StrCat("out of memory: ", message));
    }
    return absl::Status(code, message);
  } catch (...) {
    return absl::Status(code, "an exception of an unknown type");
  }
}

}  // namespace modeld
