#include "daemon/probe/probe_command.h"

#include <google/protobuf/util/json_util.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "daemon/codec/utf8.h"
#include "daemon/probe/choose_plan.h"
#include "daemon/probe/machine.h"
#include "daemon/probe/probe_child.h"
#include "daemon/probe/probe_process.h"
#include "registry/base/file_system.h"
#include "registry/base/status_macros.h"
#include "registry/incomplete.h"
#include "registry/inspect.h"
#include "registry/model_config.h"
#include "registry/unpacker.h"

namespace modeld {
namespace {

constexpr char kProbe[] = "--probe";
constexpr char kProbeChild[] = "--probe-child";

enum ExitStatus { kPassed = 0, kRefused = 1, kUsage = 2, kNotTried = 3 };

struct Arguments {
  std::string file;
  std::string config;  // of the sidecar; empty: where it would lie
  std::string as;
  int timeout_s = 300;
  int64_t memory_mib = 0;
  bool try_plans = false;
  std::vector<std::string> formats = NamesOf(DefaultFormats());
};

// Where the file would lie below the drop directory: NAME/3/model.pt where its directory is a number.
std::string RelativePath(const std::string& file) {
  const std::filesystem::path path = std::filesystem::absolute(file).lexically_normal();
  const std::string directory = path.parent_path().filename().string();
  bool is_number = !directory.empty();
  for (const char c : directory) is_number = is_number && absl::ascii_isdigit(static_cast<unsigned char>(c));
  const std::filesystem::path name = path.parent_path().parent_path().filename();
  return is_number && !name.empty() ? (name / directory / path.filename()).string()
                                    : path.filename().string();
}

absl::StatusOr<ProbeRequest> RequestFor(const Arguments& arguments) {
  FileSystem& file_system = *FileSystem::Real();
  MODELD_ASSIGN_OR_RETURN(const std::vector<GoldenFile> golden, ListGoldenFiles(file_system, arguments.file));
  MODELD_ASSIGN_OR_RETURN(
      const InspectedFile file,
      InspectFile(file_system, arguments.file,
                  arguments.as.empty() ? RelativePath(arguments.file) : arguments.as,
                  arguments.config.empty() ? SidecarPath(arguments.file) : arguments.config,
                  {.config = {}, .formats = FormatsFromNames(arguments.formats)}, golden));
  ProbeRequest request;
  request.artifact_path = arguments.file;
  request.format = file.archive.format;
  request.config_json = file.parsed.canonical_json;
  request.device = DeviceOf(file.parsed.config);
  for (const InspectedGolden& sample : file.golden) {
    request.golden.push_back({.name = sample.name, .path = sample.path});
  }
  request.limits = {.wall = absl::Seconds(arguments.timeout_s),
                    .cpu = absl::Seconds(arguments.timeout_s),
                    .memory_bytes = arguments.memory_mib << 20};
  request.try_plans = arguments.try_plans;
  request.most_threads = MostThreads(file.parsed.config.execution(), 0, 0, ThisMachine().cpus);
  return request;
}

// What the daemon would refuse the file for, before it came to a probe.
bool IsTheFilesFault(const absl::Status& status) {
  return absl::IsInvalidArgument(status) || absl::IsUnimplemented(status) ||
         absl::IsFailedPrecondition(status) || IsIncomplete(status);
}

absl::StatusOr<v1::ProbeReport> Probe(const Arguments& arguments,
                                      const std::vector<std::string>& for_engine) {
  absl::StatusOr<ProbeRequest> request = RequestFor(arguments);
  if (IsTheFilesFault(request.status())) {
    v1::ProbeReport report;
    report.set_outcome(v1::PROBE_OUTCOME_NOT_LOADABLE);
    report.set_reason(ToUtf8(std::string(request.status().message())));
    return report;
  }
  MODELD_RETURN_IF_ERROR(request.status());
  MODELD_ASSIGN_OR_RETURN(const std::unique_ptr<Unpacker> unpacker,
                          Unpacker::OpenTemporary(FileSystem::Real()));
  MODELD_ASSIGN_OR_RETURN(const UnpackedFiles unpacked,
                          unpacker->Unpack(request->artifact_path, request->format));
  request->unpacked = unpacked.directory();
  return ProbeProcess(ProbeProcess::OwnCommand(for_engine)).Run(*std::move(request));
}

void Print(const v1::ProbeReport& report) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(report, &json, options).ok()) json = "{}\n";
  std::fputs(json.c_str(), stdout);
}

}  // namespace

bool IsProbe(int argc, const char* const* argv) {
  if (argc < 2) return false;
  const std::string_view first = argv[1];
  return first == kProbe || first == kProbeChild ||
         first.substr(0, sizeof(kProbe)) == absl::StrCat(kProbe, "=");
}

int ProbeMain(std::vector<std::string> command_line, Engine& engine,
              const std::vector<std::string>& for_engine) {
  if (command_line.at(0) == kProbeChild) ::_exit(ProbeChild(engine));
  Arguments arguments;
  CLI::App app("Try a model file as the daemon would, in a confined process of its own, and print the report",
               "modeld");
  app.add_option(kProbe, arguments.file, "The model file")->required();
  app.add_option("--config", arguments.config,
                 "Its config.json, if the archive has none; default: FILE.config.json");
  app.add_option("--as", arguments.as, "Where it would lie below the drop directory");
  app.add_option("--probe-timeout-s", arguments.timeout_s, "Longest time that it may take")
      ->check(CLI::Range(1, 86400))
      ->capture_default_str();
  app.add_option("--probe-memory-mib", arguments.memory_mib,
                 "Memory that it may take; 0: half of the machine's")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 30))
      ->capture_default_str();
  app.add_option("--try-plans", arguments.try_plans, "Look for a faster way to run it on this machine")
      ->type_name("BOOL")
      ->capture_default_str();
  app.add_option("--formats", arguments.formats,
                 "Formats that it may have, separated by commas; pt2 holds machine code, which it runs")
      ->type_name("NAME")
      ->delimiter(',')
      ->take_all()
      ->check(CLI::IsMember(NamesOf(AllFormats())))
      ->capture_default_str();
  try {
    std::reverse(command_line.begin(), command_line.end());  // as CLI11 takes it
    app.parse(std::move(command_line));
  } catch (const CLI::ParseError& error) {
    return app.exit(error, std::cout, std::cerr) == 0 ? kPassed : kUsage;
  }
  const absl::StatusOr<v1::ProbeReport> report = Probe(arguments, for_engine);
  if (!report.ok()) {
    std::fprintf(stderr, "modeld: %s\n", std::string(report.status().message()).c_str());
    return kNotTried;
  }
  Print(*report);
  return report->outcome() == v1::PROBE_OUTCOME_PASSED ? kPassed : kRefused;
}

}  // namespace modeld
