#include "daemon/source/intake.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "registry/base/log.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

EventRecord Event(const char* what, std::string reason, absl::Time now) {
  EventRecord event;
  event.time = now;
  event.actor = "daemon";
  event.action = what;
  event.reason = std::move(reason);
  return event;
}

std::string ParentDirectory(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// Whether nothing is known of what lies at `path`, because it or a directory above it could not be read.
bool IsHidden(const std::string& path, const std::vector<UnreadablePath>& unreadable) {
  return std::any_of(unreadable.begin(), unreadable.end(), [&](const UnreadablePath& hidden) {
    return path == hidden.path || path.starts_with(hidden.path + "/");
  });
}

// The device does not count: network and container file systems have another number after every mount, which
// must not make every file new.
bool IsUnchanged(FileIdentity before, const FileIdentity& now) {
  before.device = now.device;
  return before == now;
}

}  // namespace

Intake::Intake(FileSystem* file_system, Clock* clock, Registry* registry, const ArtifactStore* store,
               VersionSink* sink, Watcher* watcher, IntakeOptions options)
    : file_system_(file_system),
      clock_(clock),
      registry_(registry),
      watcher_(watcher),
      options_(std::move(options)),
      taker_(file_system, store, sink, options_.config),
      settle_(options_.settle) {}

absl::Status Intake::LoadRemembered() {
  MODELD_ASSIGN_OR_RETURN(std::vector<FileRecord> records, registry_->ListFiles());
  for (FileRecord& record : records) {
    ShowRemembered(record);
    remembered_[record.path] = std::move(record);
  }
  return absl::OkStatus();
}

absl::Time Intake::Step() {
  bool retry_now = false;
  {
    MutexLock lock(&mutex_);
    ++rounds_begun_;
    retry_now = rounds_wanted_ == rounds_begun_;
  }
  absl::StatusOr<ScanResult> scan = Scan(*file_system_, options_.drop_directory);
  const absl::Time now = clock_->Now();
  const bool found = scan.ok();
  const size_t files = found ? scan->files.size() : 0;
  if (found) {
    SourceFound();
    LookAt(*std::move(scan), now, retry_now);
  } else {
    SourceLost(scan.status());
  }

  MutexLock lock(&mutex_);
  files_seen_ = static_cast<int>(files);
  observed_at_ = now;
  oldest_unseen_ = found ? settle_.OldestUnseen() : absl::InfiniteFuture();
  rounds_done_ = rounds_begun_;
  round_done_.SignalAll();
  return found ? settle_.NextDue() : absl::InfiniteFuture();
}

absl::Status Intake::source_status() const {
  MutexLock lock(&mutex_);
  return absl::Status(source_code_, source_trouble_);
}

void Intake::SourceFound() {
  {
    MutexLock lock(&mutex_);
    if (source_code_ == absl::StatusCode::kOk) return;
    source_code_ = absl::StatusCode::kOk;
    source_trouble_.clear();
  }
  const std::string what =
      absl::StrCat("drop directory ", Quote(options_.drop_directory), " can be read again");
  LogInfo(what);
  RecordSourceEvent(action::kSourceRestored, what);
}

void Intake::SourceLost(const absl::Status& why) {
  const std::string what =
      absl::StrCat("drop directory ", Quote(options_.drop_directory), " cannot be read: ", why.message(),
                   "; what is registered stays served; mount it, make it anew or grant access to it");
  bool is_news = false;
  {
    MutexLock lock(&mutex_);
    is_news = source_code_ == absl::StatusCode::kOk;
    source_code_ = why.code();
    source_trouble_ = what;
  }
  if (is_news) {
    LogError(what);
    RecordSourceEvent(action::kSourceLost, what);
  }
  // Its return is seen at once where its parent exists, else by the next rescan.
  if (watcher_ != nullptr) watcher_->Watch({ParentDirectory(options_.drop_directory)}).IgnoreError();
}

void Intake::RecordSourceEvent(const char* what, const std::string& reason) {
  const absl::Status recorded = registry_->RecordEvent(Event(what, reason, clock_->Now()));
  if (!recorded.ok()) LogError("cannot record an event", {{"action", what}, {"error", recorded}});
}

void Intake::LookAt(ScanResult scan, absl::Time now, bool retry_now) {
  WatchDirectories(scan);
  ForgetVanished(scan);
  WarnOnce(scan.warnings);
  for (const UnreadablePath& hidden : scan.unreadable) {
    ShowRetrying(hidden.path, hidden.why, IdentityGuess(hidden.path));
  }

  std::vector<ScannedFile> pending;
  for (ScannedFile& file : scan.files) {
    if (IsRemembered(file)) {
      ShowRemembered(remembered_.at(file.path));
    } else {
      pending.push_back(std::move(file));
    }
  }
  settle_.Observe(pending, now);
  for (const ScannedFile& file : settle_.Unseen()) {
    ShowSettling(file.path,
                 absl::StrCat("waiting until it has stood still for ",
                              absl::FormatDuration(options_.settle.settle_time)),
                 IdentityGuess(file.path));
  }
  if (retry_now) settle_.RetryNow(now);
  for (const ScannedFile& file : settle_.Due(now)) {
    if (stopped()) return;
    Take(file);
  }
}

void Intake::WatchDirectories(ScanResult& scan) {
  if (watcher_ == nullptr) return;
  std::vector<std::string> directories;
  for (const std::string& relative : scan.directories) {
    directories.push_back(absl::StrCat(options_.drop_directory, "/", relative));
  }
  const absl::Status watched = watcher_->Watch(directories);
  if (!watched.ok()) scan.warnings.emplace_back(watched.message());
}

void Intake::ForgetVanished(ScanResult& scan) {
  std::set<std::string> present;
  for (const ScannedFile& file : scan.files) present.insert(file.path);
  const auto vanished = [&](const std::string& path) {
    return !present.contains(path) && !IsHidden(path, scan.unreadable);
  };

  std::vector<std::string> forgotten;
  for (const auto& [path, record] : remembered_) {
    if (vanished(path)) forgotten.push_back(path);
  }
  if (!forgotten.empty()) {
    const absl::Status status = registry_->ForgetFiles(forgotten);
    if (status.ok()) {
      for (const std::string& path : forgotten) remembered_.erase(path);
    } else {
      scan.warnings.push_back(absl::StrCat("cannot forget files that are gone: ", status.message()));
    }
  }
  dropped_.HideIf(vanished);
}

void Intake::WarnOnce(const std::vector<std::string>& warnings) {
  for (const std::string& warning : warnings) {
    if (!warned_.contains(warning)) LogWarning("drop directory", {{"warning", warning}});
  }
  warned_ = {warnings.begin(), warnings.end()};
}

void Intake::Take(const ScannedFile& file) {
  TakeResult result = taker_.Take(file, clock_->Now());
  const absl::Time now = clock_->Now();
  switch (result.verdict) {
    case Verdict::kTaken:
      Remember(file, FileOutcome::kRegistered, result);
      break;
    case Verdict::kRefused:
      Remember(file, FileOutcome::kQuarantined, result);
      break;
    case Verdict::kIncomplete:
      if (settle_.Incomplete(file.path, now)) {
        result.why = absl::InvalidArgumentError(absl::StrCat(
            "truncated: it has stood still for ", absl::FormatDuration(options_.settle.incomplete_time),
            " but is ", result.why.message(), "; copy it again"));
        Remember(file, FileOutcome::kQuarantined, result);
      } else {
        ShowSettling(file.path, absl::StrCat(result.why.message(), "; waiting for the rest"),
                     result.identity);
      }
      break;
    case Verdict::kChanged:
      settle_.Changed(file.path, now);
      break;
    case Verdict::kLater:
      RetryLater(file, result.why, result.identity);
      break;
  }
}

bool Intake::IsRemembered(const ScannedFile& file) const {
  const auto it = remembered_.find(file.path);
  return it != remembered_.end() && IsUnchanged(it->second.identity, file.identity) &&
         IsUnchanged(it->second.sidecar, file.sidecar);
}

void Intake::Remember(const ScannedFile& file, FileOutcome outcome, const TakeResult& result) {
  const FileRecord record{.path = file.path,
                          .identity = file.identity,
                          .sidecar = file.sidecar,
                          .outcome = outcome,
                          .sha256 = result.sha256,
                          .model = result.identity.name,
                          .version = result.identity.version,
                          .reason = std::string(result.why.message()),
                          .since = clock_->Now()};
  std::optional<EventRecord> event;
  if (outcome == FileOutcome::kQuarantined) {
    event = Event(action::kQuarantined, absl::StrCat("file \"", record.path, "\": ", record.reason),
                  record.since);
    event->model = record.model;
    event->version = record.version;
  }
  if (const absl::Status recorded = registry_->RecordFile(record, event); !recorded.ok()) {
    // Taking a file twice does no harm: the store and the sink know its bytes already.
    RetryLater(file, recorded, result.identity);
    return;
  }
  if (outcome == FileOutcome::kRegistered) {
    LogInfo("file taken", {{"file", record.path},
                           {"model", record.model},
                           {"version", record.version},
                           {"sha256", record.sha256}});
  } else {
    LogWarning("file quarantined", {{"file", record.path}, {"reason", record.reason}});
  }
  settle_.Done(file.path);
  remembered_[file.path] = record;
  ShowRemembered(record);
}

void Intake::RetryLater(const ScannedFile& file, const absl::Status& why, const ModelIdentity& identity) {
  settle_.RetryLater(file.path, clock_->Now());
  ShowRetrying(file.path, why, identity);
}

void Intake::ShowSettling(const std::string& path, const std::string& reason, const ModelIdentity& identity) {
  dropped_.Show({path, DroppedState::kSettling, reason, identity.name, identity.version, clock_->Now()});
}

void Intake::ShowRetrying(const std::string& path, const absl::Status& why, const ModelIdentity& identity) {
  const std::string reason(why.message());
  if (dropped_.Show(
          {path, DroppedState::kRetrying, reason, identity.name, identity.version, clock_->Now()})) {
    LogWarning("cannot take a file yet, trying again", {{"file", path}, {"reason", reason}});
  }
}

void Intake::ShowRemembered(const FileRecord& record) {
  if (record.outcome == FileOutcome::kQuarantined) {
    dropped_.Show(
        {record.path, DroppedState::kQuarantined, record.reason, record.model, record.version, record.since});
  } else {
    dropped_.Hide(record.path);
  }
}

}  // namespace modeld
