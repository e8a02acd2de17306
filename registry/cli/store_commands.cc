#include "registry/cli/store_commands.h"

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "registry/backup_writer.h"
#include "registry/base/file_system.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/cli/render_store.h"
#include "registry/cli/table.h"
#include "registry/restore.h"
#include "registry/stamp.h"

namespace modeld {
namespace {

void WriteJson(Session& session, const nlohmann::ordered_json& json) {
  session.Write(json.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

// One line each; empty where there is none.
std::string LeftOut(const std::vector<std::string>& artifacts) {
  std::string out;
  for (const std::string& artifact : artifacts) {
    absl::StrAppend(&out, "left out, for it is missing or damaged: ", artifact, " (not served)\n");
  }
  return out;
}

}  // namespace

absl::Status RunGc(Session& session) {
  const Arguments& arguments = session.arguments();
  MODELD_ASSIGN_OR_RETURN(Backend* const backend, session.backend());
  v1::CollectGarbageRequest request;
  request.set_model(arguments.model);
  request.set_keep_last(arguments.care.keep_last);
  request.set_keep_younger_seconds(arguments.care.keep_younger_s);
  request.set_apply(arguments.care.apply);
  request.set_reason(arguments.reason);
  request.set_actor(session.actor());
  MODELD_ASSIGN_OR_RETURN(const v1::CollectGarbageResponse response, backend->CollectGarbage(request));
  return session.Print(response, RenderGarbage(response, session.look()));
}

absl::Status RunVerify(Session& session) {
  MODELD_ASSIGN_OR_RETURN(Backend* const backend, session.backend());
  v1::VerifyStoreRequest request;
  request.set_repair(session.arguments().care.repair);
  request.set_actor(session.actor());
  MODELD_ASSIGN_OR_RETURN(const v1::VerifyStoreResponse response, backend->VerifyStore(request));
  MODELD_RETURN_IF_ERROR(session.Print(response, RenderFindings(response, session.look())));
  const auto open = std::count_if(response.findings().begin(), response.findings().end(),
                                  [](const v1::StoreFinding& finding) { return finding.repair().empty(); });
  if (open == 0) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(
      "findings not repaired: ", open,
      request.repair()
          ? "; see REPAIR above for what is left to a person"
          : "; modelctl verify --repair repairs what can be, and artifacts that are live or cannot be "
            "mended come back by dropping their files again"));
}

absl::Status RunBackup(Session& session) {
  const std::string& directory = session.arguments().care.directory;
  MODELD_ASSIGN_OR_RETURN(Backend* const backend, session.backend());
  MODELD_ASSIGN_OR_RETURN(const std::unique_ptr<BackupWriter> writer,
                          BackupWriter::Open(FileSystem::Real(), directory));
  v1::BackupRequest request;
  MODELD_ASSIGN_OR_RETURN(const std::vector<std::string> have, writer->Have());
  request.mutable_have_sha256()->Assign(have.begin(), have.end());
  MODELD_RETURN_IF_ERROR(
      backend->Backup(request, [&](const v1::BackupResponse& part) { return writer->Take(part); }));
  MODELD_ASSIGN_OR_RETURN(const BackupSummary summary, writer->Finish());
  if (session.arguments().json) {
    WriteJson(session, {{"directory", directory},
                        {"artifacts", summary.artifacts},
                        {"bytes", summary.bytes},
                        {"received_artifacts", summary.received_artifacts},
                        {"received_bytes", summary.received_bytes},
                        {"left_out", summary.left_out}});
  } else {
    session.Write(absl::StrCat("backed up to ", Printable(directory), ": ", summary.artifacts, " artifacts, ",
                               FormatBytes(static_cast<uint64_t>(summary.bytes)),
                               "; new: ", summary.received_artifacts, ", with the registry ",
                               FormatBytes(static_cast<uint64_t>(summary.received_bytes)), "\n",
                               LeftOut(summary.left_out)));
  }
  return absl::OkStatus();
}

absl::Status RunRestore(Session& session) {
  const CareArguments& care = session.arguments().care;
  MODELD_ASSIGN_OR_RETURN(const RestoreSummary summary,
                          RestoreBackup(*FileSystem::Real(), session.clock(),
                                        {.backup = care.directory,
                                         .state_directory = care.state_directory,
                                         .force = care.force,
                                         .actor = session.actor()}));
  if (session.arguments().json) {
    WriteJson(session, {{"state_directory", care.state_directory},
                        {"artifacts", summary.artifacts},
                        {"bytes", summary.bytes},
                        {"replaced", summary.replaced},
                        {"left_out", summary.left_out}});
  } else {
    session.Write(absl::StrCat("restored to ", Printable(care.state_directory), ": ", summary.artifacts,
                               " artifacts, ", FormatBytes(static_cast<uint64_t>(summary.bytes)), "\n",
                               summary.replaced.empty() ? ""
                                                        : absl::StrCat("the registry that was there is now ",
                                                                       Printable(summary.replaced), "\n"),
                               LeftOut(summary.left_out)));
  }
  return absl::OkStatus();
}

absl::Status RunStamp(Session& session) {
  const StampArguments& arguments = session.arguments().stamp;
  const std::string& path = arguments.output.empty() ? arguments.file : arguments.output;
  const absl::StatusOr<StampedConfig> stamped =
      StampArchive(*FileSystem::Real(), arguments.file, arguments.output,
                   {.name = arguments.name,
                    .version = session.arguments().version,
                    .description = arguments.description,
                    .force = arguments.force});
  if (!stamped.ok()) {
    const std::string message = absl::StrCat(Quote(arguments.file, arguments.file.size()),
                                             " is not stamped: ", std::string(stamped.status().message()));
    // No daemon was asked, so that "not reachable" would be told wrongly.
    return absl::Status(
        absl::IsUnavailable(stamped.status()) ? absl::StatusCode::kInvalidArgument : stamped.status().code(),
        message);
  }
  if (session.arguments().json) {
    WriteJson(session, {{"path", path},
                        {"model", stamped->name},
                        {"version", stamped->version},
                        {"config", nlohmann::ordered_json::parse(stamped->json)},
                        {"warnings", stamped->warnings}});
    return absl::OkStatus();
  }
  session.Write(absl::StrCat(Printable(path),
                             " is stamped: ", stamped->name.empty() ? "" : absl::StrCat(stamped->name, " "),
                             stamped->version, "\n"));
  for (const std::string& warning : stamped->warnings) {
    session.Write(absl::StrCat("warning: ", Printable(warning), "\n"));
  }
  return absl::OkStatus();
}

}  // namespace modeld
