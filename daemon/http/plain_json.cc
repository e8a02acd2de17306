#include "daemon/http/plain_json.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "daemon/http/plain_tensor.h"
#include "daemon/lifecycle/version_call.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

using Json = nlohmann::json;

constexpr int kMaxDepth = 32;
constexpr char kKnownKeys[] =
    "inputs, instances, method, sticky_key, sequence_id, sequence_start, sequence_end, timeout_ms";

absl::Status Wrong(const std::string& message) { return absl::InvalidArgumentError(message); }

// What an input is to become.
struct Wanted {
  Type type;
  std::optional<DType> dtype = std::nullopt;
};

Wanted WantedOf(const ServedVersion& version, const Method& method, const std::string& name) {
  Wanted wanted;
  for (const Argument& argument : method.arguments) {
    if (argument.name == name) wanted.type = argument.type;
  }
  for (const DeclaredTensor& declared : DeclaredFor(method, version.inputs)) {
    if (declared.name == name) wanted.dtype = declared.dtype;
  }
  while (wanted.type.kind == Type::Kind::kOptional && wanted.type.params.size() == 1) {
    const Type inner = wanted.type.params[0];
    wanted.type = inner;
  }
  if (wanted.type.kind == Type::Kind::kStringTensor && !wanted.dtype) wanted.dtype = DType::kBytes;
  return wanted;
}

absl::StatusOr<v1::Value> Convert(const Json& json, const Wanted& wanted, int depth);

Type Inner(const Type& type, size_t index) {
  return index < type.params.size() ? type.params[index] : Type{};
}

absl::StatusOr<v1::Value> ConvertItems(const Json& json, const Type& type, int depth) {
  v1::Value value;
  const bool is_tuple = type.kind == Type::Kind::kTuple;
  for (size_t i = 0; i < json.size(); ++i) {
    v1::Value* const item = is_tuple ? value.mutable_tuple()->add_items() : value.mutable_list()->add_items();
    MODELD_ASSIGN_OR_RETURN(*item, Convert(json[i], {.type = Inner(type, is_tuple ? i : 0)}, depth + 1));
  }
  if (json.empty()) is_tuple ? (void)value.mutable_tuple() : (void)value.mutable_list();
  return value;
}

absl::StatusOr<v1::Value> ConvertDict(const Json& json, const Type& type, int depth) {
  v1::Value value;
  value.mutable_dict();
  for (const auto& [key, item] : json.items()) {
    v1::DictEntry* const entry = value.mutable_dict()->add_entries();
    entry->mutable_key()->set_string_value(key);
    MODELD_ASSIGN_OR_RETURN(*entry->mutable_value(), Convert(item, {.type = Inner(type, 1)}, depth + 1));
  }
  return value;
}

absl::StatusOr<v1::Value> ConvertTensor(const Json& json, std::optional<DType> dtype) {
  v1::Value value;
  MODELD_ASSIGN_OR_RETURN(*value.mutable_tensor(), PlainTensor(json, dtype));
  return value;
}

absl::StatusOr<v1::Value> ConvertScalar(const Json& json) {
  v1::Value value;
  if (json.is_null()) {
    value.mutable_none();
  } else if (json.is_boolean()) {
    value.set_bool_value(json.get<bool>());
  } else if (json.is_string()) {
    value.set_string_value(json.get<std::string>());
  } else if (json.is_number_integer() &&
             !(json.is_number_unsigned() &&
               json.get<uint64_t>() > uint64_t{std::numeric_limits<int64_t>::max()})) {
    value.set_int_value(json.get<int64_t>());
  } else {
    value.set_float_value(json.get<double>());
  }
  return value;
}

absl::StatusOr<v1::Value> Convert(const Json& json, const Wanted& wanted, int depth) {
  if (depth > kMaxDepth) return Wrong(absl::StrCat("nested deeper than ", kMaxDepth));
  const Type::Kind kind = wanted.type.kind;
  const bool is_tensor = kind == Type::Kind::kTensor || kind == Type::Kind::kStringTensor;
  if (json.is_null()) return ConvertScalar(json);
  if (IsBytes(json)) return ConvertTensor(json, DType::kBytes);
  if (is_tensor || wanted.dtype) return ConvertTensor(json, wanted.dtype);
  if (json.is_array() && (kind == Type::Kind::kList || kind == Type::Kind::kTuple)) {
    return ConvertItems(json, wanted.type, depth);
  }
  if (json.is_object()) return ConvertDict(json, wanted.type, depth);
  if (!json.is_array()) return ConvertScalar(json);
  // Where the type leaves it open, what looks like a tensor is one.
  absl::StatusOr<v1::Value> tensor = ConvertTensor(json, std::nullopt);
  return tensor.ok() ? tensor : ConvertItems(json, wanted.type, depth);
}

class Reader {
 public:
  Reader(const Json& json, const ServedVersion& version) : json_(json), version_(version) {}

  absl::StatusOr<PlainRequest> Read() {
    if (!json_.is_object()) return Wrong("expected an object with `inputs` or `instances`");
    for (const auto& [key, value] : json_.items()) {
      if (key == "inputs" || key == "instances") continue;
      MODELD_RETURN_IF_ERROR(ReadOption(key, value));
    }
    MODELD_ASSIGN_OR_RETURN(const size_t method, FindMethod(version_, request_.predict.method()));
    method_ = &version_.executable->methods()[method];
    const bool columns = json_.contains("inputs"), rows = json_.contains("instances");
    if (columns == rows) return Wrong("expected either `inputs` or `instances`");
    request_.rows = rows;
    if (columns) {
      MODELD_RETURN_IF_ERROR(ReadInputs(json_["inputs"]));
    } else {
      MODELD_RETURN_IF_ERROR(ReadRows(json_["instances"]));
    }
    return std::move(request_);
  }

 private:
  absl::Status ReadOption(const std::string& key, const Json& value) {
    v1::PredictRequest& predict = request_.predict;
    std::string* const text = key == "method"        ? predict.mutable_method()
                              : key == "sticky_key"  ? predict.mutable_sticky_key()
                              : key == "sequence_id" ? predict.mutable_sequence_id()
                                                     : nullptr;
    if (text != nullptr) {
      if (!value.is_string()) return Wrong(absl::StrCat("`", key, "` has to be a string"));
      *text = value.get<std::string>();
    } else if (key == "sequence_start" || key == "sequence_end") {
      if (!value.is_boolean()) return Wrong(absl::StrCat("`", key, "` has to be true or false"));
      key == "sequence_start" ? predict.set_sequence_start(value.get<bool>())
                              : predict.set_sequence_end(value.get<bool>());
    } else if (key == "timeout_ms") {
      if (!value.is_number() || !(value.get<double>() > 0))
        return Wrong("`timeout_ms` has to be a number above 0");
      request_.timeout = absl::Milliseconds(value.get<double>());
    } else {
      return Wrong(absl::StrCat("unknown key ", Quote(key), "; known are ", kKnownKeys));
    }
    return absl::OkStatus();
  }

  absl::Status ReadInput(const std::string& name, const Json& json) {
    absl::StatusOr<v1::Value> value = Convert(json, WantedOf(version_, *method_, name), 0);
    if (!value.ok()) {
      return absl::Status(value.status().code(),
                          absl::StrCat("input ", Quote(name), ": ", std::string(value.status().message())));
    }
    (*request_.predict.mutable_inputs())[name] = *std::move(value);
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> FirstArgument() const {
    if (!method_->arguments.empty()) return method_->arguments[0].name;
    return Wrong(absl::StrCat("method ", Quote(method_->name), " takes no inputs"));
  }

  absl::Status ReadInputs(const Json& inputs) {
    if (!inputs.is_object() || IsBytes(inputs)) {
      MODELD_ASSIGN_OR_RETURN(const std::string name, FirstArgument());
      return ReadInput(name, inputs);
    }
    for (const auto& [name, value] : inputs.items()) MODELD_RETURN_IF_ERROR(ReadInput(name, value));
    return absl::OkStatus();
  }

  absl::Status ReadRows(const Json& rows) {
    if (!rows.is_array() || rows.empty()) return Wrong("`instances` has to be an array with a row at least");
    if (!rows[0].is_object() || IsBytes(rows[0])) {
      MODELD_ASSIGN_OR_RETURN(const std::string name, FirstArgument());
      return ReadInput(name, rows);
    }
    Json columns = Json::object();
    for (size_t i = 0; i < rows.size(); ++i) {
      if (!rows[i].is_object() || rows[i].size() != rows[0].size()) {
        return Wrong(absl::StrCat("`instances`: row ", i, " has other inputs than the first"));
      }
      for (const auto& [name, value] : rows[i].items()) {
        if (!rows[0].contains(name)) return Wrong(absl::StrCat("`instances`: row 0 has no ", Quote(name)));
        columns[name].push_back(value);
      }
    }
    for (const auto& [name, column] : columns.items()) MODELD_RETURN_IF_ERROR(ReadInput(name, column));
    return absl::OkStatus();
  }

  const Json& json_;
  const ServedVersion& version_;
  const Method* method_ = nullptr;
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
      AppendPlainString(names[i], &json);
      absl::StrAppend(&json, ":", columns[i][row]);
    }
    json.push_back('}');
  }
  return json + "]}";
}

}  // namespace

absl::StatusOr<PlainRequest> ReadPlainRequest(std::string_view json, const ServedVersion& version) {
  // The parser would take it for the end, and what follows would be left out.
  if (json.find('\0') != std::string_view::npos) return Wrong("malformed JSON: it holds a NUL byte");
  Json parsed;
  try {
    parsed = Json::parse(json);
  } catch (const Json::exception& error) {
    return Wrong(absl::StrCat("malformed JSON: ", error.what()));
  }
  return Reader(parsed, version).Read();
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
    AppendPlainString(names[i], &json);
    json.push_back(':');
    MODELD_RETURN_IF_ERROR(AppendPlainValue(names[i], response.outputs().at(names[i]), &json));
  }
  return json + "}}";
}

}  // namespace modeld
