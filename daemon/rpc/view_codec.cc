#include "daemon/rpc/view_codec.h"

#include "daemon/codec/utf8.h"
#include "registry/archive_reader.h"

namespace modeld {
namespace {

v1::VersionState WireState(VersionState state) {
  switch (state) {
    case VersionState::kAvailable:
      return v1::VERSION_STATE_AVAILABLE;
    case VersionState::kProbing:
      return v1::VERSION_STATE_PROBING;
    case VersionState::kLoading:
      return v1::VERSION_STATE_LOADING;
    case VersionState::kReady:
      return v1::VERSION_STATE_READY;
    case VersionState::kDraining:
      return v1::VERSION_STATE_DRAINING;
    case VersionState::kQuarantined:
      return v1::VERSION_STATE_QUARANTINED;
    case VersionState::kRetired:
      return v1::VERSION_STATE_RETIRED;
  }
  return v1::VERSION_STATE_UNSPECIFIED;
}

v1::DroppedFileState WireState(DroppedState state) {
  switch (state) {
    case DroppedState::kSettling:
      return v1::DROPPED_FILE_STATE_SETTLING;
    case DroppedState::kRetrying:
      return v1::DROPPED_FILE_STATE_RETRYING;
    case DroppedState::kQuarantined:
      return v1::DROPPED_FILE_STATE_QUARANTINED;
  }
  return v1::DROPPED_FILE_STATE_UNSPECIFIED;
}

void WriteStats(const VersionStatsView& stats, v1::VersionStats* wire) {
  wire->set_requests(stats.requests);
  wire->set_errors(stats.errors);
  wire->set_not_a_number(stats.not_a_number);
  wire->set_latency_p50_seconds(stats.latency_p50_seconds);
  wire->set_latency_p99_seconds(stats.latency_p99_seconds);
}

void WriteShadowStats(const ShadowStatsView& stats, v1::ShadowStats* wire) {
  wire->set_compared(stats.compared);
  wire->set_agreed(stats.agreed);
  wire->set_failed(stats.failed);
  wire->set_skipped(stats.skipped);
  wire->set_max_absolute(stats.max_absolute);
  wire->set_last_difference(ToUtf8(stats.last_difference));
  wire->set_live_seconds(stats.live_seconds);
  wire->set_shadow_seconds(stats.shadow_seconds);
}

void WriteWatch(const WatchView& watch, v1::Watch* wire) {
  wire->set_version(watch.version);
  wire->set_previous_version(watch.previous);
  ToWire(watch.ends_at, wire->mutable_ends_at());
}

}  // namespace

void ToWire(const VersionView& version, v1::Version* wire) {
  wire->set_version(version.record.version);
  wire->set_state(WireState(version.state));
  wire->set_reason(ToUtf8(version.reason));
  wire->set_sha256(version.record.sha256);
  wire->set_size_bytes(version.record.size_bytes);
  wire->set_resident_bytes(version.record.resident_bytes);
  ToWire(version.record.registered_at, wire->mutable_registered_at());
  wire->set_description(ToUtf8(version.record.description));
  wire->set_format(std::string(FormatName(version.record.format)));
  wire->set_engine(version.engine);
  wire->set_plan(version.plan);
  for (const std::string& warning : version.record.warnings) wire->add_warnings(ToUtf8(warning));
  if (version.stats.has_value()) WriteStats(*version.stats, wire->mutable_stats());
}

void ToWire(const ModelView& model, v1::Model* wire) {
  wire->set_name(model.name);
  for (const VersionView& version : model.versions) ToWire(version, wire->add_versions());
  wire->set_live_version(model.live);
  wire->mutable_labels()->insert(model.labels.begin(), model.labels.end());
  wire->set_pinned_version(model.pinned);
  wire->set_pin_reason(ToUtf8(model.pin_reason));
  if (model.traffic.has_value()) ToWire(*model.traffic, wire->mutable_traffic());
  if (model.watch.has_value()) WriteWatch(*model.watch, wire->mutable_watch());
}

void ToWire(const TrafficView& traffic, v1::Traffic* wire) {
  wire->set_canary_version(traffic.canary);
  wire->set_canary_share(traffic.canary_share);
  wire->set_shadow_version(traffic.shadow);
  wire->set_shadow_share(traffic.shadow_share);
  if (!traffic.shadow.empty()) WriteShadowStats(traffic.shadow_stats, wire->mutable_shadow());
}

void ToWire(const DroppedFileView& file, v1::DroppedFile* wire) {
  wire->set_path(ToUtf8(file.path));
  wire->set_state(WireState(file.state));
  wire->set_reason(ToUtf8(file.reason));
  wire->set_model(ToUtf8(file.model));
  wire->set_version(ToUtf8(file.version));
  ToWire(file.since, wire->mutable_since());
}

void ToWire(const ReleaseView& release, v1::DroppedFile* wire) {
  const bool pending = release.record.state == ReleaseState::kPending;
  wire->set_path(ToUtf8(release.record.name + "/manifest.json"));
  wire->set_state(pending ? v1::DROPPED_FILE_STATE_SETTLING : v1::DROPPED_FILE_STATE_QUARANTINED);
  wire->set_reason(ToUtf8(pending ? "the release waits for " + release.waits_for
                                  : "the release is refused: " + release.record.reason));
  ToWire(release.record.since, wire->mutable_since());
}

void ToWire(const LiveChange& change, v1::LiveChange* wire) {
  wire->set_model(change.model);
  wire->set_from_version(change.from);
  wire->set_to_version(change.to);
  wire->set_pinned_version(change.pinned);
}

void ToWire(const EventRecord& event, v1::Event* wire) {
  wire->set_id(event.id);
  ToWire(event.time, wire->mutable_time());
  wire->set_actor(ToUtf8(event.actor));
  wire->set_action(event.action);
  wire->set_model(ToUtf8(event.model));
  wire->set_version(ToUtf8(event.version));
  wire->set_from_version(event.from_version);
  wire->set_to_version(event.to_version);
  wire->set_reason(ToUtf8(event.reason));
  wire->set_evidence(ToUtf8(event.evidence));
}

}  // namespace modeld
