#include "daemon/source/intake.h"

#include <algorithm>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "registry/artifact_reader.h"
#include "registry/base/log.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

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

}  // namespace

Intake::Intake(FileSystem* file_system, Clock* clock, Registry* registry, const ArtifactStore* store,
               VersionSink* sink, Watcher* watcher, IntakeOptions options)
    : file_system_(file_system),
      clock_(clock),
      registry_(registry),
      watcher_(watcher),
      options_(std::move(options)),
      taker_(file_system, store, sink, options_.inspect),
      release_taker_(file_system, &taker_, sink),
      settle_(options_.settle) {}

absl::Status Intake::LoadRemembered() {
  MODELD_ASSIGN_OR_RETURN(std::vector<FileRecord> records, registry_->ListFiles());
  for (FileRecord& record : records) {
    // What was refused for a format that is allowed now is looked at once more.
    if (record.outcome == FileOutcome::kQuarantined &&
        WasAboutFormat(record.reason, options_.inspect.formats)) {
      continue;
    }
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
  size_t files = 0;
  if (found) {
    files = scan->files.size();
    for (const ScannedRelease& release : scan->releases) files += release.files.size();
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
  EventRecord event;
  event.time = clock_->Now();
  event.actor = "daemon";
  event.action = what;
  event.reason = reason;
  const absl::Status recorded = registry_->RecordEvent(event);
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
  std::map<std::string, ScannedRelease> releases;  // by the manifest's path
  for (ScannedRelease& release : scan.releases) {
    const std::string path = release.manifest.path;
    if (IsRemembered(release.manifest)) {
      ShowRemembered(remembered_.at(path));
    } else {
      pending.push_back(release.manifest);
      releases.emplace(path, std::move(release));
    }
  }
  settle_.Observe(pending, now);
  for (const ScannedFile& file : settle_.Unseen()) {
    const bool is_release = releases.contains(file.path);
    ShowSettling(file.path,
                 absl::StrCat("waiting until ", is_release ? "all of its directory" : "it",
                              " has stood still for ", absl::FormatDuration(options_.settle.settle_time)),
                 is_release ? ModelIdentity{} : IdentityGuess(file.path));
  }
  if (retry_now) settle_.RetryNow(now);
  for (const ScannedFile& file : settle_.Due(now)) {
    if (stopped()) return;
    const auto release = releases.find(file.path);
    Take(file, release == releases.end() ? nullptr : &release->second);
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
  for (const ScannedRelease& release : scan.releases) present.insert(release.manifest.path);
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

void Intake::Take(const ScannedFile& file, const ScannedRelease* release) {
  TakeResult result;
  try {
    result = release != nullptr ? TakeRelease(*release) : taker_.Take(file, clock_->Now());
  } catch (const std::bad_alloc&) {
    // One file's config and golden samples must not end the daemon.
    result.verdict = Verdict::kLater;
    result.why = absl::ResourceExhaustedError("out of memory while it was looked at");
  }
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
        const std::string stood_still =
            absl::StrCat("it has stood still for ", absl::FormatDuration(options_.settle.incomplete_time));
        const absl::string_view why = result.why.message();
        result.why = absl::InvalidArgumentError(
            release != nullptr
                ? absl::StrCat("incomplete: ", stood_still, ", but ", why, "; copy what is missing")
                : absl::StrCat("truncated: ", stood_still, " but is ", why, "; copy it again"));
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

TakeResult Intake::TakeRelease(const ScannedRelease& release) {
  ReleaseResult taken = release_taker_.Take(release, clock_->Now());
  if (taken.result.verdict == Verdict::kTaken) {
    LogInfo("release taken", {{"release", release.name}, {"versions", absl::StrJoin(taken.models, ", ")}});
    for (const std::string& path : taken.unlisted) {
      LogWarning("a model file of a release directory is left out, as its manifest.json does not list it",
                 {{"release", release.name}, {"file", path}});
    }
  }
  return std::move(taken.result);
}

}  // namespace modeld
