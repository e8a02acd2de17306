// LoadGenerator: calls Predict of one model with one input, and counts what comes back.
//
// Open loop: calls are due at times drawn beforehand (a Poisson process) and are sent then, whatever became
// of the calls before; latency is counted from the time at which a call was due, so that a server which
// stalls cannot hide it by slowing the caller down. Closed loop: a fixed number of calls is always under way;
// for measuring what the server can do at most.
//
// Cheap, because it runs on the machine that it measures: the request is serialized once and sent as bytes.
#pragma once

#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tools/bench/load/histogram.h"

namespace modeld::load {

struct Options {
  std::string target;           // HOST:PORT
  std::string model;            // answers for its live version
  std::string input = "x";      // name of its only input
  std::vector<int64_t> shape;   // of that input, an FP32 tensor
  double rate = 0;              // calls a second, on average; 0: closed loop
  int concurrency = 4;          // of the closed loop
  double duration_seconds = 1;  // calls that are due after this are not made
  double timeout_seconds = 30;  // for each call
  int connections = 2;
  uint64_t seed = 1;
};

// Calls that were due within one second.
struct Second {
  Histogram latency;                         // of those that were answered
  Histogram refused;                         // of those for which there was no room
  std::map<std::string, uint64_t> versions;  // answers by version
  std::map<std::string, uint64_t> errors;    // by code and message
};

class LoadGenerator {
 public:
  using Clock = std::chrono::steady_clock;

  explicit LoadGenerator(const Options& options);

  // Calls for the duration, and returns when every call was answered or failed. Call once.
  const std::vector<Second>& Run(Clock::time_point start);

 private:
  struct Call;

  void RunOpen(Clock::time_point start);
  void Begin(Clock::time_point due);
  // Takes answers until the queue is shut down. A thread of its own.
  void Receive();
  void Count(const Call& call, Clock::time_point now);

  const Options options_;
  Clock::time_point start_;
  grpc::ByteBuffer request_;
  std::vector<std::unique_ptr<grpc::GenericStub>> stubs_;
  std::atomic<size_t> next_stub_ = 0;
  grpc::CompletionQueue queue_;
  std::atomic<int64_t> under_way_ = 0;
  std::vector<Second> seconds_;  // of the receiving thread
};

}  // namespace modeld::load
