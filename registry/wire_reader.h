// WireReader: the fields of a protobuf message that is a file, one after the other, without its schema and
// without holding it in memory. What is skipped is not read from the disk. Internal to the ONNX reader.
#pragma once

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "registry/base/file_system.h"

namespace modeld {

// As they lie there: the tag's last three bits.
enum class WireType { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

struct WireField {
  uint32_t number = 0;
  WireType type = WireType::kVarint;
  uint64_t offset = 0;  // in the file, where its tag begins
};

// Not thread-safe. After Next the field's value is taken by exactly one of Varint, Text, Enter and Skip, of
// which the first three must fit the field's type. After an error nothing more may be read.
//
// Errors:
//   IncompleteError   the file ends within a field, or has zeros where one should begin: some copying tools
//                     reserve the space first.
//   INVALID_ARGUMENT  no protobuf: an unknown wire type, a number too long, a length beyond the message.
//   those of FileSystem.
class WireReader {
 public:
  // No protobuf message is larger than INT32_MAX, which CodedInputStream takes to mean that there is no
  // limit.
  static constexpr uint64_t kMaxBytes = INT32_MAX - 1;

  // `fd` stands at the beginning of a file of `file_bytes` bytes. It and `file_system` outlive this.
  // REQUIRES: file_bytes <= kMaxBytes.
  WireReader(FileSystem* file_system, int fd, uint64_t file_bytes);

  // The next field of the message that was entered last; none at its end.
  absl::StatusOr<std::optional<WireField>> Next();

  absl::StatusOr<uint64_t> Varint();
  // None where it is longer than `max_bytes`: then it was skipped.
  absl::StatusOr<std::optional<std::string>> Text(size_t max_bytes);
  absl::Status Skip(const WireField& field);

  // Makes the field's message the one that Next reads.
  absl::Status Enter();
  // Back to the message around it. REQUIRES: Next said that it ended.
  void Leave();
  // Messages entered and not left.
  size_t depth() const { return around_.size(); }

  // From the beginning of the file.
  uint64_t position() const { return static_cast<uint64_t>(in_.CurrentPosition()); }

 private:
  class File final : public google::protobuf::io::CopyingInputStream {
   public:
    File(FileSystem* file_system, int fd) : file_system_(file_system), fd_(fd) {}
    int Read(void* buffer, int size) override;
    int Skip(int count) override;
    const absl::Status& status() const { return status_; }

   private:
    FileSystem* const file_system_;
    const int fd_;
    absl::Status status_;
  };

  // A length, which fits what is left of the message.
  absl::StatusOr<int> Length();
  absl::Status SkipBytes(int count);
  // The error of a value that goes beyond the end of the message.
  absl::Status CutOff() const;
  absl::Status Damaged(const std::string& what) const;

  File file_;
  google::protobuf::io::CopyingInputStreamAdaptor blocks_;
  google::protobuf::io::CodedInputStream in_;
  std::vector<google::protobuf::io::CodedInputStream::Limit> around_;
};

}  // namespace modeld
