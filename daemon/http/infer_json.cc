#include "daemon/http/infer_json.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/engine/dtype.h"
#include "daemon/engine/tensor.h"
#include "daemon/http/element_parser.h"
#include "daemon/http/json_reader.h"
#include "daemon/http/json_writer.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

using inference::InferParameter;
using InputTensor = inference::ModelInferRequest::InferInputTensor;
using Parameters = google::protobuf::Map<std::string, InferParameter>;

constexpr char kBinarySize[] = "binary_data_size";
constexpr char kBinary[] = "binary_data";
constexpr char kBinaryOutputs[] = "binary_data_output";
constexpr size_t kMaxDimensions = 64;

bool UnknownKey(JsonReader& reader, const std::string& key, const char* where, const char* known) {
  return reader.Fail(absl::InvalidArgumentError(
      absl::StrCat("unknown key ", Quote(key), " of ", where, "; known are ", known)));
}

template <typename T>
std::optional<T> ParseWhole(std::string_view token) {
  T value = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), value);
  if (error != std::errc() || end != token.data() + token.size()) return std::nullopt;
  return value;
}

bool ReadNumberParameter(JsonReader& reader, InferParameter* parameter) {
  std::string_view token;
  if (!reader.Number(&token)) return false;
  if (const auto number = ParseWhole<int64_t>(token)) {
    parameter->set_int64_param(*number);
  } else if (const auto large = ParseWhole<uint64_t>(token)) {
    parameter->set_uint64_param(*large);
  } else if (const auto real = ParseWhole<double>(token)) {
    parameter->set_double_param(*real);
  } else {
    return reader.Fail(
        absl::InvalidArgumentError(absl::StrCat("the number ", Quote(token, 40), " is too large")));
  }
  return true;
}

bool ReadParameter(JsonReader& reader, InferParameter* parameter) {
  bool truth = false;
  switch (reader.Peek()) {
    case '"':
      return reader.String(parameter->mutable_string_param());
    case 't':
    case 'f':
      if (!reader.Bool(&truth)) return false;
      parameter->set_bool_param(truth);
      return true;
    case '0':
      return ReadNumberParameter(reader, parameter);
    default:
      return reader.Fail("expected a parameter's value: a string, a number, true or false");
  }
}

bool ReadParameters(JsonReader& reader, Parameters* parameters) {
  return reader.Object([&](const std::string& key) { return ReadParameter(reader, &(*parameters)[key]); });
}

// Takes a parameter of the transport out, which means nothing behind it.
bool TakeFlag(JsonReader& reader, Parameters* parameters, const char* name, bool* flag) {
  const auto found = parameters->find(name);
  if (found == parameters->end()) return true;
  if (!found->second.has_bool_param()) {
    return reader.Fail(
        absl::InvalidArgumentError(absl::StrCat("the parameter `", name, "` has to be true or false")));
  }
  *flag = found->second.bool_param();
  parameters->erase(found);
  return true;
}

bool ReadShape(JsonReader& reader, InputTensor* input) {
  input->clear_shape();
  return reader.Array([&] {
    std::string_view token;
    if (!reader.Number(&token)) return false;
    const auto size = ParseWhole<int64_t>(token);
    if (!size)
      return reader.Fail(absl::InvalidArgumentError(
          absl::StrCat("a dimension is ", Quote(token, 40), "; expected a whole number")));
    input->add_shape(*size);
    return true;
  });
}

// The elements of one input, flat or nested.
class DataReader {
 public:
  DataReader(JsonReader& reader, DType dtype, const std::vector<int64_t>& shape, std::string* raw)
      : reader_(reader), dtype_(dtype), shape_(shape), raw_(raw) {}

  bool Read() { return ReadArray(1); }
  int64_t count() const { return count_; }

 private:
  // `depth`: in how many arrays its items stand.
  bool ReadArray(size_t depth) {
    if (depth > std::max<size_t>(shape_.size(), 1)) {
      return reader_.Fail(absl::InvalidArgumentError(
          absl::StrCat("`data` is nested deeper than ", TensorSummary(dtype_, shape_))));
    }
    int64_t size = 0;
    bool nests = false;
    const bool read = reader_.Array([&] {
      ++size;
      if (reader_.Peek() == '[') {
        nests = true;
        return ReadArray(depth + 1);
      }
      ++count_;
      if (leaf_depth_ == 0) leaf_depth_ = depth;
      if (leaf_depth_ != depth) return reader_.Fail(absl::InvalidArgumentError("`data` is ragged"));
      return ReadElement(reader_, dtype_, raw_);
    });
    if (!read) return false;
    // Flat elements may have any shape; those in arrays have that of the arrays.
    if (depth == 1 && !nests) return true;
    if (shape_[depth - 1] != size) {
      return reader_.Fail(absl::InvalidArgumentError(
          absl::StrCat("`data` has an array of ", size, " items in dimension ", depth - 1, ", which is ",
                       shape_[depth - 1], " by the shape")));
    }
    if (leaf_depth_ != 0 && leaf_depth_ != shape_.size()) {
      return reader_.Fail(absl::InvalidArgumentError(absl::StrCat(
          "`data` is nested ", leaf_depth_, " deep, but the shape has ", shape_.size(), " dimensions")));
    }
    return true;
  }

  JsonReader& reader_;
  const DType dtype_;
  const std::vector<int64_t>& shape_;
  std::string* const raw_;
  int64_t count_ = 0;
  size_t leaf_depth_ = 0;
};

// `input` has its datatype and shape. Where one of them is wrong, the elements mean nothing: that is told
// where the request is read.
bool ReadData(JsonReader& reader, const InputTensor& input, std::string* raw) {
  raw->clear();
  const std::optional<DType> dtype = DTypeFromName(input.datatype());
  const std::vector<int64_t> shape(input.shape().begin(), input.shape().end());
  if (!dtype || shape.size() > kMaxDimensions) return reader.Skip();
  const absl::StatusOr<int64_t> elements = ElementCount(shape, *dtype);
  if (!elements.ok()) return reader.Skip();
  // What a shape promises is not what comes: an element takes two characters at least.
  const size_t most = std::min<size_t>(static_cast<size_t>(*elements), reader.bytes_left() / 2 + 1);
  raw->reserve(most * ItemSize(*dtype));
  DataReader data(reader, *dtype, shape, raw);
  if (!data.Read()) return false;
  if (data.count() == *elements) return true;
  return reader.Fail(absl::InvalidArgumentError(absl::StrCat(
      "`data` has ", data.count(), " elements, but ", TensorSummary(*dtype, shape), " takes ", *elements)));
}

class RequestReader {
 public:
  RequestReader(const BodyParts& body, inference::ModelInferRequest* request)
      : reader_(body.json), binary_(body.binary), request_(request) {}

  absl::StatusOr<InferForm> Read() {
    const bool read =
        reader_.Object([this](const std::string& key) { return ReadEntry(key); }) && reader_.End();
    if (!read || !TakeFlag(reader_, request_->mutable_parameters(), kBinaryOutputs, &form_.binary)) {
      return reader_.status();
    }
    MODELD_RETURN_IF_ERROR(binary_.CheckTaken());
    return std::move(form_);
  }

 private:
  bool ReadEntry(const std::string& key) {
    if (key == "id") return reader_.String(request_->mutable_id());
    if (key == "parameters") return ReadParameters(reader_, request_->mutable_parameters());
    if (key == "inputs") {
      request_->clear_inputs();
      request_->clear_raw_input_contents();
      return reader_.Array([this] {
        InputTensor* const input = request_->add_inputs();
        return ReadInput(input, request_->add_raw_input_contents()) ||
               reader_.FailAbout(absl::StrCat("input ", Quote(input->name()), ": "));
      });
    }
    if (key == "outputs") return reader_.Array([this] { return ReadOutput(); });
    // Said by the path; some clients repeat it.
    if (key == "model_name" || key == "model_version") return reader_.Skip();
    return UnknownKey(reader_, key, "the request", "id, parameters, inputs, outputs");
  }

  bool ReadInput(InputTensor* input, std::string* raw) {
    bool has_shape = false, has_data = false;
    std::optional<size_t> later;
    std::set<std::string> keys;
    const bool read = reader_.Object([&](const std::string& key) {
      // Of two datatypes one would be that of the elements, and the other that of the tensor.
      if (!keys.insert(key).second) {
        return reader_.Fail(absl::InvalidArgumentError(absl::StrCat("has ", Quote(key), " twice")));
      }
      if (key == "name") return reader_.String(input->mutable_name());
      if (key == "datatype") return reader_.String(input->mutable_datatype());
      if (key == "parameters") return ReadParameters(reader_, input->mutable_parameters());
      if (key == "shape") {
        has_shape = true;
        return ReadShape(reader_, input);
      }
      if (key != "data")
        return UnknownKey(reader_, key, "an input", "name, datatype, shape, parameters, data");
      has_data = true;
      reader_.Peek();
      if (has_shape && !input->datatype().empty()) return ReadData(reader_, *input, raw);
      later = reader_.position();
      return reader_.Skip();
    });
    if (!read) return false;
    if (input->name().empty()) return reader_.Fail(absl::InvalidArgumentError("an input has no name"));
    if (input->datatype().empty() || !has_shape) {
      return reader_.Fail(absl::InvalidArgumentError("expected `datatype` and `shape`"));
    }
    const auto size = input->parameters().find(kBinarySize);
    if (size != input->parameters().end()) {
      const InferParameter& bytes = size->second;
      if (!bytes.has_int64_param() || bytes.int64_param() < 0) {
        return reader_.Fail(absl::InvalidArgumentError(
            absl::StrCat("the parameter `", kBinarySize, "` has to be a number of bytes")));
      }
      if (has_data) {
        return reader_.Fail(
            absl::InvalidArgumentError(absl::StrCat("has `data` beside ", kBinarySize, "; use one")));
      }
      const absl::StatusOr<std::string_view> taken = binary_.Take(static_cast<uint64_t>(bytes.int64_param()));
      if (!taken.ok()) return reader_.Fail(taken.status());
      raw->assign(*taken);
      input->mutable_parameters()->erase(kBinarySize);
      return true;
    }
    if (later) {
      const size_t end = reader_.position();
      reader_.Return(*later);
      if (!ReadData(reader_, *input, raw)) return false;
      reader_.Return(end);
    }
    if (has_data || input->parameters().contains("shared_memory_region")) return true;
    return reader_.Fail(absl::InvalidArgumentError(absl::StrCat("expected `data`, or ", kBinarySize)));
  }

  bool ReadOutput() {
    auto* const output = request_->add_outputs();
    const bool read = reader_.Object([&](const std::string& key) {
      if (key == "name") return reader_.String(output->mutable_name());
      if (key == "parameters") return ReadParameters(reader_, output->mutable_parameters());
      // Of some clients, who say what they know of it.
      if (key == "datatype" || key == "shape") return reader_.Skip();
      return UnknownKey(reader_, key, "an output", "name, parameters");
    });
    if (!read) return false;
    if (output->name().empty()) return reader_.Fail(absl::InvalidArgumentError("an output has no name"));
    if (!output->parameters().contains(kBinary)) return true;
    bool binary = false;
    if (!TakeFlag(reader_, output->mutable_parameters(), kBinary, &binary)) return false;
    form_.outputs.emplace_back(output->name(), binary);
    return true;
  }

  JsonReader reader_;
  BinaryData binary_;
  inference::ModelInferRequest* const request_;
  InferForm form_;
};

// `boxes.0` is of `boxes`.
bool IsBinary(const InferForm& form, const std::string& output) {
  for (const auto& [name, binary] : form.outputs) {
    if (name == output) return binary;
  }
  for (const auto& [name, binary] : form.outputs) {
    if (absl::StartsWith(output, name + ".")) return binary;
  }
  return form.binary;
}

void AppendEntry(const char* name, const std::string& value, std::string* json) {
  absl::StrAppend(json, "\"", name, "\":");
  AppendJsonString(value, json);
}

absl::Status AppendData(const inference::ModelInferResponse::InferOutputTensor& output,
                        const std::string& raw, std::string* json) {
  const std::optional<DType> dtype = DTypeFromName(output.datatype());
  if (!dtype) return absl::InternalError(absl::StrCat("output of dtype ", output.datatype()));
  json->append(",\"data\":[");
  const absl::Status appended = AppendJsonElements(*dtype, raw, json);
  if (!appended.ok()) {
    return absl::Status(appended.code(),
                        absl::StrCat("output ", Quote(output.name()), ": ", std::string(appended.message())));
  }
  json->push_back(']');
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<InferForm> ReadInferRequest(const BodyParts& body, inference::ModelInferRequest* request) {
  return RequestReader(body, request).Read();
}

absl::StatusOr<InferAnswer> WriteInferResponse(const InferForm& form,
                                               const inference::ModelInferResponse& response) {
  InferAnswer answer;
  std::string& json = answer.body;
  json.push_back('{');
  AppendEntry("model_name", response.model_name(), &json);
  json.push_back(',');
  AppendEntry("model_version", response.model_version(), &json);
  if (!response.id().empty()) {
    json.push_back(',');
    AppendEntry("id", response.id(), &json);
  }
  json += ",\"outputs\":[";
  size_t binary_bytes = 0;
  std::vector<int> binary;
  for (int i = 0; i < response.outputs_size(); ++i) {
    const auto& output = response.outputs(i);
    const std::string& raw = response.raw_output_contents(i);
    json += i == 0 ? "{" : ",{";
    AppendEntry("name", output.name(), &json);
    json.push_back(',');
    AppendEntry("datatype", output.datatype(), &json);
    json += ",\"shape\":[";
    for (int d = 0; d < output.shape_size(); ++d) absl::StrAppend(&json, d == 0 ? "" : ",", output.shape(d));
    json.push_back(']');
    if (IsBinary(form, output.name())) {
      absl::StrAppend(&json, ",\"parameters\":{\"", kBinarySize, "\":", raw.size(), "}");
      binary.push_back(i);
      binary_bytes += raw.size();
    } else {
      MODELD_RETURN_IF_ERROR(AppendData(output, raw, &json));
    }
    json.push_back('}');
  }
  json += "]}";
  if (binary.empty()) return answer;
  answer.json_bytes = json.size();
  json.reserve(json.size() + binary_bytes);
  for (const int i : binary) json += response.raw_output_contents(i);
  return answer;
}

}  // namespace modeld
