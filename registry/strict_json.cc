#include "registry/strict_json.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "registry/base/quote.h"

namespace modeld {
namespace {

using Json = nlohmann::json;

// Builds the value from the parser's events.
class Builder final : public nlohmann::json_sax<Json> {
 public:
  explicit Builder(size_t max_depth) : max_depth_(max_depth) {}

  const absl::Status& status() const { return status_; }
  StrictJson TakeResult() { return std::move(result_); }

  bool null() override { return AddValue(nullptr); }
  bool boolean(bool value) override { return AddValue(value); }
  bool number_integer(Json::number_integer_t value) override { return AddValue(value); }
  bool number_unsigned(Json::number_unsigned_t value) override { return AddValue(value); }
  bool number_float(Json::number_float_t value, const std::string& spelling) override {
    const Json* const added = Add(value);
    if (added->dump() != spelling) result_.spellings[PathOfNewest()] = spelling;
    return true;
  }
  bool string(std::string& value) override { return AddValue(std::move(value)); }
  bool binary(Json::binary_t&) override { return Fail("binary data"); }

  bool start_object(size_t) override { return Open(Json::object()); }
  bool end_object() override { return Close(); }
  bool start_array(size_t) override { return Open(Json::array()); }
  bool end_array() override { return Close(); }
  bool key(std::string& key) override {
    const bool is_new = !open_.back().value->contains(key);
    open_.back().key = std::move(key);
    return is_new || Fail(absl::StrCat("key ", Quote(PathOfNewest()), " is there twice"));
  }

  bool parse_error(size_t, const std::string&, const Json::exception& error) override {
    // "[json.exception.parse_error.101] parse error at line 1, column 2: … - …; last read: '…'"; what was
    // read last may be any bytes.
    std::string_view message = error.what();
    message.remove_prefix(std::min(message.find("] ") + 2, message.size()));
    constexpr std::string_view kIntroduction = "parse error at ";
    if (message.substr(0, kIntroduction.size()) == kIntroduction) message.remove_prefix(kIntroduction.size());
    constexpr size_t kMaxMessageBytes = 200;
    return Fail(std::string(message.substr(0, std::min(message.find("; last read:"), kMaxMessageBytes))));
  }

 private:
  // An object or array whose end has not come yet.
  struct Container {
    Json* value;
    std::string key;  // of the newest member, if it is an object
  };

  Json* Add(Json value) {
    if (open_.empty()) return &(result_.value = std::move(value));
    Json& parent = *open_.back().value;
    if (parent.is_object()) return &(parent[open_.back().key] = std::move(value));
    return &parent.emplace_back(std::move(value));
  }
  bool AddValue(Json value) {
    Add(std::move(value));
    return true;
  }
  bool Open(Json container) {
    if (open_.size() == max_depth_) return Fail(absl::StrCat("nested deeper than ", max_depth_, " levels"));
    open_.push_back({Add(std::move(container)), ""});
    return true;
  }
  bool Close() {
    open_.pop_back();
    return true;
  }
  bool Fail(const std::string& why) {
    status_ = absl::InvalidArgumentError(why);
    return false;
  }

  std::string PathOfNewest() const {
    std::string path;
    for (const Container& container : open_) {
      path = container.value->is_object() ? MemberPath(path, container.key)
                                          : ElementPath(path, container.value->size() - 1);
    }
    return path;
  }

  const size_t max_depth_;
  std::vector<Container> open_;
  StrictJson result_;
  absl::Status status_;
};

}  // namespace

absl::StatusOr<StrictJson> ParseStrictJson(std::string_view text, size_t max_depth) {
  // The parser takes it for the end of the text, whatever follows.
  if (const size_t nul = text.find('\0'); nul != std::string_view::npos) {
    return absl::InvalidArgumentError(absl::StrCat("byte ", nul, " is NUL, which no JSON text holds"));
  }
  Builder builder(max_depth);
  Json::sax_parse(text.begin(), text.end(), &builder);
  if (!builder.status().ok()) return builder.status();
  return builder.TakeResult();
}

std::string MemberPath(const std::string& object, const std::string& key) {
  const bool identifier = !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-';
  });
  if (!identifier) return absl::StrCat(object, "[", Quote(key), "]");
  return object.empty() ? key : absl::StrCat(object, ".", key);
}

std::string ElementPath(const std::string& array, size_t index) {
  return absl::StrCat(array, "[", index, "]");
}

}  // namespace modeld
