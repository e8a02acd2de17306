// The services' answers as text for people. Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

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

// `1.20 ms`: three digits.
std::string FormatSeconds(double seconds);
// `5 %`, `0.5 %`: of a share in [0, 1].
std::string FormatShare(double share);
// `ready` of VERSION_STATE_READY and the prefix VERSION_STATE_.
std::string EnumText(const std::string& name, std::string_view prefix);
// "key   value" lines.
std::string RenderFacts(const std::vector<std::pair<std::string, std::string>>& facts);

std::string RenderModels(const v1::ListModelsResponse& response, const Look& look);
// The live version is marked `*`.
std::string RenderVersions(const v1::GetModelResponse& response, const Look& look);

// --- render_events.cc ---
struct EventsLook {
  bool of_one_model = false;  // else each event's model is named
  bool evidence = false;      // below each event, where it has some
};
std::string RenderEvents(const v1::ListEventsResponse& response, const EventsLook& events, const Look& look);
// One event as a line of a list that goes on: columns as wide as what is usual.
std::string RenderEventLine(const v1::Event& event, const EventsLook& events, const Look& look);

// --- render_version.cc ---
// What becomes of the model's requests beside going to live, and the watch: lines; empty: nothing.
std::string RenderTraffic(const v1::Model& model, const Look& look);
// The same in a few words, for a table; empty: nothing.
std::string TrafficNote(const v1::Model& model);
std::string RenderProbe(const v1::GetVersionResponse& response, const Look& look);
// The ways to run it that its probe tried, one a line.
std::string RenderPlans(const v1::GetVersionResponse& response, const Look& look);
// `digits 1.1 is live`.
std::string RenderFate(const std::string& model, const v1::WaitVersionResponse& response);

// `digits: live 1.1 -> 1.0, pinned to 1.0`.
std::string RenderChange(const v1::LiveChange& change);
std::string RenderRescan(const v1::RescanResponse& response, const Look& look);
std::string RenderStatus(const v1::GetStatusResponse& response, const Look& look);
// `response` is unpacked, see unpack.h.
std::string RenderPrediction(const v1::PredictResponse& response, const Look& look);

}  // namespace modeld
