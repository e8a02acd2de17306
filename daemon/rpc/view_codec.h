// From what the daemon knows of itself to the API's messages. Pure functions. Text that people or models gave
// becomes UTF-8, or one odd file name would make a whole reply unreadable.
#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "daemon/lifecycle/manager.h"
#include "daemon/lifecycle/served_version.h"
#include "daemon/source/intake.h"
#include "modeld/v1/admin_service.pb.h"
#include "modeld/v1/model_service.pb.h"
#include "registry/records.h"

namespace modeld {

void ToWire(absl::Time time, google::protobuf::Timestamp* wire);
void ToWire(const ModelView& model, v1::Model* wire);
void ToWire(const DroppedFileView& file, v1::DroppedFile* wire);
void ToWire(const LiveChange& change, v1::LiveChange* wire);
void ToWire(const EventRecord& event, v1::Event* wire);

// A method as Predict takes it; with what the config declares, if that is given (for `forward`).
void ToWire(const Method& method, const std::vector<DeclaredTensor>& inputs,
            const std::vector<DeclaredTensor>& outputs, v1::MethodSignature* wire);

}  // namespace modeld
