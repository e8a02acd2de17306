#include "daemon/http/json_reader.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/codec/utf8.h"
#include "registry/base/quote.h"

namespace modeld {
namespace {

// A request has no reason to nest deeper, and what reads it calls itself for each level.
constexpr int kMaxDepth = 80;
constexpr size_t kShown = 20;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

void AppendUtf8(unsigned code, std::string* text) {
  if (code < 0x80) {
    text->push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    text->push_back(static_cast<char>(0xc0 | (code >> 6)));
    text->push_back(static_cast<char>(0x80 | (code & 0x3f)));
  } else if (code < 0x10000) {
    text->push_back(static_cast<char>(0xe0 | (code >> 12)));
    text->push_back(static_cast<char>(0x80 | ((code >> 6) & 0x3f)));
    text->push_back(static_cast<char>(0x80 | (code & 0x3f)));
  } else {
    text->push_back(static_cast<char>(0xf0 | (code >> 18)));
    text->push_back(static_cast<char>(0x80 | ((code >> 12) & 0x3f)));
    text->push_back(static_cast<char>(0x80 | ((code >> 6) & 0x3f)));
    text->push_back(static_cast<char>(0x80 | (code & 0x3f)));
  }
}

}  // namespace

char JsonReader::Peek() {
  if (!status_.ok()) return '?';
  SkipSpace();
  if (at_ >= text_.size()) return '$';
  const char c = text_[at_];
  if (c == '-') return at_ + 1 < text_.size() && text_[at_ + 1] == 'I' ? 'N' : '0';
  if (IsDigit(c)) return '0';
  if (c == 'N' || c == 'I') return 'N';
  return c == '{' || c == '[' || c == '"' || c == 't' || c == 'f' || c == 'n' ? c : '?';
}

bool JsonReader::Fail(std::string_view message) {
  if (!status_.ok()) return false;
  std::string found = at_ >= text_.size() ? "the end" : Quote(text_.substr(at_, kShown));
  status_ = absl::InvalidArgumentError(
      absl::StrCat("malformed JSON at byte ", at_, ": ", std::string(message), ", got ", found));
  return false;
}

bool JsonReader::Fail(absl::Status status) {
  if (status_.ok()) status_ = std::move(status);
  return false;
}

bool JsonReader::FailAbout(std::string_view prefix) {
  if (!status_.ok()) {
    status_ = absl::Status(status_.code(), absl::StrCat(std::string(prefix), std::string(status_.message())));
  }
  return false;
}

bool JsonReader::Take(char expected) {
  if (!status_.ok()) return false;
  if (TakeIf(expected)) return true;
  return Fail(absl::StrCat("expected ", std::string(1, expected)));
}

bool JsonReader::Enter(char bracket, const char* what) {
  if (!status_.ok()) return false;
  if (!TakeIf(bracket)) return Fail(absl::StrCat("expected ", what));
  if (++depth_ > kMaxDepth) return Fail(absl::StrCat("expected nesting no deeper than ", kMaxDepth));
  return true;
}

bool JsonReader::Hex(unsigned* value) {
  *value = 0;
  for (int i = 0; i < 4; ++i, ++at_) {
    const char c = at_ < text_.size() ? text_[at_] : ' ';
    const int digit = IsDigit(c)             ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) return Fail("expected four hexadecimal digits after \\u");
    *value = *value * 16 + static_cast<unsigned>(digit);
  }
  return true;
}

bool JsonReader::Escape(std::string* text) {
  if (at_ >= text_.size()) return Fail("expected an escaped character");
  const char c = text_[at_++];
  switch (c) {
    case '"':
    case '\\':
    case '/':
      text->push_back(c);
      return true;
    case 'b':
      text->push_back('\b');
      return true;
    case 'f':
      text->push_back('\f');
      return true;
    case 'n':
      text->push_back('\n');
      return true;
    case 'r':
      text->push_back('\r');
      return true;
    case 't':
      text->push_back('\t');
      return true;
    case 'u':
      break;
    default:
      --at_;
      return Fail("expected one of \"\\/bfnrtu after a backslash");
  }
  unsigned code = 0;
  if (!Hex(&code)) return false;
  if (code >= 0xd800 && code <= 0xdbff) {
    unsigned low = 0;
    if (text_.substr(at_, 2) != "\\u") return Fail("expected the second half of a surrogate pair");
    at_ += 2;
    if (!Hex(&low)) return false;
    if (low < 0xdc00 || low > 0xdfff) return Fail("expected the second half of a surrogate pair");
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
  } else if (code >= 0xdc00 && code <= 0xdfff) {
    return Fail("expected the first half of a surrogate pair before");
  }
  AppendUtf8(code, text);
  return true;
}

bool JsonReader::String(std::string* text) {
  if (!status_.ok()) return false;
  if (!TakeIf('"')) return Fail("expected a string");
  const size_t begin = at_;
  text->clear();
  bool ascii = true;
  while (at_ < text_.size()) {
    const size_t from = at_;
    while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\\' &&
           static_cast<unsigned char>(text_[at_]) >= 0x20) {
      ascii &= static_cast<unsigned char>(text_[at_]) < 0x80;
      ++at_;
    }
    text->append(text_.substr(from, at_ - from));
    if (at_ >= text_.size()) break;
    const char c = text_[at_];
    if (c == '"') {
      // Checked as it came: escapes make valid UTF-8 only.
      if (!ascii && !IsUtf8(text_.substr(begin, at_ - begin))) return Fail("expected a string of UTF-8");
      ++at_;
      return true;
    }
    if (c != '\\') return Fail("expected control characters to be escaped in a string");
    ++at_;
    if (!Escape(text)) return false;
  }
  return Fail("expected the end of a string");
}

bool JsonReader::Word(std::string_view word) {
  if (!status_.ok()) return false;
  SkipSpace();
  if (text_.substr(at_, word.size()) != word) return Fail(absl::StrCat("expected ", std::string(word)));
  at_ += word.size();
  return true;
}

bool JsonReader::Bool(bool* value) {
  const char next = Peek();
  if (next != 't' && next != 'f') return Fail("expected true or false");
  *value = next == 't';
  return Word(*value ? "true" : "false");
}

bool JsonReader::Null() { return Word("null"); }

bool JsonReader::Number(std::string_view* token) {
  if (!status_.ok()) return false;
  SkipSpace();
  const size_t begin = at_;
  const auto digits = [this] {
    const size_t from = at_;
    while (at_ < text_.size() && IsDigit(text_[at_])) ++at_;
    return at_ > from;
  };
  const auto take = [this](char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  };
  take('-');
  if (!take('0') && !digits()) return Fail("expected a number");
  if (take('.') && !digits()) return Fail("expected a digit after the decimal point");
  if (take('e') || take('E')) {
    if (!take('+')) take('-');
    if (!digits()) return Fail("expected a digit in the exponent");
  }
  *token = text_.substr(begin, at_ - begin);
  return true;
}

bool JsonReader::Skip() {
  std::string text;
  std::string_view token;
  bool truth = false;
  switch (Peek()) {
    case '{':
      return Object([this](const std::string&) { return Skip(); });
    case '[':
      return Array([this] { return Skip(); });
    case '"':
      return String(&text);
    case '0':
      return Number(&token);
    case 't':
    case 'f':
      return Bool(&truth);
    case 'n':
      return Null();
    case 'N':
      return Fail("expected a value; JSON has no NaN and no Infinity");
    default:
      return Fail("expected a value");
  }
}

bool JsonReader::End() {
  if (!status_.ok()) return false;
  return Peek() == '$' ? true : Fail("expected the end");
}

}  // namespace modeld
