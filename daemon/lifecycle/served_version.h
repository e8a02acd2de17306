// ServedVersion: a version in memory, and VersionHandle: the right to use it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "daemon/engine/engine.h"
#include "daemon/lifecycle/guard.h"
#include "daemon/lifecycle/request_metrics.h"
#include "daemon/lifecycle/version_stats.h"
#include "daemon/probe/tolerance.h"
#include "daemon/scheduling/instance_group.h"
#include "daemon/vision/image_input.h"
#include "modeld/v1/model_config.pb.h"

namespace modeld {

// Constant after construction, except for what `executable` does inside, for `stats` and for `metrics`.
// Thread-safe.
struct ServedVersion {
  std::string model;
  std::string version;
  std::string engine;                   // name of the engine that runs it
  std::string plan;                     // and how: PlanName
  std::vector<DeclaredTensor> inputs;   // declared by the config, for `forward`
  std::vector<DeclaredTensor> outputs;  // declared by the config, for `forward`
  // Class labels of outputs, by the outputs' names.
  std::map<std::string, std::vector<std::string>> labels = {};
  // What the config says of images and classes, by inputs' and outputs' names; see version_vision.h.
  std::map<std::string, ImageInput> images = {};
  std::map<std::string, v1::PostprocessConfig> classes = {};
  Tolerance tolerance;  // of the config: how far outputs may be from those expected
  std::unique_ptr<Executable> executable;
  // What runs its requests; goes before what it runs. Null in tests without requests.
  std::unique_ptr<InstanceGroup> instances;
  int64_t resident_bytes = 0;           // as its probe measured; 0: not measured
  GuardLimits guard;                    // what it is held to once it is live
  mutable VersionStats stats;           // since it was loaded
  mutable RequestMetrics metrics = {};  // so are these
};

// Keeps a version in memory while held. When the last handle goes, the version goes to the Reaper, whose
// thread destroys it: letting a handle go is cheap everywhere. Handles may be held across a swap; the holder
// finishes on the version that it began with.
using VersionHandle = std::shared_ptr<const ServedVersion>;

}  // namespace modeld
