// FaultyFileSystem: the kernel's file system, in which a test makes single steps fail.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "registry/base/file_system.h"
#include "registry/base/mutex.h"
#include "registry/base/status_macros.h"

namespace modeld {

// Thread-safe. Every call is passed on to `real` unless a rule says otherwise; a call that is made to fail
// does not reach it.
class FaultyFileSystem final : public FileSystem {
 public:
  enum class Call {
    kStat,
    kLinkStat,
    kStatDescriptor,
    kList,
    kRealPath,
    kOpenForRead,
    kCreateExclusive,
    kOpenForAppend,
    kRead,
    kWrite,
    kTruncate,
    kClone,
    kFsync,
    kFsyncDirectory,
    kRename,
    kRemove,
    kSetMode,
    kMakeDirectories,
  };
  static constexpr Call kLastCall = Call::kMakeDirectories;

  explicit FaultyFileSystem(FileSystem* real = FileSystem::Real()) : real_(real) {}

  // The `nth` coming `call` fails (1: the next one); those before and after it do not.
  void FailNth(Call call, int nth, absl::Status status) {
    MutexLock lock(&mutex_);
    rules_[call].failures[counts_[call] + nth] = std::move(status);
  }

  // Every coming `call` fails, until Heal.
  void FailAlways(Call call, absl::Status status) {
    MutexLock lock(&mutex_);
    rules_[call].always = std::move(status);
  }

  // Every coming `call` on exactly this path fails, until Heal. Calls on descriptors have no path.
  void FailPath(Call call, const std::string& path, absl::Status status) {
    MutexLock lock(&mutex_);
    rules_[call].paths[path] = std::move(status);
  }

  // Runs `action` just before the `nth` coming `call`, without a lock held: to change a file in the middle of
  // a copy.
  void Before(Call call, int nth, std::function<void()> action) {
    MutexLock lock(&mutex_);
    rules_[call].actions[counts_[call] + nth] = std::move(action);
  }

  // Read hands out at most this many bytes a call.
  void LimitReadSize(size_t bytes) {
    MutexLock lock(&mutex_);
    max_read_ = bytes;
  }

  // After this many more bytes the disk is full: Write writes what fits and then fails.
  void LimitDiskSpace(uint64_t bytes) {
    MutexLock lock(&mutex_);
    free_bytes_ = bytes;
  }

  // The `nth` coming Write writes half of its data and then fails.
  void CutNthWrite(int nth, absl::Status status) {
    MutexLock lock(&mutex_);
    cuts_[counts_[Call::kWrite] + nth] = std::move(status);
  }

  // Forgets all rules. Counts go on.
  void Heal() {
    MutexLock lock(&mutex_);
    rules_.clear();
    cuts_.clear();
    max_read_ = free_bytes_ = kUnlimited;
  }

  // How often `call` was made, failed ones included.
  int count(Call call) const {
    MutexLock lock(&mutex_);
    const auto found = counts_.find(call);
    return found == counts_.end() ? 0 : found->second;
  }

  absl::StatusOr<FileStat> Stat(const std::string& path) override {
    MODELD_RETURN_IF_ERROR(Enter(Call::kStat, path));
    return real_->Stat(path);
  }
  absl::StatusOr<FileStat> LinkStat(const std::string& path) override {
    MODELD_RETURN_IF_ERROR(Enter(Call::kLinkStat, path));
    return real_->LinkStat(path);
  }
  absl::StatusOr<FileStat> StatDescriptor(int fd) override {
    MODELD_RETURN_IF_ERROR(Enter(Call::kStatDescriptor));
    return real_->StatDescriptor(fd);
  }
  absl::StatusOr<std::vector<std::string>> List(const std::string& directory) override {
    MODELD_RETURN_IF_ERROR(Enter(Call::kList, directory));
    return real_->List(directory);
  }
  absl::StatusOr<std::string> RealPath(const std::string& path) override {
    MODELD_RETURN_IF_ERROR(Enter(Call::kRealPath, path));
    return real_->RealPath(path);
  }
  absl::StatusOr<UniqueFd> OpenForRead(const std::string& path) override {
    MODELD_RETURN_IF_ERROR(Enter(Call::kOpenForRead, path));
    return real_->OpenForRead(path);
  }
  absl::StatusOr<UniqueFd> CreateExclusive(const std::string& path) override {
    MODELD_RETURN_IF_ERROR(Enter(Call::kCreateExclusive, path));
    return real_->CreateExclusive(path);
  }
  absl::StatusOr<UniqueFd> OpenForAppend(const std::string& path) override {
    MODELD_RETURN_IF_ERROR(Enter(Call::kOpenForAppend, path));
    return real_->OpenForAppend(path);
  }
  absl::StatusOr<size_t> Read(int fd, void* buffer, size_t size) override {
    MODELD_RETURN_IF_ERROR(Enter(Call::kRead));
    return real_->Read(fd, buffer, std::min<uint64_t>(size, MaxRead()));
  }
  absl::Status Write(int fd, std::string_view data) override {
    MODELD_RETURN_IF_ERROR(Enter(Call::kWrite));
    if (const absl::Status cut = CutOfThisWrite(); !cut.ok()) {
      MODELD_RETURN_IF_ERROR(real_->Write(fd, data.substr(0, data.size() / 2)));
      return cut;
    }
    const std::string_view fits = data.substr(0, TakeDiskSpace(data.size()));
    MODELD_RETURN_IF_ERROR(real_->Write(fd, fits));
    if (fits.size() == data.size()) return absl::OkStatus();
    return absl::ResourceExhaustedError("cannot write: no space left on device");
  }
  absl::Status Truncate(int fd, int64_t size) override {
    MODELD_RETURN_IF_ERROR(Enter(Call::kTruncate));
    return real_->Truncate(fd, size);
  }
  absl::Status Clone(int source, int destination) override {
    MODELD_RETURN_IF_ERROR(Enter(Call::kClone));
    return real_->Clone(source, destination);
  }
  absl::Status Fsync(int fd) override {
    MODELD_RETURN_IF_ERROR(Enter(Call::kFsync));
    return real_->Fsync(fd);
  }
  absl::Status FsyncDirectory(const std::string& directory) override {
    MODELD_RETURN_IF_ERROR(Enter(Call::kFsyncDirectory, directory));
    return real_->FsyncDirectory(directory);
  }
  absl::Status Rename(const std::string& from, const std::string& to) override {
    MODELD_RETURN_IF_ERROR(Enter(Call::kRename, from));
    return real_->Rename(from, to);
  }
  absl::Status Remove(const std::string& path) override {
    MODELD_RETURN_IF_ERROR(Enter(Call::kRemove, path));
    return real_->Remove(path);
  }
  absl::Status SetMode(int fd, unsigned mode) override {
    MODELD_RETURN_IF_ERROR(Enter(Call::kSetMode));
    return real_->SetMode(fd, mode);
  }
  absl::Status MakeDirectories(const std::string& path) override {
    MODELD_RETURN_IF_ERROR(Enter(Call::kMakeDirectories, path));
    return real_->MakeDirectories(path);
  }

 private:
  static constexpr uint64_t kUnlimited = ~uint64_t{0};

  struct Rules {
    absl::Status always;
    std::map<int, absl::Status> failures;  // by number of the call
    std::map<std::string, absl::Status> paths;
    std::map<int, std::function<void()>> actions;  // by number of the call
  };

  // Counts the call, runs its action and returns the error that it is to fail with, if any.
  absl::Status Enter(Call call, const std::string& path = "") {
    std::function<void()> action;
    absl::Status status;
    {
      MutexLock lock(&mutex_);
      const int number = ++counts_[call];
      Rules& rules = rules_[call];
      status = rules.always;
      if (const auto failure = rules.failures.find(number); failure != rules.failures.end()) {
        status = failure->second;
      }
      if (const auto failure = rules.paths.find(path); failure != rules.paths.end()) status = failure->second;
      if (const auto found = rules.actions.find(number); found != rules.actions.end()) action = found->second;
    }
    if (action) action();
    return status;
  }

  absl::Status CutOfThisWrite() const {
    MutexLock lock(&mutex_);
    const auto cut = cuts_.find(counts_.at(Call::kWrite));
    return cut == cuts_.end() ? absl::OkStatus() : cut->second;
  }

  uint64_t MaxRead() const {
    MutexLock lock(&mutex_);
    return max_read_;
  }

  // How many of `wanted` bytes still fit.
  uint64_t TakeDiskSpace(uint64_t wanted) {
    MutexLock lock(&mutex_);
    const uint64_t taken = std::min(wanted, free_bytes_);
    if (free_bytes_ != kUnlimited) free_bytes_ -= taken;
    return taken;
  }

  FileSystem* const real_;
  mutable Mutex mutex_;
  std::map<Call, Rules> rules_ ABSL_GUARDED_BY(mutex_);
  std::map<Call, int> counts_ ABSL_GUARDED_BY(mutex_);
  std::map<int, absl::Status> cuts_ ABSL_GUARDED_BY(mutex_);  // by number of the write
  uint64_t max_read_ ABSL_GUARDED_BY(mutex_) = kUnlimited;
  uint64_t free_bytes_ ABSL_GUARDED_BY(mutex_) = kUnlimited;
};

}  // namespace modeld
