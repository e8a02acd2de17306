// DroppedFiles: what the world sees of the files of the drop directory that are no registered version.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "registry/base/mutex.h"

namespace modeld {

enum class DroppedState { kSettling, kRetrying, kQuarantined };

// A file of the drop directory that is not a registered version; or, retrying, a directory in it that cannot
// be read.
struct DroppedFileView {
  std::string path;  // relative
  DroppedState state = DroppedState::kSettling;
  std::string reason;
  std::string model;    // as far as known
  std::string version;  // as far as known
  absl::Time since;     // when it came into this state
};

// Thread-safe.
class DroppedFiles {
 public:
  // Adds or replaces the view of `view.path`. True if the file came into this state now; where it was in it
  // already, it stays in it since then.
  bool Show(DroppedFileView view);
  void Hide(const std::string& path);
  void HideIf(const std::function<bool(const std::string& path)>& condition);

  // By path.
  std::vector<DroppedFileView> List() const;

 private:
  mutable Mutex mutex_;
  std::map<std::string, DroppedFileView> views_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace modeld
