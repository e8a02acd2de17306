#include "registry/base/log.h"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>

#include "registry/base/quote.h"

namespace modeld {
namespace {

std::string_view LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "error";
}

// See sd-daemon(3).
std::string_view JournalPrefix(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "<7>";
    case LogLevel::kInfo:
      return "<6>";
    case LogLevel::kWarning:
      return "<4>";
    case LogLevel::kError:
      return "<3>";
  }
  return "<3>";
}

spdlog::level::level_enum SpdlogLevel(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

// JOURNAL_STREAM holds device and inode of the journal's socket. It is inherited by children whose standard
// error may lead elsewhere, so the variable alone proves nothing (systemd.exec(5)).
bool StandardErrorIsJournal() {
  const char* stream = ::getenv("JOURNAL_STREAM");
  struct stat status;
  if (stream == nullptr || ::fstat(STDERR_FILENO, &status) != 0) return false;
  return absl::StrCat(status.st_dev, ":", status.st_ino) == stream;
}

class Logger {
 public:
  Logger()
      : to_journal_(StandardErrorIsJournal()),
        logger_("modeld", std::make_shared<spdlog::sinks::stderr_sink_mt>()) {
    logger_.set_formatter(std::make_unique<spdlog::pattern_formatter>(
        to_journal_ ? "%v" : "time=%Y-%m-%dT%H:%M:%S.%eZ %v", spdlog::pattern_time_type::utc));
    logger_.set_level(spdlog::level::info);
  }

  void set_level(LogLevel level) { logger_.set_level(SpdlogLevel(level)); }

  template <typename Fields>
  void Write(LogLevel level, std::string_view message, const Fields& fields) {
    const spdlog::level::level_enum spdlog_level = SpdlogLevel(level);
    if (!logger_.should_log(spdlog_level)) return;
    std::string line;
    if (to_journal_) line = JournalPrefix(level);
    line += FormatLogLine(level, message, fields);
    logger_.log(spdlog_level, spdlog::string_view_t(line.data(), line.size()));
  }

 private:
  const bool to_journal_;
  spdlog::logger logger_;
};

// Never destroyed: threads may log while the process ends.
Logger& TheLogger() {
  static Logger* const logger = new Logger;
  return *logger;
}

// See https://www.brandur.org/logfmt: a bare value ends at a space, and `=` begins a value.
bool NeedsQuotes(std::string_view value) {
  return value.empty() || value.find_first_of(" =\"\\") != std::string_view::npos || !IsPrintable(value);
}

}  // namespace

void SetLogLevel(LogLevel level) { TheLogger().set_level(level); }

void Log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  TheLogger().Write(level, message, fields);
}

void Log(LogLevel level, std::string_view message, const std::vector<LogField>& fields) {
  TheLogger().Write(level, message, fields);
}

namespace {

template <typename Fields>
std::string Format(LogLevel level, std::string_view message, const Fields& fields) {
  constexpr size_t kMaxValueBytes = 16 << 10;
  std::string line =
      absl::StrCat("level=", std::string(LevelName(level)), " msg=", Quote(message, kMaxValueBytes));
  for (const LogField& field : fields) {
    absl::StrAppend(&line, " ", std::string(field.key), "=");
    line += NeedsQuotes(field.value) ? Quote(field.value, kMaxValueBytes) : field.value;
  }
  return line;
}

}  // namespace

std::string FormatLogLine(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  return Format(level, message, fields);
}

std::string FormatLogLine(LogLevel level, std::string_view message, const std::vector<LogField>& fields) {
  return Format(level, message, fields);
}

}  // namespace modeld
