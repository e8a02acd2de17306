#include "daemon/probe/conclusion.h"

#include <signal.h>
#include <string.h>

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/codec/utf8.h"
#include "registry/base/quote.h"

namespace modeld {
namespace {

constexpr char kMemoryHint[] =
    "it needs more memory than a probe may take: give the daemon more, raise the limit, or warm smaller "
    "batch "
    "sizes";
constexpr char kTimeHint[] =
    "look for a loop that does not end; if it is only slow, raise --probe-timeout-s or warm smaller batch "
    "sizes";
constexpr char kCrashHint[] =
    "a crash in native code: a damaged file, an operator called with what it does not check, or a file made "
    "for another version of PyTorch; load and run it in Python to see";

std::string SignalName(int signal) {
  const char* const name = ::sigabbrev_np(signal);
  return name != nullptr ? absl::StrCat("SIG", name) : absl::StrCat("signal ", signal);
}

std::string While(const v1::ProbeReport& report) {
  return report.stage().empty() ? "" : absl::StrCat(" while ", report.stage());
}

// The last line, for messages.
std::string LastLine(std::string words) {
  while (!words.empty() && (words.back() == '\n' || words.back() == ' ')) words.pop_back();
  const size_t line = words.rfind('\n');
  return line == std::string::npos ? words : words.substr(line + 1);
}

std::string HowText(const ProbeEnd& end) {
  switch (end.how) {
    case ProbeEnd::How::kKilled:
      return absl::StrCat("was killed by ", SignalName(end.code));
    case ProbeEnd::How::kNoReport:
      return "wrote what is no report";
    case ProbeEnd::How::kExited:
      return absl::StrCat("ended with exit status ", end.code);
    default:
      return "took too long";
  }
}

void Fail(v1::ProbeReport& report, v1::ProbeOutcome outcome, const std::string& reason, const char* hint) {
  report.set_outcome(outcome);
  report.set_reason(reason);
  report.set_hint(hint);
}

void Blame(v1::ProbeReport& report, const ProbeEnd& end, const std::string& last_words,
           const ProbeLimits& limits) {
  const std::string while_text = While(report);
  if (end.how == ProbeEnd::How::kTooLong) {
    return Fail(report, v1::PROBE_OUTCOME_TIMED_OUT,
                absl::StrCat("took longer than ", absl::FormatDuration(limits.wall), while_text), kTimeHint);
  }
  if (end.how == ProbeEnd::How::kKilled && end.code == SIGXCPU) {
    return Fail(report, v1::PROBE_OUTCOME_TIMED_OUT,
                absl::StrCat("used more than ", absl::FormatDuration(limits.cpu), " of CPU time", while_text),
                kTimeHint);
  }
  if (end.how == ProbeEnd::How::kKilled && end.code == SIGKILL) {
    return Fail(
        report, v1::PROBE_OUTCOME_OUT_OF_MEMORY,
        absl::StrCat("killed by SIGKILL", while_text, ", most likely by the kernel, because memory ran out"),
        kMemoryHint);
  }
  // What nobody caught ends the process by abort().
  if (absl::StrContains(last_words, "std::bad_alloc") ||
      absl::StrContains(last_words, "Cannot allocate memory")) {
    return Fail(report, v1::PROBE_OUTCOME_OUT_OF_MEMORY, absl::StrCat("memory ran out", while_text),
                kMemoryHint);
  }
  std::string reason = HowText(end);
  if (end.how == ProbeEnd::How::kKilled) reason = absl::StrCat("killed by ", SignalName(end.code));
  Fail(report, v1::PROBE_OUTCOME_CRASHED, absl::StrCat(reason, while_text), kCrashHint);
}

}  // namespace

absl::StatusOr<v1::ProbeReport> Conclude(v1::ProbeReport last, const ProbeEnd& end,
                                         const std::string& last_words, const ProbeLimits& limits) {
  last.set_last_words(ToUtf8(last_words));
  if (last.outcome() == v1::PROBE_OUTCOME_PASSED) last.clear_stage();  // where a plan ended the process
  if (last.outcome() != v1::PROBE_OUTCOME_UNSPECIFIED) return last;
  const std::string words = LastLine(last_words);
  const std::string said = words.empty() ? "" : absl::StrCat(": ", Quote(words, 500));
  if (end.how == ProbeEnd::How::kExited && end.code == kProbeMachineFault) {
    return absl::UnavailableError(words.empty() ? "the probe failed, and does not say why" : words);
  }
  if (end.how == ProbeEnd::How::kStarved) {
    return absl::UnavailableError(
        absl::StrCat("the probe was given up", While(last), ": the machine was too busy to run it"));
  }
  if (end.how == ProbeEnd::How::kKilled &&
      (end.code == SIGTERM || end.code == SIGINT || end.code == SIGHUP)) {
    // A version does not do this to itself; a service manager does, to all processes of a service.
    return absl::UnavailableError(
        absl::StrCat("the probe was ended from outside, by ", SignalName(end.code), While(last)));
  }
  if (last.stage().empty() || last.stage() == kProbeStarting) {
    return absl::InternalError(
        absl::StrCat("the probe's process ", HowText(end), " before it looked at the version", said));
  }
  Blame(last, end, last_words, limits);
  return last;
}

}  // namespace modeld
