// FaultySqlite: SQLite's own access to files, in which a test makes single steps fail.
#pragma once

#include <sqlite3.h>

#include <atomic>

namespace modeld {

// While one exists, every database that is opened goes through it; databases are closed before it goes. One
// at a time: counts and rules are global, as SQLite's list of file systems is. Thread-safe but for that.
class FaultySqlite {
 public:
  FaultySqlite() {
    real_ = sqlite3_vfs_find(nullptr);
    vfs_ = *real_;
    vfs_.zName = "faulty";
    vfs_.szOsFile = static_cast<int>(sizeof(File)) + real_->szOsFile;
    vfs_.xOpen = &Open;
    sqlite3_vfs_register(&vfs_, /*makeDflt=*/1);
    Heal();
  }
  ~FaultySqlite() {
    sqlite3_vfs_unregister(&vfs_);
    sqlite3_vfs_register(real_, /*makeDflt=*/1);
  }
  FaultySqlite(const FaultySqlite&) = delete;
  FaultySqlite& operator=(const FaultySqlite&) = delete;

  // The `nth` coming write or sync fails, and every one after it, until Heal: a disk that is full or broken
  // stays so. Writes fail with SQLITE_FULL if `full`, else with an I/O error; syncs with an I/O error.
  void FailFrom(int nth, bool full) {
    fail_from_ = calls_ + nth;
    full_ = full;
  }
  void Heal() { fail_from_ = 0; }
  // Writes and syncs so far, failed ones included.
  int calls() const { return calls_; }

 private:
  struct File {
    sqlite3_file base;
    sqlite3_file* real;
  };

  static sqlite3_file* RealOf(sqlite3_file* file) { return reinterpret_cast<File*>(file)->real; }
  static bool Fails() {
    const int call = ++calls_;
    return fail_from_ > 0 && call >= fail_from_;
  }

  static int Open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
    auto* const ours = reinterpret_cast<File*>(file);
    ours->base.pMethods = nullptr;
    ours->real = reinterpret_cast<sqlite3_file*>(ours + 1);  // as szOsFile says
    const int result = real_->xOpen(real_, name, ours->real, flags, out_flags);
    if (ours->real->pMethods != nullptr) ours->base.pMethods = &kMethods;
    return result;
  }
  static int Write(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
    if (!Fails()) return RealOf(file)->pMethods->xWrite(RealOf(file), data, size, offset);
    if (!full_) return SQLITE_IOERR_WRITE;
    // What a full disk does: part of it is written.
    (void)RealOf(file)->pMethods->xWrite(RealOf(file), data, size / 2, offset);
    return SQLITE_FULL;
  }
  // Nothing here loses power: a sync that does not fail need not be done.
  static int Sync(sqlite3_file*, int) { return Fails() ? SQLITE_IOERR_FSYNC : SQLITE_OK; }

  // Everything else is passed on.
  template <auto member, typename... Arguments>
  static auto Pass(sqlite3_file* file, Arguments... arguments) {
    return (RealOf(file)->pMethods->*member)(RealOf(file), arguments...);
  }

  static const sqlite3_io_methods kMethods;

  static inline sqlite3_vfs* real_ = nullptr;
  static inline std::atomic<int> calls_ = 0;
  static inline std::atomic<int> fail_from_ = 0;  // 0: never
  static inline std::atomic<bool> full_ = false;
  sqlite3_vfs vfs_;
};

inline const sqlite3_io_methods FaultySqlite::kMethods = {
    .iVersion = 2,
    .xClose = &Pass<&sqlite3_io_methods::xClose>,
    .xRead = &Pass<&sqlite3_io_methods::xRead, void*, int, sqlite3_int64>,
    .xWrite = &Write,
    .xTruncate = &Pass<&sqlite3_io_methods::xTruncate, sqlite3_int64>,
    .xSync = &Sync,
    .xFileSize = &Pass<&sqlite3_io_methods::xFileSize, sqlite3_int64*>,
    .xLock = &Pass<&sqlite3_io_methods::xLock, int>,
    .xUnlock = &Pass<&sqlite3_io_methods::xUnlock, int>,
    .xCheckReservedLock = &Pass<&sqlite3_io_methods::xCheckReservedLock, int*>,
    .xFileControl = &Pass<&sqlite3_io_methods::xFileControl, int, void*>,
    .xSectorSize = &Pass<&sqlite3_io_methods::xSectorSize>,
    .xDeviceCharacteristics = &Pass<&sqlite3_io_methods::xDeviceCharacteristics>,
    .xShmMap = &Pass<&sqlite3_io_methods::xShmMap, int, int, int, void volatile**>,
    .xShmLock = &Pass<&sqlite3_io_methods::xShmLock, int, int, int>,
    .xShmBarrier = &Pass<&sqlite3_io_methods::xShmBarrier>,
    .xShmUnmap = &Pass<&sqlite3_io_methods::xShmUnmap, int>,
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

}  // namespace modeld
