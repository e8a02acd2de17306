#include "daemon/http/handlers.h"

#include <google/protobuf/arena.h>

#include <algorithm>
#include <exception>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "daemon/http/binary_tensors.h"
#include "daemon/http/http_status.h"
#include "daemon/http/infer_json.h"
#include "daemon/http/json_reader.h"
#include "daemon/http/json_writer.h"
#include "daemon/http/openapi.h"
#include "daemon/http/plain_json.h"
#include "daemon/http/waiting_job.h"
#include "daemon/vision/image_header.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/base/too_large.h"

namespace modeld {
namespace {

constexpr size_t kFirstBlockBytes = 4096;

HttpReply JsonOf(const google::protobuf::Message& message) {
  HttpReply reply;
  AppendJsonMessage(message, &reply.body);
  return reply;
}

template <typename Message>
absl::StatusOr<HttpReply> JsonOf(const absl::StatusOr<Message>& message) {
  if (!message.ok()) return message.status();
  return JsonOf(*message);
}

HttpReply Text(std::string body, std::string content_type = "application/json") {
  HttpReply reply;
  reply.content_type = std::move(content_type);
  reply.body = std::move(body);
  return reply;
}

HttpReply WrongMethod(const HttpRequest& request, const char* allowed) {
  HttpReply reply = ReplyOf(absl::UnimplementedError(
      absl::StrCat(request.method, " is not for ", Quote(request.path), "; use ", allowed)));
  reply.status = 405;
  reply.headers.emplace_back("Allow", allowed);
  return reply;
}

bool Allows(Resource resource, const std::string& method) {
  const std::string allowed = AllowedMethods(resource);
  return absl::StrContains(allowed, method == "HEAD" ? "GET" : method);
}

absl::Status NotReady() { return absl::UnavailableError("the daemon is starting or stopping; try again"); }

// `ready` of a request for the repository's index; its body may be empty.
absl::StatusOr<bool> OnlyReady(const std::string& body) {
  if (body.find_first_not_of(" \t\r\n") == std::string::npos) return false;
  bool ready = false;
  JsonReader reader(body);
  const bool read = reader.Object(
      [&](const std::string& key) { return key == "ready" ? reader.Bool(&ready) : reader.Skip(); });
  if (!read || !reader.End()) return reader.status();
  return ready;
}

bool HasSettings(const HttpRequest& request) {
  return request.method == "POST" && request.body.find_first_not_of(" \t\r\n{}") != std::string::npos;
}

absl::StatusOr<InferForm> ReadInfer(const HttpRequest& request, inference::ModelInferRequest* infer) {
  MODELD_ASSIGN_OR_RETURN(const BodyParts body, SplitBody(request.body, request.json_length));
  return ReadInferRequest(body, infer);
}

// An answer as text takes several times the bytes that it had from the model.
absl::Status CheckText(size_t bytes, int64_t max_message_bytes, const char* remedy) {
  if (bytes <= static_cast<size_t>(max_message_bytes)) return absl::OkStatus();
  return TooLargeError(absl::StrCat("the answer as JSON has ", bytes, " bytes, more than the ",
                                    max_message_bytes, " that --max-message-bytes allows; ", remedy));
}

// Takes the body of the request.
absl::StatusOr<PlainRequest> ReadPlain(const Router& router, const HttpRoute& route, HttpRequest& request) {
  // For the types of its inputs only; the request itself may go to a canary, whose inputs are named alike.
  MODELD_ASSIGN_OR_RETURN(const VersionHandle version,
                          router.Resolve({route.model, route.version, route.label}));
  if (absl::StartsWithIgnoreCase(request.content_type, "image/")) {
    return RequestOfBytes(std::move(request.body), *version);
  }
  if (LooksLikeImage(request.body)) {
    return absl::InvalidArgumentError(absl::StrCat("the body is an image, but the header Content-Type is ",
                                                   Quote(request.content_type, 40),
                                                   "; expected image/jpeg, image/png or the like"));
  }
  return ReadPlainRequest(request.body, *version);
}

}  // namespace

HttpReply ReplyOf(const absl::Status& status) {
  HttpReply reply;
  reply.status = HttpStatusOf(status);
  reply.body = ErrorBody(status);
  if (const std::optional<int> after = RetryAfterSeconds(status)) {
    reply.headers.emplace_back("Retry-After", absl::StrCat(*after));
  }
  return reply;
}

HttpReply HttpHandlers::Handle(HttpRequest& request) const {
  try {
    const std::optional<HttpRoute> route = RouteOfPath(request.path);
    if (!route) {
      return ReplyOf(absl::NotFoundError(
          absl::StrCat("there is nothing at ", Quote(request.path), "; /openapi.json says what there is")));
    }
    if (!Allows(route->resource, request.method))
      return WrongMethod(request, AllowedMethods(route->resource));
    absl::StatusOr<HttpReply> reply = Answer(*route, request);
    return reply.ok() ? *std::move(reply) : ReplyOf(reply.status());
  } catch (const std::exception&) {  // std::bad_alloc, or std::length_error for more than can ever be had
    return ReplyOf(
        absl::ResourceExhaustedError("out of memory for this request; send smaller tensors or try again"));
  }
}

absl::StatusOr<HttpReply> HttpHandlers::Answer(const HttpRoute& route, HttpRequest& request) const {
  const InferenceViews* const views = parts_.views;
  switch (route.resource) {
    case Resource::kInfer:
      return Infer(route, request);
    case Resource::kPredict:
      return Predict(route, request);
    case Resource::kLive:
      return Text("{\"live\":true}");
    case Resource::kReady:
      if (!views->ServerReady()) return NotReady();
      return Text("{\"ready\":true}");
    case Resource::kMetrics:
      if (!parts_.metrics) return absl::NotFoundError("this build has no metrics");
      return Text(parts_.metrics(), "text/plain; version=0.0.4; charset=utf-8");
    case Resource::kOpenApi:
      return Text(OpenApiDocument());
    case Resource::kServerMetadata:
      return JsonOf(views->ServerMetadata());
    case Resource::kModelMetadata:
      return JsonOf(views->ModelMetadata(route.model, route.version));
    case Resource::kModelReady: {
      MODELD_RETURN_IF_ERROR(
          parts_.router->Resolve({route.model, route.version, {}}, VersionNames::kVersionsAndLabels)
              .status());
      return Text("{\"ready\":true}");
    }
    case Resource::kModelConfig:
      return JsonOf(views->ModelConfig(route.model, route.version));
    case Resource::kModelStatistics:
      return JsonOf(views->ModelStatistics(route.model, route.version));
    case Resource::kRepositoryIndex:
      return RepositoryIndex(request);
    case Resource::kRepositoryLoad:
    case Resource::kRepositoryUnload:
      return absl::UnimplementedError(
          "models are loaded and unloaded on the administrative socket only; see --admin-socket");
    case Resource::kSharedMemoryStatus:
      return Text("[]");
    case Resource::kSharedMemoryUnregister:
      return Text("{}");
    case Resource::kSharedMemoryRegister:
      return absl::UnimplementedError(
          "shared memory is not supported by this server; send and receive tensors in the messages");
    case Resource::kTraceSetting:
      if (HasSettings(request)) {
        return absl::UnimplementedError(
            "requests are not traced by this server; its settings are trace_level OFF, "
            "and cannot be changed");
      }
      return Text("{\"trace_level\":[\"OFF\"]}");
    case Resource::kLogging:
      if (HasSettings(request)) {
        return absl::UnimplementedError(
            "what is logged is decided when the daemon is started, by --log-level; it "
            "cannot be changed here");
      }
      return Text(
          "{\"log_info\":true,\"log_warning\":true,\"log_error\":true,\"log_verbose_level\":0,"
          "\"log_format\":\"default\"}");
    case Resource::kModels:
    case Resource::kModel:
      return Models(route.model);
  }
  return absl::InternalError("a resource without a handler");
}

absl::StatusOr<HttpReply> HttpHandlers::Infer(const HttpRoute& route, const HttpRequest& request) const {
  alignas(8) char first_block[kFirstBlockBytes];
  google::protobuf::Arena arena(first_block, sizeof(first_block));
  auto* const infer = google::protobuf::Arena::CreateMessage<inference::ModelInferRequest>(&arena);
  auto* const response = google::protobuf::Arena::CreateMessage<inference::ModelInferResponse>(&arena);
  WaitingJob<InferJob> job(request.cancelled);
  job.set_trace(request.trace);
  absl::StatusOr<InferForm> form = ReadInfer(request, infer);
  if (!form.ok()) return job.Refused(*parts_.jobs, route.model, form.status());
  infer->set_model_name(route.model);
  infer->set_model_version(route.version);
  job.Start(*parts_.jobs,
            {.request = infer,
             .response = response,
             .predict_request = google::protobuf::Arena::CreateMessage<v1::PredictRequest>(&arena),
             .predict_response = google::protobuf::Arena::CreateMessage<v1::PredictResponse>(&arena)},
            absl::InfiniteFuture());
  MODELD_RETURN_IF_ERROR(job.Wait());
  MODELD_ASSIGN_OR_RETURN(InferAnswer answer, WriteInferResponse(*form, *response));
  MODELD_RETURN_IF_ERROR(CheckText(answer.json_bytes > 0 ? answer.json_bytes : answer.body.size(),
                                   parts_.jobs->max_message_bytes,
                                   "ask for binary data (binary_data_output)"));
  HttpReply reply;
  reply.body = std::move(answer.body);
  if (answer.json_bytes > 0) {
    reply.content_type = "application/octet-stream";
    reply.headers.emplace_back(kJsonLengthHeader, absl::StrCat(answer.json_bytes));
  }
  return reply;
}

absl::StatusOr<HttpReply> HttpHandlers::Predict(const HttpRoute& route, HttpRequest& request) const {
  WaitingJob<PredictJob> job(request.cancelled);
  job.set_trace(request.trace);
  absl::StatusOr<PlainRequest> plain = ReadPlain(*parts_.router, route, request);
  if (!plain.ok()) return job.Refused(*parts_.jobs, route.model, plain.status());
  plain->predict.set_model(route.model);
  if (!route.version.empty()) plain->predict.set_version(route.version);
  if (!route.label.empty()) plain->predict.set_label(route.label);
  v1::PredictResponse response;
  job.Start(*parts_.jobs, &plain->predict, &response, absl::Now() + plain->timeout);
  MODELD_RETURN_IF_ERROR(job.Wait());
  HttpReply reply;
  MODELD_ASSIGN_OR_RETURN(reply.body, WritePlainResponse(plain->rows, response));
  MODELD_RETURN_IF_ERROR(CheckText(reply.body.size(), parts_.jobs->max_message_bytes,
                                   "call /v2/models/NAME/infer with binary_data_output, or use gRPC"));
  reply.headers.emplace_back("Modeld-Model-Version", response.version());
  return reply;
}

absl::StatusOr<HttpReply> HttpHandlers::RepositoryIndex(const HttpRequest& request) const {
  MODELD_ASSIGN_OR_RETURN(const bool only_ready, OnlyReady(request.body));
  const inference::RepositoryIndexResponse index = parts_.views->RepositoryIndex(only_ready);
  HttpReply reply;
  reply.body = "[";
  for (int i = 0; i < index.models_size(); ++i) {
    if (i > 0) reply.body.push_back(',');
    AppendJsonMessage(index.models(i), &reply.body);
  }
  reply.body.push_back(']');
  return reply;
}

absl::StatusOr<HttpReply> HttpHandlers::Models(const std::string& model) const {
  const inference::RepositoryIndexResponse index = parts_.views->RepositoryIndex(/*only_ready=*/false);
  std::map<std::string, std::string> versions;  // the JSON of each model's
  for (const auto& entry : index.models()) {
    if (!model.empty() && entry.name() != model) continue;
    std::string& json = versions[entry.name()];
    json += json.empty() ? "{\"version\":" : ",{\"version\":";
    AppendJsonString(entry.version(), &json);
    json += ",\"state\":";
    AppendJsonString(entry.state(), &json);
    json += ",\"reason\":";
    AppendJsonString(entry.reason(), &json);
    json.push_back('}');
  }
  // For its message, which knows the names that are alike.
  if (!model.empty() && versions.empty()) {
    MODELD_RETURN_IF_ERROR(parts_.router->Resolve({model, {}, {}}).status());
  }
  HttpReply reply;
  reply.body = model.empty() ? "{\"models\":[" : "";
  for (const auto& [name, json] : versions) {
    if (reply.body.size() > 1 && reply.body.back() == '}') reply.body.push_back(',');
    reply.body += "{\"name\":";
    AppendJsonString(name, &reply.body);
    const absl::StatusOr<VersionHandle> live = parts_.router->Resolve({name, {}, {}});
    reply.body += ",\"live_version\":";
    AppendJsonString(live.ok() ? (*live)->version : "", &reply.body);
    absl::StrAppend(&reply.body, ",\"versions\":[", json, "]}");
  }
  if (model.empty()) reply.body += "]}";
  return reply;
}

}  // namespace modeld
