// The registry's records as the services' messages: what the daemon would say of them while nothing is in
// memory. Pure.
#pragma once

#include <string_view>

#include "modeld/v1/admin_service.pb.h"
#include "modeld/v1/model_service.pb.h"
#include "registry/records.h"

namespace modeld {

// True if `version` is registered in `model` and may be served.
bool IsUsable(const ModelRecord& model, std::string_view version);

v1::Version VersionToProto(const VersionRecord& version);
v1::Model ModelToProto(const ModelRecord& model);
v1::DroppedFile FileToProto(const FileRecord& file);
v1::Event EventToProto(const EventRecord& event);

}  // namespace modeld
