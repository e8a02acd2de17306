#include "registry/upload_store.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "registry/base/log.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/identify.h"

namespace modeld {
namespace {

constexpr char kPartSuffix[] = ".part";
constexpr size_t kHashDigits = 64;
constexpr size_t kBufferBytes = 1 << 20;

bool IsHash(std::string_view text) {
  return text.size() == kHashDigits && std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f');
         });
}

absl::Status CheckHash(const std::string& sha256) {
  if (IsHash(sha256)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("sha256 ", Quote(sha256, 80), " is none: expected 64 digits of 0-9, a-f"));
}

// As many digits as tell artifacts apart in a message.
std::string Short(const std::string& sha256) { return sha256.substr(0, 12); }

}  // namespace

// --- Upload ---

Upload::~Upload() {
  // Open removes what could not be removed here.
  if (has_sidecar_) store_->file_system_->Remove(SidecarPath(path_)).IgnoreError();
  part_.Reset();
  store_->End(sha256_);
}

absl::Status Upload::Open(int64_t offset) {
  FileSystem& file_system = *store_->file_system_;
  MODELD_ASSIGN_OR_RETURN(part_, file_system.OpenForAppend(path_));
  MODELD_RETURN_IF_ERROR(file_system.Truncate(part_.get(), offset));
  if (offset == 0) return absl::OkStatus();
  MODELD_ASSIGN_OR_RETURN(const UniqueFd source, file_system.OpenForRead(path_));
  std::vector<char> buffer(kBufferBytes);
  while (received_bytes_ < offset) {
    MODELD_ASSIGN_OR_RETURN(const size_t size, file_system.Read(source.get(), buffer.data(), buffer.size()));
    if (size == 0)
      return absl::DataLossError(absl::StrCat(Quote(path_), " became shorter while it was read"));
    hash_.Update({buffer.data(), size});
    received_bytes_ += static_cast<int64_t>(size);
  }
  return absl::OkStatus();
}

absl::Status Upload::Append(std::string_view data) {
  if (static_cast<int64_t>(data.size()) > size_bytes_ - received_bytes_) {
    return absl::InvalidArgumentError(
        absl::StrCat("more bytes came than the ", size_bytes_, " that were announced"));
  }
  MODELD_RETURN_IF_ERROR(store_->file_system_->Write(part_.get(), data));
  hash_.Update(data);
  received_bytes_ += static_cast<int64_t>(data.size());
  return absl::OkStatus();
}

absl::Status Upload::Finish() {
  if (received_bytes_ < size_bytes_) {
    return absl::InvalidArgumentError(absl::StrCat("the upload ended after ", received_bytes_, " of ",
                                                   size_bytes_, " bytes; push it again to go on there"));
  }
  MODELD_ASSIGN_OR_RETURN(const std::string sha256, hash_.Finish());
  if (sha256 == sha256_) return absl::OkStatus();
  Remove();
  return absl::DataLossError(absl::StrCat("the bytes that came have the hash ", Short(sha256),
                                          "…, not the announced ", Short(sha256_),
                                          "…; they are discarded: push the file again"));
}

absl::Status Upload::WriteSidecar(std::string_view config) {
  FileSystem& file_system = *store_->file_system_;
  const std::string path = SidecarPath(path_);
  file_system.Remove(path).IgnoreError();
  MODELD_ASSIGN_OR_RETURN(const UniqueFd sidecar, file_system.CreateExclusive(path));
  has_sidecar_ = true;
  return file_system.Write(sidecar.get(), config);
}

void Upload::Remove() {
  const absl::Status removed = store_->file_system_->Remove(path_);
  if (!removed.ok()) LogWarning("part of an upload not removed", {{"error", removed}});
}

// --- UploadStore ---

absl::StatusOr<std::unique_ptr<UploadStore>> UploadStore::Open(FileSystem* file_system, const Clock* clock,
                                                               std::string root, UploadLimits limits) {
  MODELD_RETURN_IF_ERROR(file_system->MakeDirectories(root));
  std::unique_ptr<UploadStore> store(new UploadStore(file_system, std::move(root), limits));
  MODELD_ASSIGN_OR_RETURN(const std::vector<std::string> names, file_system->List(store->root_));
  for (const std::string& name : names) {
    if (name.ends_with(SidecarPath(kPartSuffix))) {
      MODELD_RETURN_IF_ERROR(file_system->Remove(absl::StrCat(store->root_, "/", name)));
    }
  }
  MODELD_ASSIGN_OR_RETURN(const std::vector<Part> parts, store->ListParts());
  for (const Part& part : parts) {
    if (clock->Now() - part.written_at < limits.keep) continue;
    MODELD_RETURN_IF_ERROR(file_system->Remove(store->PathOf(part.sha256)));
    LogInfo("upload given up", {{"sha256", part.sha256}, {"bytes", absl::StrCat(part.size_bytes)}});
  }
  return store;
}

absl::StatusOr<int64_t> UploadStore::ReceivedBytes(const std::string& sha256) const {
  MODELD_RETURN_IF_ERROR(CheckHash(sha256));
  return SizeOf(sha256);
}

absl::StatusOr<std::unique_ptr<Upload>> UploadStore::Begin(const std::string& sha256, int64_t size_bytes,
                                                           int64_t offset) {
  MODELD_RETURN_IF_ERROR(CheckHash(sha256));
  if (size_bytes <= 0 || size_bytes > limits_.max_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("size_bytes is ", size_bytes, "; expected 1 to ", limits_.max_bytes));
  }
  if (offset < 0 || offset > size_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("offset is ", offset, "; expected 0 to size_bytes, ", size_bytes));
  }
  MODELD_RETURN_IF_ERROR(Reserve(sha256, size_bytes, offset));
  std::unique_ptr<Upload> upload(new Upload(this, PathOf(sha256), sha256, size_bytes));
  MODELD_RETURN_IF_ERROR(upload->Open(offset));
  return upload;
}

absl::Status UploadStore::Reserve(const std::string& sha256, int64_t size_bytes, int64_t offset) {
  MutexLock lock(&mutex_);
  if (active_.contains(sha256)) {
    return absl::AbortedError(absl::StrCat("another push of the same file (sha256 ", Short(sha256),
                                           "…) is under way; wait for it and try again"));
  }
  MODELD_ASSIGN_OR_RETURN(const int64_t received, SizeOf(sha256));
  if (offset > received) {
    return absl::OutOfRangeError(
        absl::StrCat("offset is ", offset, ", but only ", received, " bytes are there; ask GetUpload"));
  }
  MODELD_RETURN_IF_ERROR(MakeRoom(sha256, size_bytes));
  active_[sha256] = size_bytes;
  return absl::OkStatus();
}

std::string UploadStore::PathOf(const std::string& sha256) const {
  return absl::StrCat(root_, "/", sha256, kPartSuffix);
}

absl::StatusOr<std::vector<UploadStore::Part>> UploadStore::ListParts() const {
  MODELD_ASSIGN_OR_RETURN(const std::vector<std::string> names, file_system_->List(root_));
  std::vector<Part> parts;
  for (const std::string& name : names) {
    const std::string sha256 = name.substr(0, kHashDigits);
    if (!IsHash(sha256) || name != sha256 + kPartSuffix) continue;
    const absl::StatusOr<FileStat> stat = file_system_->Stat(PathOf(sha256));
    if (absl::IsNotFound(stat.status())) continue;  // its upload has just ended
    if (!stat.ok()) return stat.status();
    parts.push_back({.sha256 = sha256,
                     .size_bytes = stat->identity.size,
                     .written_at = absl::FromUnixNanos(stat->identity.mtime_ns)});
  }
  std::stable_sort(parts.begin(), parts.end(),
                   [](const Part& a, const Part& b) { return a.written_at < b.written_at; });
  return parts;
}

absl::StatusOr<int64_t> UploadStore::SizeOf(const std::string& sha256) const {
  const absl::StatusOr<FileStat> stat = file_system_->Stat(PathOf(sha256));
  if (absl::IsNotFound(stat.status())) return 0;
  if (!stat.ok()) return stat.status();
  return stat->identity.size;
}

absl::Status UploadStore::MakeRoom(const std::string& sha256, int64_t size_bytes) {
  MODELD_ASSIGN_OR_RETURN(const std::vector<Part> parts, ListParts());
  int64_t taken = size_bytes;
  for (const auto& [hash, size] : active_) taken += size;
  std::vector<Part> idle;
  for (const Part& part : parts) {
    if (part.sha256 == sha256 || active_.contains(part.sha256)) continue;
    idle.push_back(part);
    taken += part.size_bytes;
  }
  for (const Part& oldest : idle) {
    if (taken <= limits_.max_total_bytes) break;
    MODELD_RETURN_IF_ERROR(file_system_->Remove(PathOf(oldest.sha256)));
    LogInfo("upload given up for another", {{"sha256", oldest.sha256}});
    taken -= oldest.size_bytes;
  }
  if (taken <= limits_.max_total_bytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("uploads may take ", limits_.max_total_bytes,
                   " bytes together, and others are under way; try again later"));
}

void UploadStore::End(const std::string& sha256) {
  MutexLock lock(&mutex_);
  active_.erase(sha256);
}

}  // namespace modeld
