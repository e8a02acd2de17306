#include "registry/cli/deploy_commands.h"

#include <algorithm>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "registry/artifact_reader.h"
#include "registry/base/file_system.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/cli/exit_code.h"
#include "registry/cli/inspect_command.h"
#include "registry/cli/table.h"
#include "registry/identify.h"
#include "registry/sha256.h"

namespace modeld {
namespace {

// How long a broken upload waits for the daemon to come back.
constexpr absl::Duration kReconnectTime = absl::Seconds(15);

int ExitCodeOfFate(v1::VersionFate fate) {
  switch (fate) {
    case v1::VERSION_FATE_LIVE:
      return kExitDone;
    case v1::VERSION_FATE_REFUSED:
      return kExitRefused;
    case v1::VERSION_FATE_READY:
      return kExitKept;
    default:
      return kExitFailed;
  }
}

absl::StatusOr<v1::WaitVersionResponse> Wait(Session& session, const std::string& model,
                                             const std::string& version) {
  MODELD_ASSIGN_OR_RETURN(Backend* const backend, session.backend());
  v1::WaitVersionRequest request;
  request.set_model(model);
  request.set_version(version);
  MODELD_ASSIGN_OR_RETURN(v1::WaitVersionResponse response, backend->WaitVersion(request));
  session.set_exit_code(ExitCodeOfFate(response.fate()));
  return response;
}

// Whether the daemon looked at the file and will not have it.
bool IsRefusal(const absl::Status& status) {
  return absl::IsInvalidArgument(status) || absl::IsAlreadyExists(status) ||
         absl::IsFailedPrecondition(status) || absl::IsUnimplemented(status);
}

// How far an upload has come, on one line of a terminal.
class Progress {
 public:
  Progress(const Session& session, std::string name, int64_t size)
      : session_(session), name_(std::move(name)), size_(size) {}
  ~Progress() { session_.WriteProgress(""); }

  void Show(int64_t sent) {
    const int percent = static_cast<int>(static_cast<double>(sent) * 100 / static_cast<double>(size_));
    if (percent == shown_) return;
    shown_ = percent;
    session_.WriteProgress(absl::StrFormat("%s  %3d %% of %s", Printable(name_), percent,
                                           FormatBytes(static_cast<uint64_t>(size_))));
  }

 private:
  const Session& session_;
  const std::string name_;
  const int64_t size_;
  int shown_ = -1;
};

// Where the config beside the artifact lies; empty: there is none.
absl::StatusOr<std::string> FindSidecar(const PushArguments& arguments) {
  if (!arguments.sidecar.empty()) return arguments.sidecar;
  const std::string beside = SidecarPath(arguments.file);
  const absl::StatusOr<FileStat> stat = FileSystem::Real()->Stat(beside);
  if (absl::IsNotFound(stat.status())) return "";
  if (!stat.ok()) return stat.status();
  return beside;
}

// Registering without them would leave out a check that its owner counts on.
absl::Status CheckNoGoldenBeside(const std::string& file) {
  const std::string beside = file + ".golden";
  if (!FileSystem::Real()->Stat(beside).ok()) return absl::OkStatus();
  const ArtifactFormat format = FormatFromExtension(file).value_or(ArtifactFormat::kTorchScript);
  return absl::InvalidArgumentError(
      absl::StrCat(Quote(beside), " cannot be pushed; ",
                   CarriesExtraFiles(format) ? "put the golden samples into the archive, or " : "",
                   "copy file and samples into the drop directory"));
}

absl::StatusOr<v1::PushHeader> NewHeader(const Session& session, const PushArguments& arguments) {
  FileSystem& file_system = *FileSystem::Real();
  MODELD_ASSIGN_OR_RETURN(const FileStat stat, file_system.Stat(arguments.file));
  if (stat.type != FileType::kRegular) {
    return absl::InvalidArgumentError(absl::StrCat(Quote(arguments.file), " is not a regular file"));
  }
  MODELD_RETURN_IF_ERROR(CheckNoGoldenBeside(arguments.file));
  InspectArguments place;
  place.as = arguments.as;
  v1::PushHeader header;
  MODELD_ASSIGN_OR_RETURN(*header.mutable_path(), RelativePathFor(arguments.file, place));
  MODELD_ASSIGN_OR_RETURN(const std::string sidecar, FindSidecar(arguments));
  if (!sidecar.empty()) {
    MODELD_ASSIGN_OR_RETURN(*header.mutable_sidecar_config(),
                            ReadFile(file_system, sidecar, ArchiveLimits().max_config_bytes));
  }
  MODELD_ASSIGN_OR_RETURN(*header.mutable_sha256(), Sha256OfFile(file_system, arguments.file));
  header.set_size_bytes(stat.identity.size);
  header.set_actor(session.actor());
  return header;
}

// One try to send what is missing.
absl::StatusOr<v1::PushResponse> SendRest(Session& session, Backend& backend, v1::PushHeader& header,
                                          const std::string& file) {
  MODELD_ASSIGN_OR_RETURN(const v1::GetUploadResponse upload, backend.GetUpload(header.sha256()));
  // More is there only where the file's size was told wrongly before.
  header.set_offset(upload.received_bytes() <= header.size_bytes() ? upload.received_bytes() : 0);
  std::ifstream stream(file, std::ios::binary);
  stream.seekg(header.offset());
  Progress progress(session, file, header.size_bytes());
  int64_t sent = header.offset();
  const ChunkSource next = [&](size_t max_bytes) -> absl::StatusOr<std::string> {
    progress.Show(sent);
    std::string chunk(max_bytes, '\0');
    stream.read(chunk.data(), static_cast<std::streamsize>(chunk.size()));
    if (stream.bad()) return absl::UnknownError(absl::StrCat("cannot read ", Quote(file)));
    chunk.resize(static_cast<size_t>(stream.gcount()));
    sent += stream.gcount();
    return chunk;
  };
  return backend.Push(header, next);
}

absl::StatusOr<v1::PushResponse> Send(Session& session, v1::PushHeader header, const std::string& file) {
  MODELD_ASSIGN_OR_RETURN(Backend* const backend, session.backend());
  // Is somebody there at all? Only an upload that has begun is worth waiting for.
  MODELD_RETURN_IF_ERROR(backend->GetUpload(header.sha256()).status());
  absl::StatusOr<v1::PushResponse> response = SendRest(session, *backend, header, file);
  const bool broken = absl::IsUnavailable(response.status()) && backend->Reconnect(kReconnectTime);
  // What was there from before was spoilt; the daemon has discarded it.
  const bool spoilt = absl::IsDataLoss(response.status()) && header.offset() > 0;
  if (broken || spoilt) response = SendRest(session, *backend, header, file);
  return response;
}

std::string RenderPushed(const v1::PushResponse& response) {
  return absl::StrCat(
      Printable(response.model()), " ", Printable(response.version()),
      response.already_registered() ? " was registered before, with the same bytes\n" : " is registered\n");
}

}  // namespace

absl::Status RunPush(Session& session) {
  const PushArguments& arguments = session.arguments().push;
  MODELD_ASSIGN_OR_RETURN(v1::PushHeader header, NewHeader(session, arguments));
  const absl::StatusOr<v1::PushResponse> pushed = Send(session, std::move(header), arguments.file);
  if (!pushed.ok()) {
    if (IsRefusal(pushed.status())) session.set_exit_code(kExitRefused);
    return pushed.status();
  }
  if (!arguments.wait) return session.Print(*pushed, RenderPushed(*pushed));

  if (!session.arguments().json) session.Write(RenderPushed(*pushed));
  MODELD_ASSIGN_OR_RETURN(const v1::WaitVersionResponse fate,
                          Wait(session, pushed->model(), pushed->version()));
  if (!session.arguments().json) {
    session.Write(RenderFate(pushed->model(), fate));
    return absl::OkStatus();
  }
  MODELD_ASSIGN_OR_RETURN(const std::string push_json, ToJson(*pushed));
  MODELD_ASSIGN_OR_RETURN(const std::string wait_json, ToJson(fate));
  session.Write(absl::StrCat("{\"push\": ", push_json, ", \"wait\": ", wait_json, "}\n"));
  return absl::OkStatus();
}

absl::Status RunWait(Session& session) {
  const Arguments& arguments = session.arguments();
  MODELD_ASSIGN_OR_RETURN(const v1::WaitVersionResponse response,
                          Wait(session, arguments.model, arguments.version));
  return session.Print(response, RenderFate(arguments.model, response));
}

}  // namespace modeld
