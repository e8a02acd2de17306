// MemoryPlan: whether a version may be loaded, given what is in memory, and what goes to make room for it.
// Pure functions of a snapshot.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace modeld {

// "45.1 MB".
std::string Megabytes(int64_t bytes);

// What to do where a new live version and the one that it replaces do not both fit.
enum class MemoryPolicy {
  kAvailability,  // the new one is refused until there is room: what serves goes on serving
  kResource,      // the old one is unloaded first: the model does not answer until the new one is loaded
};

// A version in memory.
struct MemoryUser {
  std::string model;
  std::string version;
  int64_t bytes = 0;
  // Nobody asks for it now: a version before live, or one that is prepared. May go to make room.
  bool spare = false;
  bool live = false;
};

struct MemoryInput {
  int64_t budget_bytes = 0;       // of all versions together; 0: without limit
  int64_t used_bytes = 0;         // by versions in memory, those being unloaded included
  int64_t draining_bytes = 0;     // of that, what is being unloaded and comes free without further doing
  std::vector<MemoryUser> users;  // in memory and not being unloaded, those loaded longest first
  MemoryPolicy policy = MemoryPolicy::kAvailability;

  // Which version is to be loaded, and why.
  std::string model;
  std::string version;
  int64_t bytes = 0;
  // It is to serve: requested by a command, to become live, or routed to. Only such a version makes others
  // go.
  bool needed = false;
  // It takes live's place: under kResource the model's live version may go for it.
  bool replaces_live = false;
};

struct MemoryDecision {
  enum class Kind {
    kLoad,    // there is room
    kWait,    // there will be, when what is being unloaded is gone
    kUnload,  // there will be, when `unload` is gone too
    kRefuse,  // there is none, and none can be made
  };
  Kind kind = Kind::kLoad;
  std::vector<MemoryUser> unload;
  std::string reason;  // of a refusal: what it takes, what there is, and the remedy
};

// Spare versions of the same model go first, then those of others, those loaded longest first; no more than
// needed, and none where that would not be enough. A version that alone exceeds the budget is refused.
MemoryDecision PlanMemory(const MemoryInput& input);

// What a version takes, for want of a measurement: a quarter more than its file.
int64_t EstimateBytes(int64_t artifact_bytes);

}  // namespace modeld
