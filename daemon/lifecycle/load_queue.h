// LoadQueue: which version is loaded next.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace modeld {

// The farthest ahead that anything is ever put off.
constexpr absl::Duration kLongestPutOff = absl::Minutes(1);

// Whether the time has come for what was put off until `when`. Also where `when` lies farther ahead than
// that: then the clock was set back since, and waiting for it could take any time.
bool IsDue(absl::Time when, absl::Time now);

// A version that should be loaded.
struct LoadWish {
  std::string version;
  int priority = 0;  // smaller: sooner
  absl::Time not_before = absl::InfinitePast();
};

struct LoadJob {
  std::string model;
  std::string version;

  friend bool operator==(const LoadJob&, const LoadJob&) = default;
};

// Orders wishes of all models by priority, then by age. Not thread-safe; no I/O.
class LoadQueue {
 public:
  // Replaces what is wished of `model`. A wish that was there before with the same priority keeps its place.
  void Set(const std::string& model, const std::vector<LoadWish>& wishes);

  // The first wish that IsDue; it stays.
  std::optional<LoadJob> Front(absl::Time now) const;
  // Takes out the first wish that IsDue.
  std::optional<LoadJob> Pop(absl::Time now);

  // When Pop next returns something: a time that has passed if it would now; InfiniteFuture if nothing is
  // wished.
  absl::Time NextDue() const;

 private:
  struct Entry {
    int priority = 0;
    uint64_t age = 0;  // unique; smaller: older
    LoadJob job;
    absl::Time not_before;

    bool operator<(const Entry& other) const {
      return priority != other.priority ? priority < other.priority : age < other.age;
    }
  };
  using Entries = std::set<Entry>;

  Entries::const_iterator FirstDue(absl::Time now) const;

  Entries entries_;
  std::map<std::string, std::vector<Entries::iterator>> by_model_;
  uint64_t next_age_ = 0;
};

}  // namespace modeld
