#include "daemon/server/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <thread>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "daemon/server/listen_address.h"
#include "registry/base/status_macros.h"

namespace modeld {
namespace {

constexpr int kUsageError = 2;
constexpr char kNoHttp[] = "none";
constexpr int64_t kMostMebibytes = 1'000'000'000;
constexpr size_t kMaxSocketPathBytes = 107;                   // sockaddr_un::sun_path without its end
constexpr int64_t kMaxMessageBytes = (int64_t{1} << 31) - 1;  // what Protobuf can write

// As absolute_path, without `.`, `..` and a slash at the end.
std::string Absolute(const std::string& path) {
  std::filesystem::path absolute = std::filesystem::absolute(path).lexically_normal();
  if (!absolute.has_filename() && absolute.has_relative_path()) absolute = absolute.parent_path();
  return absolute.string();
}

// True for `directory` itself and everything below it. Both are absolute and normal.
bool LiesIn(const std::string& path, const std::string& directory) {
  const std::filesystem::path inner(path);
  const std::filesystem::path outer(directory);
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

std::string CheckListen(const std::string& address) {
  return std::string(ValidateListenAddress(address).message());
}

std::string CheckHttpListen(const std::string& address) {
  return address.empty() || address == kNoHttp ? "" : CheckListen(address);
}

void DefineOptions(CLI::App& app, Options& options) {
  // The ranges stand in the manual page: in --help they would drown the rest.
  const auto range = [](auto low, auto high) { return CLI::Range(low, high).description(""); };

  app.add_option("--drop-directory", options.drop_directory,
                 "Watch this directory for model files. It is never written to")
      ->required()
      ->type_name("DIR")
      ->group("Source");
  app.add_option("--settle-ms", options.settle_ms, "Take a file when it stood still for this long")
      ->type_name("N")
      ->check(range(0, 3'600'000))
      ->capture_default_str()
      ->group("Source");
  app.add_option("--incomplete-timeout-s", options.incomplete_timeout_s,
                 "Refuse a file as truncated when it stood still and incomplete for this long")
      ->type_name("N")
      ->check(range(0, 86'400))
      ->capture_default_str()
      ->group("Source");
  app.add_option("--rescan-interval-s", options.rescan_interval_s,
                 "Scan the drop directory at least this often (network file systems send no events)")
      ->type_name("N")
      ->check(range(1, 86'400))
      ->capture_default_str()
      ->group("Source");
  app.add_flag("--strict-config", options.strict_config,
               "Refuse unknown top-level keys of config.json instead of keeping them as metadata")
      ->group("Source");

  app.add_option(
         "--formats", options.formats,
         "Take files of these formats, separated by commas. Those of pt2 hold machine code, which runs "
         "when they are loaded")
      ->type_name("NAME")
      ->delimiter(',')
      ->take_all()
      ->check(CLI::IsMember(NamesOf(AllFormats())))
      ->capture_default_str()
      ->group("Source");

  app.add_option("--state-directory", options.state_directory,
                 "Keep the registry and the artifacts here; made with mode 0700 where missing")
      ->required()
      ->envname("STATE_DIRECTORY")
      ->type_name("DIR")
      ->group("Registry");

  app.add_option("--probe", options.probe, "Try each new version in a process of its own before loading it")
      ->type_name("BOOL")
      ->capture_default_str()
      ->group("Safety");
  app.add_option("--try-plans", options.try_plans,
                 "Look in the probe for a faster way to run each version, and run it so")
      ->type_name("BOOL")
      ->capture_default_str()
      ->group("Safety");
  app.add_option("--probe-timeout-s", options.probe_timeout_s, "Refuse a version whose probe takes longer")
      ->type_name("N")
      ->check(range(1, 86'400))
      ->capture_default_str()
      ->group("Safety");
  app.add_option("--probe-memory-mib", options.probe_memory_mib,
                 "Refuse a version whose probe takes more memory; 0: half of what this process may use")
      ->type_name("N")
      ->check(range(int64_t{0}, kMostMebibytes))
      ->capture_default_str()
      ->group("Safety");
  app.add_option("--memory-budget-mib", options.memory_budget_mib,
                 "Memory for all versions together; 0: four fifths of what this process may use")
      ->type_name("N")
      ->check(range(int64_t{0}, kMostMebibytes))
      ->capture_default_str()
      ->group("Safety");
  app.add_option("--memory-policy", options.memory_policy,
                 "Where a new version does not fit beside the old one: availability (it waits) or resource "
                 "(the old one goes first)")
      ->type_name("POLICY")
      ->check(CLI::IsMember({"availability", "resource"}))
      ->capture_default_str()
      ->group("Safety");
  app.add_option("--guard-watch-s", options.guard_watch_s,
                 "Watch a version for so long after it went live, and roll back if it does worse; 0: do not")
      ->type_name("N")
      ->check(range(0, 2'592'000))
      ->capture_default_str()
      ->group("Safety");

  app.add_option("--listen", options.listen,
                 "Serve clients on HOST:PORT; may be given more than once; port 0: any free one")
      ->type_name("HOST:PORT")
      ->expected(1, -1)
      ->check(CLI::Validator(CheckListen, "", "address"))
      ->capture_default_str()
      ->group("RPC");
  app.add_option("--http-listen", options.http_listen,
                 "Serve HTTP and JSON on HOST:PORT; port 0: any free one; none: do not")
      ->type_name("HOST:PORT")
      ->check(CLI::Validator(CheckHttpListen, "", "address"))
      ->capture_default_str()
      ->group("RPC");
  app.add_option("--admin-socket", options.admin_socket,
                 "Serve modelctl on this Unix socket, mode 0600 [<state directory>/admin.sock]")
      ->type_name("PATH")
      ->group("RPC");
  app.add_option("--max-message-bytes", options.max_message_bytes, "Largest request and largest answer")
      ->type_name("N")
      ->check(range(int64_t{1024}, kMaxMessageBytes))
      ->capture_default_str()
      ->group("RPC");
  app.add_option("--max-received-mib", options.max_received_mib,
                 "Memory that requests may take while they come in, of gRPC and of HTTP each, in MiB")
      ->type_name("N")
      ->check(range(int64_t{16}, kMostMebibytes))
      ->capture_default_str()
      ->group("RPC");
  app.add_option("--reflection", options.reflection, "Describe the services to clients that ask")
      ->type_name("BOOL")
      ->capture_default_str()
      ->group("RPC");

  app.add_option("--instances", options.instances,
                 "Requests of one version that run at the same time; 0: as many as CPUs may be used")
      ->type_name("N")
      ->check(range(0, 4096))
      ->capture_default_str()
      ->group("Scheduling");
  app.add_option(
         "--threads-per-instance", options.threads_per_instance,
         "Threads that one run may use; 0: one, or what is found to be best where latency is asked for")
      ->type_name("N")
      ->check(range(0, 1024))
      ->capture_default_str()
      ->group("Scheduling");
  app.add_flag("--pin-instances", options.pin_instances,
               "Hold each instance's threads to CPUs of their own, in turn")
      ->group("Scheduling");
  app.add_option("--max-queue", options.max_queue,
                 "Requests that may wait for one version; more are refused at once")
      ->type_name("N")
      ->check(range(1, 1'000'000))
      ->capture_default_str()
      ->group("Scheduling");
  app.add_option("--max-queue-mib", options.max_queue_mib,
                 "Memory of the requests that wait for one version; more are refused at once")
      ->type_name("N")
      ->check(range(int64_t{1}, kMostMebibytes))
      ->capture_default_str()
      ->group("Scheduling");

  app.add_option("--max-image-megapixels", options.max_image_megapixels,
                 "Largest encoded image that is decoded, in million pixels")
      ->type_name("N")
      ->check(range(int64_t{1}, int64_t{1000}))
      ->capture_default_str()
      ->group("Scheduling");
  app.add_option("--max-sequences", options.max_sequences,
                 "Sequences of stateful models that may be open; more are refused at once")
      ->type_name("N")
      ->check(range(1, 1'000'000))
      ->capture_default_str()
      ->group("Scheduling");
  app.add_option("--max-sequences-mib", options.max_sequences_mib,
                 "Memory of the states of all open sequences; 0: a tenth of what this process may use")
      ->type_name("N")
      ->check(range(int64_t{0}, kMostMebibytes))
      ->capture_default_str()
      ->group("Scheduling");
  app.add_option("--sequence-idle-s", options.sequence_idle_s,
                 "Give a sequence up that gets no request for so long")
      ->type_name("N")
      ->check(range(1, 86'400))
      ->capture_default_str()
      ->group("Scheduling");

  DefineEngineOptions(app, options.engines);

  app.add_option("--shutdown-grace-s", options.shutdown_grace_s,
                 "On SIGTERM, let requests in flight run for this long")
      ->type_name("N")
      ->check(range(0, 86'400))
      ->capture_default_str()
      ->group("Server");
  app.add_option("--log-level", options.log_level, "Log this and what is more severe")
      ->type_name("LEVEL")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->capture_default_str()
      ->group("Server");
  app.add_flag("--log-requests", options.log_requests, "Log each request")->group("Server");
  app.add_option("--slow-request-ms", options.slow_request_ms,
                 "Log requests that took at least this long; 0: none")
      ->type_name("N")
      ->check(range(0, 3'600'000))
      ->capture_default_str()
      ->group("Server");
}

// What depends on more than one option.
absl::Status Complete(Options& options) {
  options.drop_directory = Absolute(options.drop_directory);
  if (options.http_listen == kNoHttp) options.http_listen.clear();
  // systemd separates several state directories by colons.
  options.state_directory = Absolute(options.state_directory.substr(0, options.state_directory.find(':')));
  if (LiesIn(options.state_directory, options.drop_directory)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--state-directory ", options.state_directory, " lies in --drop-directory ",
                     options.drop_directory, "; what the daemon writes must lie outside of what it watches"));
  }
  options.admin_socket =
      options.admin_socket.empty() ? options.state_directory + "/admin.sock" : Absolute(options.admin_socket);
  if (options.admin_socket.size() > kMaxSocketPathBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("--admin-socket ", options.admin_socket, " is ", options.admin_socket.size(),
                     " bytes long; Unix sockets allow ", kMaxSocketPathBytes, "; choose a shorter path"));
  }
  return absl::OkStatus();
}

ParsedOptions Exit(int exit_code, std::string output) {
  ParsedOptions parsed;
  parsed.exit = true;
  parsed.exit_code = exit_code;
  parsed.output = std::move(output);
  return parsed;
}

ParsedOptions UsageError(const std::string& message) {
  return Exit(kUsageError, absl::StrCat("modeld: ", message, "\nmodeld --help lists the options\n"));
}

// What CLI11 calls INI is the TOML file; it names the key that it does not know.
std::string ConfigErrorText(absl::string_view what) {
  if (absl::ConsumePrefix(&what, "INI was not able to parse ")) {
    return absl::StrCat("--config: unknown key \"", what, "\"; keys are the long names of the options");
  }
  return absl::StrCat("--config: ", what);
}

}  // namespace

ParsedOptions ParseOptions(int argc, const char* const* argv, const std::string& version_text) {
  ParsedOptions parsed;
  CLI::App app("modeld serves TorchScript models over gRPC and keeps a registry of every version it served.",
               "modeld");
  app.get_formatter()->column_width(34);
  app.footer(
      "`modeld --probe FILE` only tries a model file, as the daemon would, and prints the report; see "
      "`modeld --probe --help`.");
  DefineOptions(app, parsed.options);
  app.set_help_flag("-h,--help", "Print this and exit")->group("Server");
  app.set_version_flag("--version", version_text, "Print the versions of modeld and its engines, and exit")
      ->group("Server");
  app.set_config("--config", "", "Read options from this TOML file: each key is an option's long name")
      ->type_name("FILE")
      ->group("Server");
  app.allow_config_extras(CLI::config_extras_mode::error);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return Exit(0, app.help());
  } catch (const CLI::CallForVersion& version) {
    return Exit(0, absl::StrCat(version.what(), "\n"));
  } catch (const CLI::ConfigError& error) {
    return UsageError(ConfigErrorText(error.what()));
  } catch (const CLI::ParseError& error) {
    return UsageError(error.what());
  }
  if (const absl::Status complete = Complete(parsed.options); !complete.ok()) {
    return UsageError(std::string(complete.message()));
  }
  parsed.effective = app.config_to_str(/*default_also=*/true);
  return parsed;
}

}  // namespace modeld
