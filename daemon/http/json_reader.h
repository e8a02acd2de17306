// JsonReader: reads JSON from front to back, without a tree of it: what a request says goes straight to where
// it belongs, and numbers are seen as they are written.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace modeld {

// Strict (RFC 8259), but that a key may come twice. Every function returns false where the text is not what
// it reads; `status` then says what was wrong, and where, and everything after returns false. `text` outlives
// it.
class JsonReader {
 public:
  explicit JsonReader(std::string_view text) : text_(text) {}

  // What comes next: one of { [ " 0 (a number) t f n, N (NaN or Infinity, which JSON has not), $ (the end),
  // or ?.
  char Peek();

  // `entry(key)` reads the value of each key; `item()` reads each element. They return false to stop.
  template <typename Entry>
  bool Object(Entry entry) {
    if (!Enter('{', "an object")) return false;
    if (!TakeIf('}')) {
      std::string key;
      do {
        if (!String(&key) || !Take(':') || !entry(key)) return false;
      } while (TakeIf(','));
      if (!Take('}')) return false;
    }
    --depth_;
    return true;
  }
  template <typename Item>
  bool Array(Item item) {
    if (!Enter('[', "an array")) return false;
    if (!TakeIf(']')) {
      do {
        if (!item()) return false;
      } while (TakeIf(','));
      if (!Take(']')) return false;
    }
    --depth_;
    return true;
  }
  bool String(std::string* text);
  bool Bool(bool* value);
  bool Null();
  // A number as it is written.
  bool Number(std::string_view* token);
  // Any value.
  bool Skip();
  // Nothing but space comes any more.
  bool End();

  // Makes `message` what is wrong, at the place reached; false.
  bool Fail(std::string_view message);
  bool Fail(absl::Status status);
  // Puts what the failure is about before its message; false.
  bool FailAbout(std::string_view prefix);
  size_t bytes_left() const { return text_.size() - at_; }
  std::string_view rest() const { return text_.substr(at_); }
  // As it stands in the text: a place to come back to.
  size_t position() const { return at_; }
  void Return(size_t position) { at_ = position; }

  const absl::Status& status() const { return status_; }

 private:
  void SkipSpace() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t')) {
      ++at_;
    }
  }
  bool TakeIf(char expected) {
    SkipSpace();
    if (at_ >= text_.size() || text_[at_] != expected) return false;
    ++at_;
    return true;
  }
  bool Take(char expected);
  bool Enter(char bracket, const char* what);
  bool Word(std::string_view word);
  bool Escape(std::string* text);
  bool Hex(unsigned* value);

  const std::string_view text_;
  size_t at_ = 0;
  int depth_ = 0;
  absl::Status status_;
};

}  // namespace modeld
