#include "registry/cli/render_store.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "registry/cli/table.h"

namespace modeld {
namespace {

constexpr size_t kShortHash = 12;

std::string Bytes(int64_t bytes) { return FormatBytes(static_cast<uint64_t>(bytes)); }

std::string Short(const std::string& sha256) { return sha256.empty() ? "-" : sha256.substr(0, kShortHash); }

std::string KindName(v1::StoreFindingKind kind) {
  return absl::AsciiStrToLower(v1::StoreFindingKind_Name(kind).substr(sizeof("STORE_FINDING_KIND_") - 1));
}

}  // namespace

std::string RenderGarbage(const v1::CollectGarbageResponse& response, const Look& look) {
  if (response.versions().empty() && response.orphans().empty()) return "nothing to collect\n";
  Table table({"MODEL", "VERSION", "SHA256", "FREES"});
  for (const v1::CollectedVersion& version : response.versions()) {
    table.AddRow({version.model(), version.version(), Short(version.sha256()),
                  version.freed_bytes() == 0 ? "0 B (shared)" : Bytes(version.freed_bytes())});
  }
  for (const std::string& orphan : response.orphans()) {
    table.AddRow({{"(orphan)", Tone::kFaint}, "-", Short(orphan), "-"});
  }
  std::string out = table.ToString(look.color);
  absl::StrAppend(&out, "\n", response.versions_size(), " versions and ", response.orphans_size(),
                  " orphans, ", Bytes(response.freed_bytes()));
  absl::StrAppend(&out, response.applied() ? " freed\n" : "; nothing was changed: add --apply to do it\n");
  return out;
}

std::string RenderFindings(const v1::VerifyStoreResponse& response, const Look& look) {
  const std::string read = absl::StrCat(response.artifacts(), " artifacts read, ", Bytes(response.bytes()));
  if (response.findings().empty()) return absl::StrCat(read, "; all is well\n");
  Table table({"FINDING", "SHA256", "VERSIONS", "REPAIR", "DETAIL"});
  for (const v1::StoreFinding& finding : response.findings()) {
    const Tone tone = finding.kind() == v1::STORE_FINDING_KIND_ORPHAN ? Tone::kBusy : Tone::kBad;
    table.AddRow({{KindName(finding.kind()), tone},
                  Short(finding.sha256()),
                  finding.versions().empty() ? "-" : absl::StrJoin(finding.versions(), ", "),
                  finding.repair().empty() ? "-" : finding.repair(),
                  finding.detail()});
  }
  return absl::StrCat(table.ToString(look.color), "\n", read, "\n");
}

}  // namespace modeld
