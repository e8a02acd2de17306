#include "daemon/rpc/view_codec.h"

#include "daemon/codec/utf8.h"
#include "registry/archive_reader.h"

namespace modeld {
namespace {

v1::VersionState WireState(VersionState state) {
  switch (state) {
    case VersionState::kAvailable:
      return v1::VERSION_STATE_AVAILABLE;
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

void WriteVersion(const VersionView& version, v1::Version* wire) {
  wire->set_version(version.record.version);
  wire->set_state(WireState(version.state));
  wire->set_reason(ToUtf8(version.reason));
  wire->set_sha256(version.record.sha256);
  wire->set_size_bytes(version.record.size_bytes);
  ToWire(version.record.registered_at, wire->mutable_registered_at());
  wire->set_description(ToUtf8(version.record.description));
  wire->set_format(std::string(FormatName(version.record.format)));
  wire->set_engine(version.engine);
  for (const std::string& warning : version.record.warnings) wire->add_warnings(ToUtf8(warning));
}

}  // namespace

void ToWire(const ModelView& model, v1::Model* wire) {
  wire->set_name(model.name);
  for (const VersionView& version : model.versions) WriteVersion(version, wire->add_versions());
  wire->set_live_version(model.live);
  wire->mutable_labels()->insert(model.labels.begin(), model.labels.end());
  wire->set_pinned_version(model.pinned);
  wire->set_pin_reason(ToUtf8(model.pin_reason));
}

void ToWire(const DroppedFileView& file, v1::DroppedFile* wire) {
  wire->set_path(ToUtf8(file.path));
  wire->set_state(WireState(file.state));
  wire->set_reason(ToUtf8(file.reason));
  wire->set_model(ToUtf8(file.model));
  wire->set_version(ToUtf8(file.version));
  ToWire(file.since, wire->mutable_since());
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
