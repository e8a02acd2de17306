#include "registry/cli/records_to_proto.h"

#include <algorithm>
#include <string>

#include "absl/time/time.h"
#include "registry/archive_reader.h"
#include "registry/base/quote.h"
#include "registry/live_state.h"

namespace modeld {
namespace {

google::protobuf::Timestamp TimeToProto(absl::Time time) {
  google::protobuf::Timestamp proto;
  const int64_t seconds = absl::ToUnixSeconds(time);
  proto.set_seconds(seconds);
  proto.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
  return proto;
}

// Proto strings are UTF-8; names of files need not be.
std::string Readable(const std::string& text) { return IsPrintable(text) ? text : Quote(text, text.size()); }

v1::VersionState StateOf(Disposition disposition) {
  switch (disposition) {
    case Disposition::kGood:
      return v1::VERSION_STATE_AVAILABLE;
    case Disposition::kQuarantined:
      return v1::VERSION_STATE_QUARANTINED;
    case Disposition::kRetired:
      return v1::VERSION_STATE_RETIRED;
  }
  return v1::VERSION_STATE_UNSPECIFIED;
}

}  // namespace

bool IsUsable(const ModelRecord& model, std::string_view version) {
  return std::any_of(model.versions.begin(), model.versions.end(), [version](const VersionRecord& record) {
    return record.version == version && record.disposition == Disposition::kGood;
  });
}

v1::Version VersionToProto(const VersionRecord& record) {
  v1::Version proto;
  proto.set_version(record.version);
  proto.set_state(StateOf(record.disposition));
  proto.set_reason(Readable(record.reason));
  proto.set_sha256(record.sha256);
  proto.set_size_bytes(record.size_bytes);
  *proto.mutable_registered_at() = TimeToProto(record.registered_at);
  proto.set_description(Readable(record.description));
  proto.set_format(std::string(FormatName(record.format)));
  proto.set_resident_bytes(record.resident_bytes);
  for (const std::string& warning : record.warnings) proto.add_warnings(Readable(warning));
  return proto;
}

v1::Model ModelToProto(const ModelRecord& model) {
  v1::Model proto;
  proto.set_name(model.name);
  for (auto version = model.versions.rbegin(); version != model.versions.rend(); ++version) {
    *proto.add_versions() = VersionToProto(*version);
  }
  const std::string live(LiveVersion(model.live));
  if (IsUsable(model, live)) {
    proto.set_live_version(live);
    (*proto.mutable_labels())["live"] = live;
  }
  const std::string previous =
      PreviousVersion(model.live, [&](std::string_view version) { return IsUsable(model, version); });
  if (!previous.empty()) (*proto.mutable_labels())["previous"] = previous;
  proto.mutable_labels()->insert(model.routing.labels.begin(), model.routing.labels.end());
  const Routing& routing = model.routing;
  if (!routing.canary.empty()) {
    (*proto.mutable_labels())["canary"] = routing.canary;
    proto.mutable_traffic()->set_canary_version(routing.canary);
    proto.mutable_traffic()->set_canary_share(routing.canary_share);
  }
  if (!routing.shadow.empty()) {
    proto.mutable_traffic()->set_shadow_version(routing.shadow);
    proto.mutable_traffic()->set_shadow_share(routing.shadow_share);
  }
  proto.set_pinned_version(model.live.pinned);
  proto.set_pin_reason(Readable(model.live.pin_reason));
  return proto;
}

v1::DroppedFile FileToProto(const FileRecord& file) {
  v1::DroppedFile proto;
  proto.set_path(Readable(file.path));
  proto.set_state(v1::DROPPED_FILE_STATE_QUARANTINED);
  proto.set_reason(Readable(file.reason));
  proto.set_model(Readable(file.model));
  proto.set_version(Readable(file.version));
  *proto.mutable_since() = TimeToProto(file.since);
  return proto;
}

v1::Event EventToProto(const EventRecord& event) {
  v1::Event proto;
  proto.set_id(event.id);
  *proto.mutable_time() = TimeToProto(event.time);
  proto.set_actor(Readable(event.actor));
  proto.set_action(event.action);
  proto.set_model(Readable(event.model));
  proto.set_version(Readable(event.version));
  proto.set_from_version(event.from_version);
  proto.set_to_version(event.to_version);
  proto.set_reason(Readable(event.reason));
  proto.set_evidence(Readable(event.evidence));
  return proto;
}

}  // namespace modeld
