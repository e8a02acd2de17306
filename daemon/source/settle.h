// Settling: when is a file that was dropped ready to be taken? Pure: time and observations come as arguments.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "daemon/source/scan.h"

namespace modeld {

struct SettleOptions {
  // A file must stand still for this long.
  absl::Duration settle_time = absl::Milliseconds(500);
  // A file that stands still but is incomplete is waited for this long before it is quarantined as truncated.
  absl::Duration incomplete_time = absl::Seconds(10);
};

// Follows the files that are not yet taken. A file that is not followed is ignored by the methods that name
// one. Not thread-safe.
class SettleTracker {
 public:
  explicit SettleTracker(SettleOptions options) : options_(options) {}

  // Tells what the directory holds now, without the files that are taken already. A file whose state
  // (identity, sidecar, where its links lead, status) changed begins to settle anew; one that is gone is
  // forgotten. Where `now` lies before the last observation the clock was set back: everything that waits
  // moves with it.
  void Observe(const std::vector<ScannedFile>& files, absl::Time now);

  // Files that have stood still for the settle time and are due for a look, by path.
  std::vector<ScannedFile> Due(absl::Time now) const;

  // The file was looked at and is incomplete. True: it stood still for the incomplete time, so give it up.
  // Otherwise it is due again when it will have: looking earlier is of no use, as a file that goes on being
  // written does not stand still.
  bool Incomplete(const std::string& path, absl::Time now);
  // The file changed while it was looked at: it settles anew.
  void Changed(const std::string& path, absl::Time now);
  // The file could not be taken for a reason outside itself: due again after a back-off that doubles from one
  // second to a minute.
  void RetryLater(const std::string& path, absl::Time now);
  // Makes every file of RetryLater due now: whatever was in its way may be gone.
  void RetryNow(absl::Time now);
  // The file is taken or refused: no longer followed.
  void Done(const std::string& path);

  // Files that were not looked at since they last changed (or since RetryNow), by path.
  std::vector<ScannedFile> Unseen() const;
  // Since when the file of Unseen stands still that does so for longest; InfiniteFuture: there is none.
  absl::Time OldestUnseen() const;
  // When Due next returns something; InfiniteFuture: nothing waits.
  absl::Time NextDue() const;

 private:
  struct Waiting {
    ScannedFile file;
    absl::Time unchanged_since;
    absl::Time due;
    bool looked_at = false;
    int retries = 0;
  };
  Waiting Settling(const ScannedFile& file, absl::Time now) const {
    return {.file = file, .unchanged_since = now, .due = now + options_.settle_time};
  }

  const SettleOptions options_;
  std::map<std::string, Waiting> waiting_;
  absl::Time observed_at_ = absl::InfinitePast();
};

}  // namespace modeld
