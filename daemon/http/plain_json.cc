#include "daemon/http/plain_json.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "daemon/http/json_reader.h"
#include "daemon/http/json_writer.h"
#include "daemon/http/plain_reader.h"
#include "daemon/http/plain_writer.h"
#include "daemon/lifecycle/version_call.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

constexpr char kKnownKeys[] =
    "inputs, instances, method, sticky_key, sequence_id, sequence_start, sequence_end, timeout_ms";

absl::Status Wrong(const std::string& message) { return absl::InvalidArgumentError(message); }

PlainWanted WantedOf(const ServedVersion& version, const Method& method, const std::string& name) {
  PlainWanted wanted;
  for (const Argument& argument : method.arguments) {
    if (argument.name == name) wanted.type = argument.type;
  }
  for (const DeclaredTensor& declared : DeclaredFor(method, version.inputs)) {
    if (declared.name == name) wanted.dtype = declared.dtype;
  }
  return wanted;
}

// Reads the options first, and marks where the inputs stand: what they become depends on the method.
class RequestReader {
 public:
  RequestReader(std::string_view json, const ServedVersion& version) : reader_(json), version_(version) {}

  absl::StatusOr<PlainRequest> Read() {
    if (reader_.Peek() != '{') return Wrong("expected an object with `inputs` or `instances`");
    const bool read =
        reader_.Object([this](const std::string& key) { return ReadEntry(key); }) && reader_.End();
    if (!read) return reader_.status();
    MODELD_ASSIGN_OR_RETURN(const size_t method, FindMethod(version_, request_.predict.method()));
    method_ = &version_.executable->methods()[method];
    if (inputs_.has_value() == instances_.has_value())
      return Wrong("expected either `inputs` or `instances`");
    request_.rows = instances_.has_value();
    MODELD_RETURN_IF_ERROR(request_.rows ? ReadRows(*instances_) : ReadInputs(*inputs_));
    return std::move(request_);
  }

 private:
  bool ReadEntry(const std::string& key) {
    v1::PredictRequest& predict = request_.predict;
    if (key == "inputs" || key == "instances") {
      (key == "inputs" ? inputs_ : instances_) = reader_.position();
      return reader_.Skip();
    }
    if (key == "method") return reader_.String(predict.mutable_method()) || About(key);
    if (key == "sticky_key") return reader_.String(predict.mutable_sticky_key()) || About(key);
    if (key == "sequence_id") return reader_.String(predict.mutable_sequence_id()) || About(key);
    if (key == "timeout_ms") return ReadTimeout() || About(key);
    bool truth = false;
    if (key == "sequence_start" || key == "sequence_end") {
      if (!reader_.Bool(&truth)) return About(key);
      key == "sequence_start" ? predict.set_sequence_start(truth) : predict.set_sequence_end(truth);
      return true;
    }
    return reader_.Fail(
        absl::InvalidArgumentError(absl::StrCat("unknown key ", Quote(key), "; known are ", kKnownKeys)));
  }

  bool About(const std::string& key) { return reader_.FailAbout(absl::StrCat("`", key, "`: ")); }

  bool ReadTimeout() {
    std::string_view token;
    if (!reader_.Number(&token)) return false;
    double timeout_ms = 0;
    if (!absl::SimpleAtod(std::string(token), &timeout_ms) || !(timeout_ms > 0)) {
      return reader_.Fail(
          absl::InvalidArgumentError(absl::StrCat("expected a number above 0, got ", Quote(token, 40))));
    }
    request_.timeout = absl::Milliseconds(timeout_ms);
    return true;
  }

  absl::Status ReadInput(const std::string& name, const PlainPlace& place) {
    v1::Value& value = (*request_.predict.mutable_inputs())[name];
    value.Clear();
    if (ReadPlainValue(reader_, place, WantedOf(version_, *method_, name), &value)) return absl::OkStatus();
    reader_.FailAbout(absl::StrCat("input ", Quote(name), ": "));
    return reader_.status();
  }

  absl::Status ReadFirstArgument(size_t position) {
    if (method_->arguments.empty()) {
      return Wrong(absl::StrCat("method ", Quote(method_->name), " takes no inputs"));
    }
    return ReadInput(method_->arguments[0].name, {.position = position});
  }

  // An object with an entry for each input comes next.
  bool PeekNamed() { return reader_.Peek() == '{' && !PeekBytes(reader_); }

  absl::Status ReadInputs(size_t position) {
    reader_.Return(position);
    if (!PeekNamed()) return ReadFirstArgument(position);
    const bool read = reader_.Object(
        [&](const std::string& name) { return ReadInput(name, {.position = reader_.position()}).ok(); });
    return read ? absl::OkStatus() : reader_.status();
  }

  absl::Status ReadRows(size_t position) {
    reader_.Return(position);
    bool any = false, named = false;
    JsonReader ahead = reader_;
    (void)ahead.Array([&] {
      any = true;
      named = ahead.Peek() == '{' && !PeekBytes(ahead);
      return false;
    });
    if (!any) return Wrong("`instances` has to be an array with a row at least");
    if (!named) return ReadFirstArgument(position);
    // Where each row has an input, by its name.
    std::map<std::string, std::vector<size_t>> columns;
    size_t rows = 0;
    if (!reader_.Array([&] { return ReadRow(rows++, &columns); })) return reader_.status();
    for (const auto& [name, column] : columns) MODELD_RETURN_IF_ERROR(ReadInput(name, {.column = &column}));
    return absl::OkStatus();
  }

  bool ReadRow(size_t row, std::map<std::string, std::vector<size_t>>* columns) {
    const auto wrong = [&](const std::string& message) {
      return reader_.Fail(absl::InvalidArgumentError(absl::StrCat("`instances`: ", message)));
    };
    size_t found = 0;
    if (reader_.Peek() != '{') return wrong(absl::StrCat("row ", row, " is no object, as the first is"));
    const bool read = reader_.Object([&](const std::string& name) {
      if (row > 0 && columns->count(name) == 0) return wrong(absl::StrCat("row 0 has no ", Quote(name)));
      std::vector<size_t>& column = (*columns)[name];
      if (column.size() == row) {
        column.push_back(0);
        ++found;
      }
      column.back() = reader_.position();
      return reader_.Skip();
    });
    if (!read) return false;
    return found == columns->size() || wrong(absl::StrCat("row ", row, " has other inputs than the first"));
  }

  JsonReader reader_;
  const ServedVersion& version_;
  const Method* method_ = nullptr;
  std::optional<size_t> inputs_, instances_;  // where they begin
  PlainRequest request_;
};

absl::StatusOr<std::string> Predictions(const v1::PredictResponse& response) {
  std::vector<std::string> names;
  std::vector<std::vector<std::string>> columns;
  for (const auto& [name, value] : response.outputs()) names.push_back(name);
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    MODELD_RETURN_IF_ERROR(PlainRows(name, response.outputs().at(name), &columns.emplace_back()));
    if (columns.back().size() != columns[0].size()) {
      return Wrong("the outputs have different numbers of rows; send `inputs` instead of `instances`");
    }
  }
  std::string json = "{\"predictions\":[";
  for (size_t row = 0; !columns.empty() && row < columns[0].size(); ++row) {
    if (row > 0) json.push_back(',');
    if (names.size() == 1) {
      json += columns[0][row];
      continue;
    }
    for (size_t i = 0; i < names.size(); ++i) {
      json += i == 0 ? "{" : ",";
      AppendJsonString(names[i], &json);
      absl::StrAppend(&json, ":", columns[i][row]);
    }
    json.push_back('}');
  }
  return json + "]}";
}

}  // namespace

absl::StatusOr<PlainRequest> ReadPlainRequest(std::string_view json, const ServedVersion& version) {
  return RequestReader(json, version).Read();
}

absl::StatusOr<PlainRequest> RequestOfBytes(std::string bytes, const ServedVersion& version) {
  const Method& forward = version.executable->methods().front();
  if (forward.arguments.empty()) return Wrong("the model takes no inputs");
  PlainRequest request;
  v1::Tensor* const tensor = (*request.predict.mutable_inputs())[forward.arguments[0].name].mutable_tensor();
  tensor->set_dtype("BYTES");
  tensor->add_shape(1);
  tensor->add_bytes_values(std::move(bytes));
  return request;
}

absl::StatusOr<std::string> WritePlainResponse(bool rows, const v1::PredictResponse& response) {
  if (rows) return Predictions(response);
  std::vector<std::string> names;
  for (const auto& [name, value] : response.outputs()) names.push_back(name);
  std::sort(names.begin(), names.end());
  std::string json = "{\"outputs\":{";
  for (size_t i = 0; i < names.size(); ++i) {
    if (i > 0) json.push_back(',');
    AppendJsonString(names[i], &json);
    json.push_back(':');
    MODELD_RETURN_IF_ERROR(AppendPlainValue(names[i], response.outputs().at(names[i]), &json));
  }
  return json + "}}";
}

}  // namespace modeld
