#include "registry/wire_reader.h"

#include <errno.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "registry/base/errno_status.h"
#include "registry/base/status_macros.h"
#include "registry/incomplete.h"

namespace modeld {
namespace {

// Small enough that reading one to skip most of it costs little, large enough for what is not skipped.
constexpr int kBlockBytes = 32 << 10;

}  // namespace

int WireReader::File::Read(void* buffer, int size) {
  const absl::StatusOr<size_t> read = file_system_->Read(fd_, buffer, static_cast<size_t>(size));
  if (!read.ok()) {
    status_ = read.status();
    return -1;
  }
  // Nobody reads beyond the size that the file had.
  if (*read == 0) status_ = IncompleteError("incomplete: the file was cut short while it was read");
  return static_cast<int>(*read);
}

int WireReader::File::Skip(int count) {
  if (::lseek(fd_, count, SEEK_CUR) >= 0) return count;
  status_ = ErrnoStatus(errno, "cannot move to another place of the file");
  return 0;
}

WireReader::WireReader(FileSystem* file_system, int fd, uint64_t file_bytes)
    : file_(file_system, fd), blocks_(&file_, kBlockBytes), in_(&blocks_) {
  in_.PushLimit(static_cast<int>(file_bytes));
}

absl::StatusOr<std::optional<WireField>> WireReader::Next() {
  if (in_.BytesUntilLimit() == 0) return std::nullopt;
  const uint64_t offset = position();
  MODELD_ASSIGN_OR_RETURN(const uint64_t tag, Varint());
  if (tag == 0) {
    return IncompleteError(absl::StrCat(
        "incomplete: zeros at byte ", offset,
        ", where a field should begin; the file's space is reserved, but not yet written, or it is damaged"));
  }
  const uint64_t number = tag >> 3, type = tag & 7;
  if (number == 0 || tag > UINT32_MAX) return Damaged(absl::StrCat("a field of the number ", number));
  // Groups (3 and 4), which ended with proto2's beginnings, are not worth their code.
  if (type != 0 && type != 1 && type != 2 && type != 5) {
    return Damaged(absl::StrCat("a field of the wire type ", type, ", which is none of 0, 1, 2 and 5"));
  }
  return WireField{
      .number = static_cast<uint32_t>(number), .type = static_cast<WireType>(type), .offset = offset};
}

absl::StatusOr<uint64_t> WireReader::Varint() {
  constexpr int kLongest = 10;
  const int left = in_.BytesUntilLimit();
  uint64_t value = 0;
  if (in_.ReadVarint64(&value)) return value;
  MODELD_RETURN_IF_ERROR(file_.status());
  return left < kLongest ? CutOff() : Damaged("a number of more than 10 bytes");
}

absl::StatusOr<std::optional<std::string>> WireReader::Text(size_t max_bytes) {
  MODELD_ASSIGN_OR_RETURN(const int length, Length());
  if (static_cast<size_t>(length) > max_bytes) {
    MODELD_RETURN_IF_ERROR(SkipBytes(length));
    return std::nullopt;
  }
  std::string text;
  if (in_.ReadString(&text, length)) return text;
  MODELD_RETURN_IF_ERROR(file_.status());
  return CutOff();
}

absl::Status WireReader::Skip(const WireField& field) {
  switch (field.type) {
    case WireType::kVarint:
      return Varint().status();
    case WireType::kFixed64:
      return SkipBytes(8);
    case WireType::kFixed32:
      return SkipBytes(4);
    case WireType::kBytes: {
      MODELD_ASSIGN_OR_RETURN(const int length, Length());
      return SkipBytes(length);
    }
  }
  return absl::OkStatus();
}

absl::Status WireReader::Enter() {
  MODELD_ASSIGN_OR_RETURN(const int length, Length());
  around_.push_back(in_.PushLimit(length));
  return absl::OkStatus();
}

void WireReader::Leave() {
  in_.PopLimit(around_.back());
  around_.pop_back();
}

absl::StatusOr<int> WireReader::Length() {
  MODELD_ASSIGN_OR_RETURN(const uint64_t length, Varint());
  if (length > kMaxBytes) return Damaged(absl::StrCat("a field of ", length, " bytes"));
  if (static_cast<int>(length) > in_.BytesUntilLimit()) return CutOff();
  return static_cast<int>(length);
}

absl::Status WireReader::SkipBytes(int count) {
  if (count > in_.BytesUntilLimit()) return CutOff();
  if (in_.Skip(count)) return absl::OkStatus();
  MODELD_RETURN_IF_ERROR(file_.status());
  return CutOff();
}

absl::Status WireReader::CutOff() const {
  if (depth() > 0) return Damaged("a field that goes beyond the message that holds it");
  return IncompleteError("incomplete: the file ends within a field; it is truncated or still being copied");
}

absl::Status WireReader::Damaged(const std::string& what) const {
  return absl::InvalidArgumentError(
      absl::StrCat("no protobuf message: it has ", what, ", before byte ", position()));
}

}  // namespace modeld
