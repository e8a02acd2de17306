// Reaper: the thread on which models die, and their memory goes back to the system.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "daemon/lifecycle/served_version.h"
#include "registry/base/mutex.h"

namespace modeld {

// Thread-safe. Destruction waits until every version it made a handle of was let go and destroyed.
class Reaper {
 public:
  // `on_destroyed(model, version)` is called on the reaper's thread after a version's memory was freed.
  using DestroyedFn = std::function<void(const std::string& model, const std::string& version)>;
  explicit Reaper(DestroyedFn on_destroyed);
  ~Reaper();
  Reaper(const Reaper&) = delete;
  Reaper& operator=(const Reaper&) = delete;

  // The first handle to `version` (not null). When the last copy goes, the version is destroyed on the
  // reaper's thread.
  VersionHandle MakeHandle(std::unique_ptr<ServedVersion> version);

 private:
  void Loop();
  // Waits for a version to destroy; null: there will be none any more.
  std::unique_ptr<const ServedVersion> Next();
  bool NoneWaits();
  void Enqueue(const ServedVersion* version);

  const DestroyedFn on_destroyed_;
  Mutex mutex_;
  CondVar changed_;
  std::deque<const ServedVersion*> queue_ ABSL_GUARDED_BY(mutex_);
  size_t alive_ ABSL_GUARDED_BY(mutex_) = 0;  // handed out and not yet destroyed
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace modeld
