#include "tools/bench/load/load_generator.h"

#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/proto_buffer_reader.h>
#include <time.h>

#include <cmath>
#include <random>
#include <thread>
#include <utility>

#include "modeld/v1/model_service.pb.h"

namespace modeld::load {
namespace {

constexpr char kPredict[] = "/modeld.v1.ModelService/Predict";
constexpr size_t kMaxMessageBytes = 120;

grpc::ByteBuffer Serialize(const Options& options) {
  v1::PredictRequest request;
  request.set_model(options.model);
  v1::Tensor& tensor = *(*request.mutable_inputs())[options.input].mutable_tensor();
  tensor.set_dtype("FP32");
  size_t elements = 1;
  for (const int64_t dimension : options.shape) {
    tensor.add_shape(dimension);
    elements *= static_cast<size_t>(dimension);
  }
  std::vector<float> values(elements);
  for (size_t i = 0; i < elements; ++i) values[i] = static_cast<float>(i % 255) / 255;
  tensor.set_raw(values.data(), values.size() * sizeof(float));
  const grpc::Slice slice(request.SerializeAsString());
  return grpc::ByteBuffer(&slice, 1);
}

// std::this_thread::sleep_until may come tens of microseconds late; the slack is set to none by main.
void SleepUntil(LoadGenerator::Clock::time_point when) {
  const auto since_boot = std::chrono::duration_cast<std::chrono::nanoseconds>(when.time_since_epoch());
  const timespec time{.tv_sec = static_cast<time_t>(since_boot.count() / 1'000'000'000),
                      .tv_nsec = static_cast<long>(since_boot.count() % 1'000'000'000)};
  while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr) != 0) {
  }
}

}  // namespace

struct LoadGenerator::Call {
  Clock::time_point due;
  grpc::ClientContext context;
  grpc::ByteBuffer response;
  grpc::Status status;
  std::unique_ptr<grpc::GenericClientAsyncResponseReader> reader;
};

LoadGenerator::LoadGenerator(const Options& options)
    : options_(options),
      request_(Serialize(options)),
      seconds_(static_cast<size_t>(std::ceil(options.duration_seconds))) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a connection for each channel
  arguments.SetMaxReceiveMessageSize(-1);
  for (int i = 0; i < options.connections; ++i) {
    stubs_.push_back(std::make_unique<grpc::GenericStub>(
        grpc::CreateCustomChannel(options.target, grpc::InsecureChannelCredentials(), arguments)));
  }
}

const std::vector<Second>& LoadGenerator::Run(Clock::time_point start) {
  start_ = start;
  std::thread receiver([this] { Receive(); });
  if (options_.rate > 0) {
    RunOpen(start);
  } else {
    for (int i = 0; i < options_.concurrency; ++i) Begin(Clock::now());
  }
  for (int64_t left = under_way_; left > 0; left = under_way_) under_way_.wait(left);
  queue_.Shutdown();
  receiver.join();
  return seconds_;
}

void LoadGenerator::RunOpen(Clock::time_point start) {
  std::mt19937_64 random(options_.seed);
  std::exponential_distribution<double> gap(options_.rate);
  for (double due = gap(random); due < options_.duration_seconds; due += gap(random)) {
    const auto when = start + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(due));
    SleepUntil(when);
    Begin(when);
  }
}

void LoadGenerator::Begin(Clock::time_point due) {
  ++under_way_;
  auto* const call = new Call;  // until Receive has its answer
  call->due = due;
  call->context.set_deadline(std::chrono::system_clock::now() +
                             std::chrono::milliseconds(static_cast<int64_t>(options_.timeout_seconds * 1e3)));
  call->reader =
      stubs_[next_stub_++ % stubs_.size()]->PrepareUnaryCall(&call->context, kPredict, request_, &queue_);
  call->reader->StartCall();
  call->reader->Finish(&call->response, &call->status, call);
}

void LoadGenerator::Receive() {
  const auto end = start_ + std::chrono::duration<double>(options_.duration_seconds);
  void* tag = nullptr;
  for (bool ok = false; queue_.Next(&tag, &ok);) {
    const Clock::time_point now = Clock::now();
    const std::unique_ptr<Call> call(static_cast<Call*>(tag));
    Count(*call, now);
    if (options_.rate == 0 && now < end) Begin(now);
    --under_way_;
    under_way_.notify_one();
  }
}

void LoadGenerator::Count(const Call& call, Clock::time_point now) {
  const auto index = std::chrono::duration_cast<std::chrono::seconds>(call.due - start_).count();
  Second& second = seconds_.at(std::min(static_cast<size_t>(index), seconds_.size() - 1));
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(now - call.due).count();
  if (call.status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED) second.refused.Add(took);
  if (!call.status.ok()) {
    ++second.errors[std::to_string(call.status.error_code()) + " " +
                    call.status.error_message().substr(0, kMaxMessageBytes)];
    return;
  }
  second.latency.Add(took);
  v1::PredictResponse response;
  grpc::ByteBuffer bytes = call.response;
  grpc::ProtoBufferReader reader(&bytes);
  if (response.ParseFromZeroCopyStream(&reader)) {
    ++second.versions[response.version()];
  } else {
    ++second.errors["an answer that cannot be read"];
  }
}

}  // namespace modeld::load
