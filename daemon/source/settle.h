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

// Follows the files that are not yet taken. Not thread-safe.
class SettleTracker {
 public:
  explicit SettleTracker(SettleOptions options) : options_(options) {}

  // Tells what the directory holds now, without the files that are taken already. A file whose identity
  // changed begins to settle anew; one that is gone is forgotten.
  void Observe(const std::vector<ScannedFile>& files, absl::Time now);

  // Files that have stood still for the settle time and are due for a look, by path.
  std::vector<ScannedFile> Due(absl::Time now) const;

  // The file was looked at and is incomplete. It is due again when `retry` passed; true: it stood still and
  // incomplete for longer than the incomplete time, so give it up.
  bool Incomplete(const std::string& path, absl::Time now);
  // The file could not be taken for a reason outside itself: due again after a back-off that doubles from one
  // second to a minute.
  void RetryLater(const std::string& path, absl::Time now);
  // The file is taken or refused: no longer followed.
  void Done(const std::string& path);

  // When Due next returns something; InfiniteFuture: nothing waits.
  absl::Time NextDue() const;

 private:
  struct Waiting {
    ScannedFile file;
    absl::Time unchanged_since;
    absl::Time due;
    int retries = 0;
  };
  const SettleOptions options_;
  std::map<std::string, Waiting> waiting_;
};

}  // namespace modeld
