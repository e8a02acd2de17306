#include "registry/records.h"

namespace modeld {

bool IsCollected(const VersionRecord& version) {
  return version.disposition == Disposition::kRetired && version.reason == kCollectedReason;
}

std::string_view DispositionName(Disposition disposition) {
  switch (disposition) {
    case Disposition::kGood:
      return "good";
    case Disposition::kQuarantined:
      return "quarantined";
    case Disposition::kRetired:
      return "retired";
  }
  return "unknown";
}

std::optional<Disposition> DispositionFromName(std::string_view name) {
  for (Disposition disposition : {Disposition::kGood, Disposition::kQuarantined, Disposition::kRetired}) {
    if (DispositionName(disposition) == name) return disposition;
  }
  return std::nullopt;
}

std::string_view FileOutcomeName(FileOutcome outcome) {
  switch (outcome) {
    case FileOutcome::kRegistered:
      return "registered";
    case FileOutcome::kQuarantined:
      return "quarantined";
  }
  return "unknown";
}

std::optional<FileOutcome> FileOutcomeFromName(std::string_view name) {
  for (FileOutcome outcome : {FileOutcome::kRegistered, FileOutcome::kQuarantined}) {
    if (FileOutcomeName(outcome) == name) return outcome;
  }
  return std::nullopt;
}

std::string_view ReleaseStateName(ReleaseState state) {
  switch (state) {
    case ReleaseState::kPending:
      return "pending";
    case ReleaseState::kLive:
      return "live";
    case ReleaseState::kRefused:
      return "refused";
  }
  return "unknown";
}

std::optional<ReleaseState> ReleaseStateFromName(std::string_view name) {
  for (ReleaseState state : {ReleaseState::kPending, ReleaseState::kLive, ReleaseState::kRefused}) {
    if (ReleaseStateName(state) == name) return state;
  }
  return std::nullopt;
}

}  // namespace modeld
