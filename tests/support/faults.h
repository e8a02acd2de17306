// Every single fault of a piece of work on files: which call fails, and how.
#pragma once

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tests/support/faulty_file_system.h"

namespace modeld {

struct Fault {
  FaultyFileSystem::Call call = FaultyFileSystem::Call::kStat;
  int nth = 1;           // of the calls of this kind that the work makes
  bool cut = false;      // of a write: half of it is done
  absl::Status failure;  // what the call returns

  void InjectInto(FaultyFileSystem& file_system) const {
    if (cut) {
      file_system.CutNthWrite(nth, failure);
    } else {
      file_system.FailNth(call, nth, failure);
    }
  }
};

inline std::ostream& operator<<(std::ostream& out, const Fault& fault) {
  return out << "call " << static_cast<int>(fault.call) << " number " << fault.nth
             << (fault.cut ? ", cut" : "") << ": " << fault.failure;
}

// Does the work once, without a fault, and returns every fault that it could have met on `file_system`: each
// call of each kind failing by the disk's error (EIO) and, where it takes space, by a full disk (ENOSPC);
// writes also after half of their data.
inline std::vector<Fault> FaultsOf(const FaultyFileSystem& file_system, const std::function<void()>& work) {
  using Call = FaultyFileSystem::Call;
  const absl::Status broken = absl::UnavailableError("injected: input/output error");
  const absl::Status full = absl::ResourceExhaustedError("injected: no space left on device");
  std::vector<int> before;
  for (int call = 0; call <= static_cast<int>(FaultyFileSystem::kLastCall); ++call) {
    before.push_back(file_system.count(static_cast<Call>(call)));
  }
  work();
  std::vector<Fault> faults;
  for (int number = 0; number <= static_cast<int>(FaultyFileSystem::kLastCall); ++number) {
    const Call call = static_cast<Call>(number);
    const bool takes_space = call == Call::kWrite || call == Call::kCreateExclusive || call == Call::kFsync ||
                             call == Call::kRename || call == Call::kMakeDirectories ||
                             call == Call::kClone || call == Call::kFsyncDirectory;
    for (int nth = 1; nth <= file_system.count(call) - before[number]; ++nth) {
      faults.push_back({.call = call, .nth = nth, .failure = broken});
      if (takes_space) faults.push_back({.call = call, .nth = nth, .failure = full});
      if (call != Call::kWrite) continue;
      faults.push_back({.call = call, .nth = nth, .cut = true, .failure = broken});
      faults.push_back({.call = call, .nth = nth, .cut = true, .failure = full});
    }
  }
  return faults;
}

}  // namespace modeld
