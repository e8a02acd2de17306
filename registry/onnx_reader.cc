#include "registry/onnx_reader.h"

#include <errno.h>
#include <unistd.h>

#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "registry/base/errno_status.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/foreign_magic.h"
#include "registry/incomplete.h"
#include "registry/onnx_tensors.h"
#include "registry/wire_reader.h"

namespace modeld {
namespace {

// Fields of ModelProto.
enum ModelField : uint32_t {
  kIrVersion = 1,
  kProducerName = 2,
  kProducerVersion = 3,
  kDomain = 4,
  kModelVersion = 5,
  kDocString = 6,
  kGraph = 7,
  kOpsetImport = 8,
  kMetadataProps = 14,
  kTrainingInfo = 20,
  kFunctions = 25,
};

// Since this version of the format a model names its operator sets.
constexpr uint64_t kFirstWithOpsets = 3;

absl::Status Refused(const std::string& why) {
  return absl::InvalidArgumentError(absl::StrCat("no ONNX file: ", why));
}

// The wire type that a field must have; none for those that the format does not know (yet).
std::optional<WireType> TypeOf(uint32_t field) {
  switch (field) {
    case kIrVersion:
    case kModelVersion:
      return WireType::kVarint;
    case kProducerName:
    case kProducerVersion:
    case kDomain:
    case kDocString:
    case kGraph:
    case kOpsetImport:
    case kMetadataProps:
    case kTrainingInfo:
    case kFunctions:
      return WireType::kBytes;
    default:
      return std::nullopt;
  }
}

// What a file begins with tells what it is, before a length that is none has it waited for.
absl::Status CheckBeginning(FileSystem& file_system, int fd) {
  char buffer[512];
  MODELD_ASSIGN_OR_RETURN(const size_t size, file_system.Read(fd, buffer, sizeof(buffer)));
  const std::string_view head(buffer, size);
  if (head.empty()) return IncompleteError("incomplete: the file is empty");
  if (head[0] == '\0') {
    return IncompleteError(
        "incomplete: the file begins with zeros; its space is reserved, but not yet written");
  }
  const uint8_t tag = static_cast<uint8_t>(head[0]);
  const std::optional<WireType> type = tag < 0x80 ? TypeOf(tag >> 3) : std::nullopt;
  if (!type || static_cast<int>(*type) != (tag & 7)) {
    const char* const what = DescribeForeign(head);
    return Refused(what != nullptr
                       ? what
                       : absl::StrCat("it begins with ", Quote(head.substr(0, 4)),
                                      ", as no onnx.ModelProto does; write it with onnx.save_model "
                                      "or torch.onnx.export"));
  }
  if (::lseek(fd, 0, SEEK_SET) == 0) return absl::OkStatus();
  return ErrnoStatus(errno, "cannot go back to the beginning of the file");
}

// What is gathered of a ModelProto as its fields come.
class ModelReader {
 public:
  ModelReader(WireReader* in, const ArchiveLimits& limits) : in_(*in), limits_(limits) {}

  absl::Status Read() {
    while (true) {
      MODELD_ASSIGN_OR_RETURN(const std::optional<WireField> field, in_.Next());
      if (!field) return CheckWhole();
      MODELD_RETURN_IF_ERROR(Take(*field));
    }
  }

  std::optional<std::string>& config() { return config_; }
  const std::optional<OnnxConfigPlace>& place() const { return place_; }

 private:
  absl::Status Take(const WireField& field) {
    if (const std::optional<WireType> type = TypeOf(field.number); type && *type != field.type) {
      return Refused(absl::StrCat("field ", field.number, " of onnx.ModelProto, at byte ", field.offset,
                                  ", has the wire type ", static_cast<int>(field.type), ", not ",
                                  static_cast<int>(*type)));
    }
    switch (field.number) {
      case kIrVersion: {
        MODELD_ASSIGN_OR_RETURN(ir_version_, in_.Varint());
        return absl::OkStatus();
      }
      case kGraph:
        // Parsers would make one of both, which is no model that anybody saved.
        if (std::exchange(has_graph_, true)) {
          return Refused(absl::StrCat("it has a second graph, at byte ", field.offset,
                                      "; are these two files, one after the other?"));
        }
        return CheckTensors(in_, OnnxMessage::kGraph);
      case kOpsetImport:
        has_opsets_ = true;
        return in_.Skip(field);
      case kMetadataProps:
        return TakeProperty(field);
      case kTrainingInfo:
        return CheckTensors(in_, OnnxMessage::kTraining);
      case kFunctions:
        return CheckTensors(in_, OnnxMessage::kFunction);
      default:
        return in_.Skip(field);
    }
  }

  absl::Status TakeProperty(const WireField& property) {
    constexpr uint32_t kKey = 1, kValue = 2;
    constexpr size_t kLongestKey = 64;  // a longer one is none of ours
    std::optional<std::string> key;
    std::optional<std::string> value = "";
    MODELD_RETURN_IF_ERROR(in_.Enter());
    while (true) {
      MODELD_ASSIGN_OR_RETURN(const std::optional<WireField> field, in_.Next());
      if (!field) break;
      if (field->number == kKey && field->type == WireType::kBytes) {
        MODELD_ASSIGN_OR_RETURN(key, in_.Text(kLongestKey));
      } else if (field->number == kValue && field->type == WireType::kBytes) {
        MODELD_ASSIGN_OR_RETURN(value, in_.Text(limits_.max_config_bytes));
      } else {
        MODELD_RETURN_IF_ERROR(in_.Skip(*field));
      }
    }
    in_.Leave();
    if (key != kOnnxConfigKey && key != kOnnxOtherConfigKey) return absl::OkStatus();
    if (!value) {
      return absl::InvalidArgumentError(absl::StrCat("the metadata property ", Quote(*key),
                                                     " is larger than the ", limits_.max_config_bytes,
                                                     " bytes allowed"));
    }
    if (config_) {
      return absl::InvalidArgumentError(absl::StrCat("the metadata properties hold two configs, ",
                                                     Quote(config_key_), " and ", Quote(*key),
                                                     "; keep one, best as \"", kOnnxConfigKey, "\""));
    }
    config_ = std::move(value);
    config_key_ = *std::move(key);
    place_ = {.offset = property.offset, .bytes = in_.position() - property.offset};
    return absl::OkStatus();
  }

  absl::Status CheckWhole() const {
    if (ir_version_ == 0) return Refused("it has no ir_version, which every onnx.ModelProto has");
    if (!has_graph_) return Refused("it has no graph");
    if (has_opsets_ || ir_version_ < kFirstWithOpsets) return absl::OkStatus();
    return IncompleteError(
        "incomplete: the file ends before the operator sets (opset_import) that follow a model's graph; it "
        "is "
        "truncated or still being copied");
  }

  WireReader& in_;
  const ArchiveLimits& limits_;
  uint64_t ir_version_ = 0;
  bool has_graph_ = false;
  bool has_opsets_ = false;
  std::optional<std::string> config_;
  std::string config_key_;
  std::optional<OnnxConfigPlace> place_;
};

// A field of a message whose bytes are `content`.
std::string BytesField(uint32_t number, const std::string& content) {
  std::string field(1, static_cast<char>(number << 3 | static_cast<uint32_t>(WireType::kBytes)));
  size_t length = content.size();
  for (; length >= 0x80; length >>= 7) field.push_back(static_cast<char>((length & 0x7F) | 0x80));
  field.push_back(static_cast<char>(length));
  return field + content;
}

}  // namespace

absl::StatusOr<ArchiveContents> ReadOnnx(FileSystem& file_system, const std::string& path,
                                         const ArchiveLimits& limits) {
  MODELD_ASSIGN_OR_RETURN(const UniqueFd fd, file_system.OpenForRead(path));
  MODELD_ASSIGN_OR_RETURN(const FileStat stat, file_system.StatDescriptor(fd.get()));
  if (stat.type != FileType::kRegular) {
    return absl::InvalidArgumentError(absl::StrCat(Quote(path), " is not a regular file"));
  }
  std::optional<OnnxConfigPlace> place;
  return ReadOnnxStructure(file_system, fd.get(), limits, &place);
}

absl::StatusOr<ArchiveContents> ReadOnnxStructure(FileSystem& file_system, int fd,
                                                  const ArchiveLimits& limits,
                                                  std::optional<OnnxConfigPlace>* place) {
  MODELD_ASSIGN_OR_RETURN(const FileStat stat, file_system.StatDescriptor(fd));
  ArchiveContents contents{.format = ArtifactFormat::kOnnx,
                           .file_bytes = static_cast<uint64_t>(stat.identity.size),
                           .config_json = std::nullopt,
                           .extra_files = {}};
  MODELD_RETURN_IF_ERROR(CheckBeginning(file_system, fd));
  if (contents.file_bytes > WireReader::kMaxBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "an ONNX file of ", contents.file_bytes, " bytes; at most ", WireReader::kMaxBytes,
        " are possible, which is what a protobuf message can have: quantize it, or save it as TorchScript"));
  }
  WireReader in(&file_system, fd, contents.file_bytes);
  ModelReader model(&in, limits);
  MODELD_RETURN_IF_ERROR(model.Read());
  contents.config_json = std::move(model.config());
  *place = model.place();
  return contents;
}

std::string OnnxConfigField(const std::string& config_json) {
  constexpr uint32_t kKey = 1, kValue = 2;
  return BytesField(kMetadataProps, BytesField(kKey, kOnnxConfigKey) + BytesField(kValue, config_json));
}

}  // namespace modeld
