// Options: everything that can be set, from the command line or a TOML file, by one definition (options.cc).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/server/engine_options.h"
#include "registry/base/artifact_format.h"

namespace modeld {

// Paths are absolute.
struct Options {
  // source
  std::string drop_directory;
  int settle_ms = 500;
  int incomplete_timeout_s = 10;
  int rescan_interval_s = 10;
  bool strict_config = false;
  std::vector<std::string> formats = NamesOf(DefaultFormats());
  // registry
  std::string state_directory;  // default: systemd's $STATE_DIRECTORY
  // safety
  bool probe = true;
  bool try_plans = true;
  int probe_timeout_s = 300;
  int64_t probe_memory_mib = 0;   // 0: half of the memory that this process may use
  int64_t memory_budget_mib = 0;  // 0: four fifths of the memory that this process may use
  std::string memory_policy = "availability";
  int guard_watch_s = 300;
  // rpc
  std::vector<std::string> listen = {"127.0.0.1:8500"};
  std::string http_listen = "127.0.0.1:8501";  // empty: HTTP is off
  std::string admin_socket;                    // default: <state_directory>/admin.sock
  int64_t max_message_bytes = 64ll << 20;
  int64_t max_received_mib = 1024;  // of all requests that come in, by gRPC and by HTTP each
  bool reflection = true;
  // scheduling
  int instances = 0;             // of a version whose config does not say it; 0: as many as the CPUs allow
  int threads_per_instance = 0;  // as above; 0: one, but where a plan says more
  bool pin_instances = false;
  int max_queue = 1024;         // requests that wait for one version
  int64_t max_queue_mib = 256;  // of their inputs
  int64_t max_image_megapixels = 64;
  int max_sequences = 1024;
  int64_t max_sequences_mib = 0;  // of their states; 0: a tenth of the memory that this process may use
  int sequence_idle_s = 60;
  EngineOptions engines;
  // server
  int shutdown_grace_s = 30;
  std::string log_level = "info";
  bool log_requests = false;
  int slow_request_ms = 0;  // 0: none is
};

// What parsing came to: options to run with, or a text to print and an exit status (--help, --version, an
// error).
struct ParsedOptions {
  Options options;
  std::string effective;  // all options in force, as TOML: what --config would take
  bool exit = false;
  int exit_code = 0;
  std::string output;  // to standard output if exit_code is 0, else to standard error
};

// Parses the command line and the file of --config. `version_text` is what --version prints. Of the
// environment only STATE_DIRECTORY is read.
ParsedOptions ParseOptions(int argc, const char* const* argv, const std::string& version_text);

}  // namespace modeld
