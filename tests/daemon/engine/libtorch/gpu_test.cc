// Versions on GPUs: those of CUDA where LibTorch has it and the machine has one, else what stands for them
// (tests/support/gpu_standin.cc).
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/cuda.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/engine/libtorch/device.h"
#include "tests/support/loaded_model.h"
#include "tests/support/status_matchers.h"

#ifdef MODELD_TEST_GPU_STANDIN
#include <c10/core/CachingDeviceAllocator.h>
#endif

namespace modeld {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kGpu[] = "cuda:0";

class OnGpu final : public CalledModel {
 public:
  explicit OnGpu(const std::string& name, const Plan& plan = {}, const std::string& device = kGpu)
      : CalledModel(NewLibtorchEngine(), {.artifact_path = ModelPath(name), .plan = plan, .device = device}) {
  }
};

// Equal but for the rounding of FP32.
void ExpectSame(const Value& actual, const Value& expected) {
  ASSERT_EQ(ValueSummary(actual), ValueSummary(expected));
  if (const auto* tensor = expected.get_if<Tensor>(); tensor != nullptr && tensor->dtype == DType::kFp32) {
    EXPECT_EQ(actual.get_if<Tensor>()->shape, tensor->shape);
    EXPECT_THAT(ElementsOf<float>(actual),
                ::testing::Pointwise(::testing::FloatNear(1e-4f), ElementsOf<float>(expected)));
  } else if (const auto* tuple = expected.get_if<Tuple>()) {
    const auto& items = actual.get_if<Tuple>()->items;
    ASSERT_EQ(items.size(), tuple->items.size());
    for (size_t i = 0; i < items.size(); ++i) ExpectSame(items[i], tuple->items[i]);
  } else {
    EXPECT_EQ(Dump(actual), Dump(expected));
  }
}

class GpuTest : public ::testing::Test {
 protected:
  void SetUp() override {
#ifdef MODELD_TEST_GPU_STANDIN
    ASSERT_GT(torch::cuda::device_count(), 0) << "what stands for GPUs is not taken for them";
#endif
    if (torch::cuda::device_count() == 0) GTEST_SKIP() << "no GPU";
  }
};

TEST_F(GpuTest, TheAnswersAreThoseOfTheCpu) {
  const Tensor image = FloatTensor({1}, {2});
  const std::vector<std::pair<std::string, NamedValues>> calls = {
      {"cnn", {{"input", Ramp({2, 1, 8, 8})}}},
      {"batch_norm", {{"input", Ramp({2, 3, 8, 8})}}},
      {"tied", {{"x", Ramp({3, 4})}}},
      {"control_flow", {{"x", Ramp({2, 3})}, {"flag", Value{false}}}},
      {"detection", {{"images", ListOf({Value{image}})}}},
      {"tensor_list", {{"xs", ListOf({Ramp({2})})}}},
      {"tensor_dict", {{"xs", DictOf({{Str("t"), Ramp({2})}})}}},
      {"tuple_output", {{"x", Ramp({2})}}},
      {"optional", {{"x", Ramp({2})}, {"bias", Ramp({2})}}},
      {"token_mask", {{"ids", Value{IntTensor({2}, {3, 50257})}}}},
      {"lookup", {{"input", Value{IntTensor({2}, {2, 0})}}}},
      {"parameter", {}},
      {"hooked", {{"x", Ramp({2, 3})}}},
  };
  for (const auto& [name, inputs] : calls) {
    LoadedModel on_cpu(name);
    ASSERT_OK_AND_ASSIGN(const Value expected, on_cpu.Call(inputs));
    for (const Plan& plan : NewLibtorchEngine()->plans(ArtifactFormat::kTorchScript)) {
      if (plan.precision != Precision::kAsSaved || (name == "hooked" && plan.variant != "")) continue;
      SCOPED_TRACE(name + " as " + PlanName(plan));
      OnGpu on_gpu(name, plan);
      for (int call = 0; call < 3; ++call) {  // of which LibTorch profiles the first
        ASSERT_OK_AND_ASSIGN(const Value actual, on_gpu.Call(inputs));
        ExpectSame(actual, expected);
      }
    }
  }
}

TEST_F(GpuTest, CallsInBf16AnswerInTheDtypeOfTheirInputs) {
  for (const Plan& plan : NewLibtorchEngine()->plans(ArtifactFormat::kTorchScript)) {
    if (plan.precision != Precision::kBf16) continue;
    OnGpu model("cnn", plan);
    ASSERT_OK_AND_ASSIGN(const Value answer, model.Call({{"input", Ramp({2, 1, 8, 8})}}));
    EXPECT_EQ(answer.get_if<Tensor>()->dtype, DType::kFp32);
    ASSERT_OK_AND_ASSIGN(const Value expected, LoadedModel("cnn").Call({{"input", Ramp({2, 1, 8, 8})}}));
    EXPECT_THAT(ElementsOf<float>(answer),
                ::testing::Pointwise(::testing::FloatNear(0.05f), ElementsOf<float>(expected)));
  }
}

// A module with attributes that it writes is copied for each run, or for a sequence of them.
TEST_F(GpuTest, WhatAModelWritesStaysInItsSequence) {
  OnGpu counter("counter_in_place");
  for (int call = 0; call < 2; ++call)
    EXPECT_EQ(counter.Answer({}), LoadedModel("counter_in_place").Answer({}));
  counter.KeepState();
  const std::string first = counter.Answer({});
  EXPECT_EQ(first, LoadedModel("counter_in_place").Answer({}));
  EXPECT_NE(counter.Answer({}), first);
}

TEST_F(GpuTest, WhatAModelKeepsOfItsInputIsThereInTheNextCall) {
  OnGpu on_gpu("keeps_input");
  on_gpu.KeepState();
  EXPECT_OK(on_gpu.Call({{"x", Ramp({2})}}));
  EXPECT_EQ(on_gpu.Answer({{"x", Ramp({1})}}), Dump(Ramp({2})));
}

TEST_F(GpuTest, WhatForksRunsThereToo) {
  OnGpu model("fork_without_wait");
  EXPECT_EQ(model.Answer({{"x", Ramp({3})}}), Dump(Ramp({3})));
}

TEST_F(GpuTest, CudaWithoutANumberMeansTheVersionsGpu) {
  const int last = static_cast<int>(torch::cuda::device_count()) - 1;
  for (const char* const name : {"default_gpu", "default_gpu_of_fork"}) {
    OnGpu model(name, {}, "cuda:" + std::to_string(last));
    EXPECT_EQ(model.Answer({{"x", Ramp({1})}}), Dump(Int(last))) << name;
  }
}

// A fault ends the process's use of GPUs, hence another process.
class GpuDeathTest : public GpuTest {
 protected:
  void SetUp() override {
    GpuTest::SetUp();
    ::testing::GTEST_FLAG(death_test_style) = "threadsafe";
  }
};

TEST_F(GpuDeathTest, AfterAFaultNothingOnAGpuIsCalledAndTheEngineSaysSo) {
  const auto fault = [] {
    const std::unique_ptr<Engine> engine = NewLibtorchEngine();
    const auto load = [&](const std::string& name, const std::string& device) {
      auto executable = engine->Load({.artifact_path = ModelPath(name), .device = device});
      if (!executable.ok()) std::exit(10);
      return *std::move(executable);
    };
    const auto lookup = load("lookup", kGpu);
    const auto other = load("cnn", kGpu);
    const auto stateful = load("counts_lookups", kGpu);
    const absl::StatusOr<std::unique_ptr<Executable>> session = stateful->NewSession();
    if (!session.ok()) std::exit(19);
    const auto on_cpu = load("cnn", "");
    const auto code_of = [](Executable& executable, Value argument) {
      return executable.Run(0, {std::move(argument)}).status().code();
    };
    if (code_of(*lookup, Value{IntTensor({1}, {1})}) != absl::StatusCode::kOk) std::exit(11);
    if (!engine->health().ok()) std::exit(12);
    // It may be the fault of this request: another server must not get it.
    if (code_of(*lookup, Value{IntTensor({1}, {7})}) != absl::StatusCode::kInternal) std::exit(13);
    if (engine->health().code() != absl::StatusCode::kUnavailable) std::exit(14);
    if (engine->health().message().find("computes no more") == std::string::npos) std::exit(15);
    if (code_of(*other, Ramp({1, 1, 8, 8})) != absl::StatusCode::kUnavailable) std::exit(16);
    for (Executable* const each : {stateful.get(), session->get()}) {
      if (code_of(*each, Value{IntTensor({1}, {1})}) != absl::StatusCode::kUnavailable) std::exit(20);
    }
    if (stateful->NewSession().status().code() != absl::StatusCode::kUnavailable) std::exit(21);
    const auto again = engine->Load({.artifact_path = ModelPath("cnn"), .device = kGpu});
    if (again.status().code() != absl::StatusCode::kUnavailable) std::exit(18);
    if (code_of(*on_cpu, Ramp({1, 1, 8, 8})) != absl::StatusCode::kOk) std::exit(17);
    std::_Exit(0);
  };
  EXPECT_EXIT(fault(), ::testing::ExitedWithCode(0), "");
}

TEST_F(GpuTest, ARunThatFailsForAnotherReasonIsNoFault) {
  const std::unique_ptr<Engine> engine = NewLibtorchEngine();
  ASSERT_OK_AND_ASSIGN(const auto executable,
                       engine->Load({.artifact_path = ModelPath("cnn"), .device = kGpu}));
  EXPECT_THAT(executable->Run(0, {Ramp({1, 3, 8, 8})}), StatusIs(absl::StatusCode::kInternal, HasSubstr("")));
  EXPECT_OK(engine->health());
  EXPECT_OK(executable->Run(0, {Ramp({1, 1, 8, 8})}));
}

#ifdef MODELD_TEST_GPU_STANDIN

// The memory that GPUs have, for as long as it lives.
class GpuMemory {
 public:
  explicit GpuMemory(int mib) { ::setenv(kVariable, std::to_string(mib).c_str(), /*replace=*/1); }
  ~GpuMemory() { ::unsetenv(kVariable); }
  GpuMemory(const GpuMemory&) = delete;
  GpuMemory& operator=(const GpuMemory&) = delete;

 private:
  static constexpr char kVariable[] = "MODELD_STANDIN_MIB";
};

TEST_F(GpuTest, ALoadThatFindsTooLittleMemoryIsNotTheVersionsFault) {
  const GpuMemory none(0);
  const std::unique_ptr<Engine> engine = NewLibtorchEngine();
  EXPECT_THAT(engine->Load({.artifact_path = ModelPath("cnn"), .device = kGpu}).status(),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       AllOf(HasSubstr("out of the GPU's memory"), HasSubstr("CUDA out of memory"))));
  EXPECT_OK(engine->health());
}

// That there is not even memory to begin with is no fault that lasts.
TEST_F(GpuTest, AGpuThatIsFullIsNotLost) {
  GpuHealth health;
  {
    const GpuMemory none(0);
    health.Examine(at::Device("cuda:0"), absl::InternalError("CUDA error: out of memory"));
  }
  EXPECT_OK(health.status());
}

TEST_F(GpuTest, ARunThatFindsTooLittleMemoryIsRefusedAndTheNextOneServed) {
  OnGpu model("cnn");
  {
    const GpuMemory none(0);
    EXPECT_THAT(model.Call({{"input", Ramp({1, 1, 8, 8})}}),
                StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("out of the GPU's memory")));
  }
  EXPECT_OK(model.Call({{"input", Ramp({1, 1, 8, 8})}}));
}

TEST_F(GpuTest, WhatAVersionTookOtherProcessesCanHaveOnceItIsGone) {
  c10::DeviceAllocator* const allocator = c10::getDeviceAllocator(c10::kCUDA);
  const auto reserved = [&] { return allocator->getDeviceStats(0).reserved_bytes[0].current; };
  {
    OnGpu model("cnn");
    EXPECT_OK(model.Call({{"input", Ramp({1, 1, 8, 8})}}));
    EXPECT_GT(reserved(), 0);
  }
  EXPECT_EQ(reserved(), 0);
}

#endif  // MODELD_TEST_GPU_STANDIN

}  // namespace
}  // namespace modeld
