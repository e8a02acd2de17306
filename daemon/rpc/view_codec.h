// From what the daemon knows of itself to the API's messages. Pure functions. Text that people or models gave
// becomes UTF-8, or one odd file name would make a whole reply unreadable.
#pragma once

#include "daemon/codec/signature_codec.h"
#include "daemon/codec/time_codec.h"
#include "daemon/lifecycle/manager.h"
#include "daemon/lifecycle/served_version.h"
#include "daemon/source/intake.h"
#include "modeld/v1/admin_service.pb.h"
#include "modeld/v1/model_service.pb.h"
#include "registry/records.h"

namespace modeld {

void ToWire(const VersionView& version, v1::Version* wire);
void ToWire(const ModelView& model, v1::Model* wire);
void ToWire(const TrafficView& traffic, v1::Traffic* wire);
void ToWire(const DroppedFileView& file, v1::DroppedFile* wire);
// A release as its manifest, which is the file that was dropped.
void ToWire(const ReleaseView& release, v1::DroppedFile* wire);
void ToWire(const LiveChange& change, v1::LiveChange* wire);
void ToWire(const EventRecord& event, v1::Event* wire);

}  // namespace modeld
