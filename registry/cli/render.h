// The services' answers as text for people. Pure.
#pragma once

#include <string>

#include "absl/time/time.h"
#include "modeld/v1/admin_service.pb.h"
#include "modeld/v1/model_service.pb.h"

namespace modeld {

struct Look {
  bool color = false;
  absl::TimeZone zone = absl::UTCTimeZone();
};

// Local time to the second, `2026-01-02T03:04:05+01:00`; empty for a time that is not set.
std::string FormatTimestamp(const google::protobuf::Timestamp& time, absl::TimeZone zone);
// `43.1 MB`: decimal units, three digits.
std::string FormatBytes(uint64_t bytes);

std::string RenderModels(const v1::ListModelsResponse& response, const Look& look);
// The live version is marked `*`.
std::string RenderVersions(const v1::GetModelResponse& response, const Look& look);
// Names each event's model where `of_one_model` is false.
std::string RenderEvents(const v1::ListEventsResponse& response, bool of_one_model, const Look& look);
// `digits: live 1.1 -> 1.0, pinned to 1.0`.
std::string RenderChange(const v1::LiveChange& change);
std::string RenderRescan(const v1::RescanResponse& response, const Look& look);
std::string RenderStatus(const v1::GetStatusResponse& response, const Look& look);
// `response` is unpacked, see unpack.h.
std::string RenderPrediction(const v1::PredictResponse& response, const Look& look);

}  // namespace modeld
