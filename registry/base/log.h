// Log lines: one a fact, logfmt on standard error, at a level. Thin over spdlog.
//
//   time=2026-01-02T03:04:05.678Z level=info msg="version published" model=digits version=1.1
//
// Where standard error is the journal (see JOURNAL_STREAM in systemd.exec(5)) the time is left out and the
// line begins with the journal's priority prefix, `<6>`. A line is one line of valid UTF-8 whatever the
// values hold: see Quote. Thread-safe.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace modeld {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// A key and its value as text; values are quoted where logfmt needs it.
struct LogField {
  LogField(std::string_view key, const absl::AlphaNum& value) : key(key), value(value.Piece()) {}
  LogField(std::string_view key, const absl::Status& status) : key(key), value(status.message()) {}
  std::string_view key;
  std::string value;
};

// Lines below `level` are dropped. Default: kInfo.
void SetLogLevel(LogLevel level);

void Log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});
// For lines whose fields are not always the same.
void Log(LogLevel level, std::string_view message, const std::vector<LogField>& fields);

inline void LogDebug(std::string_view message, std::initializer_list<LogField> fields = {}) {
  Log(LogLevel::kDebug, message, fields);
}
inline void LogInfo(std::string_view message, std::initializer_list<LogField> fields = {}) {
  Log(LogLevel::kInfo, message, fields);
}
inline void LogWarning(std::string_view message, std::initializer_list<LogField> fields = {}) {
  Log(LogLevel::kWarning, message, fields);
}
inline void LogError(std::string_view message, std::initializer_list<LogField> fields = {}) {
  Log(LogLevel::kError, message, fields);
}

// One logfmt line without time and line end: what Log writes, for tests.
std::string FormatLogLine(LogLevel level, std::string_view message, std::initializer_list<LogField> fields);
std::string FormatLogLine(LogLevel level, std::string_view message, const std::vector<LogField>& fields);

}  // namespace modeld
