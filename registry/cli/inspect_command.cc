#include "registry/cli/inspect_command.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "registry/artifact_reader.h"
#include "registry/base/file_system.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/cli/render.h"
#include "registry/cli/table.h"
#include "registry/sha256.h"

namespace modeld {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

bool IsNumber(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](unsigned char character) { return std::isdigit(character) != 0; });
}

const char* ConfigSource(const InspectedFile& file) {
  if (file.archive.config_json.has_value()) return "archive";
  return file.config_from_sidecar ? "sidecar" : "none";
}

// "FP32[-1, 8, 8]", "any".
std::string SpecText(const v1::TensorSpec& spec) {
  const std::string dtype = spec.dtype().empty() ? "any" : spec.dtype();
  return spec.shape().empty() ? dtype : absl::StrCat(dtype, "[", absl::StrJoin(spec.shape(), ", "), "]");
}

template <typename Specs>
void AppendSpecs(const char* kind, const Specs& specs, std::string* out) {
  for (const v1::TensorSpec& spec : specs) {
    absl::StrAppend(out, "  ", kind, Printable(spec.name()), ": ", SpecText(spec), "\n");
  }
}

}  // namespace

absl::StatusOr<std::string> RelativePathFor(const std::string& path, const InspectArguments& arguments) {
  if (!arguments.as.empty()) return arguments.as;
  if (path.empty()) return absl::NotFoundError("the path is empty");
  const fs::path absolute = fs::absolute(path).lexically_normal();
  if (!arguments.drop_directory.empty()) {
    const fs::path relative =
        absolute.lexically_relative(fs::absolute(arguments.drop_directory).lexically_normal());
    if (relative.empty() || *relative.begin() == ".." || relative == ".") {
      return absl::InvalidArgumentError(
          absl::StrCat(Quote(path), " does not lie in the drop directory ", Quote(arguments.drop_directory)));
    }
    return relative.string();
  }
  const fs::path directory = absolute.parent_path();
  if (!IsNumber(directory.filename().string()) || !directory.parent_path().has_filename()) {
    return absolute.filename().string();
  }
  return (directory.parent_path().filename() / directory.filename() / absolute.filename()).string();
}

InspectReport Inspect(const std::string& path, const InspectArguments& arguments) {
  InspectReport report;
  report.path = path;
  report.status = [&]() -> absl::Status {
    FileSystem& file_system = *FileSystem::Real();
    MODELD_ASSIGN_OR_RETURN(report.relative_path, RelativePathFor(path, arguments));
    // It runs nothing.
    const InspectOptions options = {.config = {.strict = arguments.strict_config}, .formats = AllFormats()};
    MODELD_ASSIGN_OR_RETURN(const std::vector<GoldenFile> golden, ListGoldenFiles(file_system, path));
    MODELD_ASSIGN_OR_RETURN(report.file, InspectFile(file_system, path, report.relative_path,
                                                     SidecarPath(path), options, golden));
    if (!arguments.sha256) return absl::OkStatus();
    MODELD_ASSIGN_OR_RETURN(report.sha256, Sha256OfFile(file_system, path));
    return absl::OkStatus();
  }();
  return report;
}

std::string RenderReport(const InspectReport& report) {
  std::string out = absl::StrCat(Printable(report.path), "\n");
  if (!report.status.ok()) {
    return absl::StrCat(out, "  refused:  ", Printable(std::string(report.status.message())), "\n");
  }
  const InspectedFile& file = report.file;
  const v1::ModelConfig& config = file.parsed.config;
  absl::StrAppend(&out, "  model:    ", file.identity.name, "\n  version:  ", file.identity.version, "\n");
  if (!config.description().empty())
    absl::StrAppend(&out, "  about:    ", Printable(config.description()), "\n");
  absl::StrAppend(&out, "  format:   ", std::string(FormatName(file.archive.format)), ", ",
                  FormatBytes(file.archive.file_bytes), "\n");
  if (!report.sha256.empty()) absl::StrAppend(&out, "  sha256:   ", report.sha256, "\n");
  const bool in_file = file.archive.config_json.has_value() && !CarriesExtraFiles(file.archive.format);
  absl::StrAppend(&out, "  config:   ", in_file ? "in the file" : ConfigSource(file), "\n");
  AppendSpecs("input:    ", config.inputs(), &out);
  AppendSpecs("output:   ", config.outputs(), &out);
  if (!file.archive.extra_files.empty()) {
    absl::StrAppend(&out, "  extra:    ", Printable(absl::StrJoin(file.archive.extra_files, ", ")), "\n");
  }
  for (const InspectedGolden& golden : file.golden) {
    absl::StrAppend(&out, "  golden:   ", Printable(golden.name), ", ",
                    FormatBytes(static_cast<uint64_t>(golden.size_bytes)),
                    golden.path.empty() ? "" : ", beside the file", "\n");
  }
  for (const std::string& warning : file.parsed.warnings) {
    absl::StrAppend(&out, "  warning:  ", Printable(warning), "\n");
  }
  return out;
}

Json ReportsToJson(const std::vector<InspectReport>& reports) {
  Json files = Json::array();
  for (const InspectReport& report : reports) {
    Json json = {
        {"path", report.path}, {"relative_path", report.relative_path}, {"accepted", report.status.ok()}};
    if (report.status.ok()) {
      const InspectedFile& file = report.file;
      json["model"] = file.identity.name;
      json["version"] = file.identity.version;
      json["format"] = std::string(FormatName(file.archive.format));
      json["size_bytes"] = file.archive.file_bytes;
      if (!report.sha256.empty()) json["sha256"] = report.sha256;
      json["config_source"] = ConfigSource(file);
      json["config"] = Json::parse(file.parsed.canonical_json);
      json["extra_files"] = file.archive.extra_files;
      json["golden"] = Json::array();
      for (const InspectedGolden& golden : file.golden) {
        json["golden"].push_back({{"name", golden.name},
                                  {"size_bytes", golden.size_bytes},
                                  {"beside_the_file", !golden.path.empty()}});
      }
      json["warnings"] = file.parsed.warnings;
    } else {
      json["error"] = {{"code", absl::StatusCodeToString(report.status.code())},
                       {"message", std::string(report.status.message())}};
    }
    files.push_back(std::move(json));
  }
  return {{"files", std::move(files)}};
}

}  // namespace modeld
