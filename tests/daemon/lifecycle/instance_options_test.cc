#include "daemon/lifecycle/instance_options.h"

#include "tests/support/fake_engine.h"
#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class InstanceOptionsTest : public ::testing::Test {
 protected:
  absl::StatusOr<InstanceGroupOptions> Options() {
    return InstanceOptionsOf(config_, InstancePlanOf(config_, defaults_), executable_, inputs_, defaults_,
                             &warnings_);
  }

  class MaybeStateful final : public Executable {
   public:
    const std::vector<Method>& methods() const override { return methods_; }
    bool stateful() const override { return is_stateful; }
    absl::StatusOr<Value> Run(size_t, std::vector<Value>) override { return Value{}; }

    bool is_stateful = false;

   private:
    const std::vector<Method> methods_ = {FakeForward({FakeArgument("x")})};
  };

  MaybeStateful executable_;
  v1::ModelConfig config_;
  std::vector<DeclaredTensor> inputs_ = {
      {.name = "x", .dtype = DType::kFp32, .shape = std::vector<int64_t>{-1, 2}}};
  SchedulingDefaults defaults_ = {.instances = 0,
                                  .threads_per_instance = 0,
                                  .cpus = 4,
                                  .pin_to = {},
                                  .max_queue_calls = 7,
                                  .max_queue_bytes = 8};
  std::vector<std::string> warnings_;
};

TEST_F(InstanceOptionsTest, WhereTheConfigSaysNothingTheDefaultsHold) {
  ASSERT_OK_AND_ASSIGN(const InstanceGroupOptions options, Options());
  EXPECT_EQ(options.instances, 4);
  EXPECT_EQ(options.threads_per_instance, 1);
  EXPECT_FALSE(options.batching.has_value());
  EXPECT_EQ(options.max_queue_calls, 7u);
  EXPECT_EQ(options.max_queue_bytes, 8);
  EXPECT_THAT(warnings_, IsEmpty());
  defaults_.instances = 1;
  defaults_.threads_per_instance = 3;
  ASSERT_OK_AND_ASSIGN(const InstanceGroupOptions told, Options());
  EXPECT_EQ(told.instances, 1);
  EXPECT_EQ(told.threads_per_instance, 3);
}

TEST_F(InstanceOptionsTest, TheConfigGoesBeforeTheDefaultsAndTheCpusBeforeBoth) {
  defaults_.instances = 1;
  config_.mutable_execution()->set_instances(9);
  config_.mutable_execution()->set_threads_per_instance(2);
  ASSERT_OK_AND_ASSIGN(const InstanceGroupOptions options, Options());
  EXPECT_EQ(options.instances, 2);
  EXPECT_EQ(options.threads_per_instance, 2);
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("instances is 9, held to 2")));
}

TEST_F(InstanceOptionsTest, Batching) {
  v1::BatchingConfig& batching = *config_.mutable_batching();
  batching.set_max_batch_size(8);
  batching.set_max_queue_delay_us(500);
  batching.add_preferred_batch_sizes(4);
  batching.add_preferred_batch_sizes(2);
  batching.set_pad_to_preferred(true);
  ASSERT_OK_AND_ASSIGN(const InstanceGroupOptions options, Options());
  EXPECT_EQ(options.batching, (BatchRule{{true}}));
  EXPECT_EQ(options.batch.max_rows, 8);
  EXPECT_EQ(options.batch.max_delay, absl::Microseconds(500));
  EXPECT_THAT(options.batch.preferred_rows, ElementsAre(2, 4)) << "ascending";
  EXPECT_TRUE(options.pad_batches);
}

TEST_F(InstanceOptionsTest, AStatefulModuleIsNotBatchedAndThatIsSaid) {
  executable_.is_stateful = true;
  config_.mutable_batching()->set_max_batch_size(8);
  ASSERT_OK_AND_ASSIGN(const InstanceGroupOptions options, Options());
  EXPECT_FALSE(options.batching.has_value());
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("writes its attributes")));
}

TEST_F(InstanceOptionsTest, BatchesOfOneAreNone) {
  config_.mutable_batching()->set_max_batch_size(1);
  inputs_.clear();
  ASSERT_OK_AND_ASSIGN(const InstanceGroupOptions options, Options());
  EXPECT_FALSE(options.batching.has_value());
}

TEST_F(InstanceOptionsTest, BatchingWithoutAnInputToJoinIsTheVersionsFault) {
  config_.mutable_batching()->set_max_batch_size(8);
  inputs_.clear();
  EXPECT_THAT(Options(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("leading -1")));
}

TEST(InstancePlanOfTest, MeasuredThreadsAreTakenWhereNobodySaysOthers) {
  v1::ModelConfig config;
  EXPECT_EQ(InstancePlanOf(config, {.cpus = 8}, 4).threads_per_instance, 4);
  EXPECT_EQ(InstancePlanOf(config, {.cpus = 8}, 4).instances, 2);
  EXPECT_EQ(InstancePlanOf(config, {.cpus = 8}, 0).threads_per_instance, 1);
  EXPECT_EQ(InstancePlanOf(config, {.threads_per_instance = 1, .cpus = 8}, 4).threads_per_instance, 1);
  config.mutable_execution()->set_threads_per_instance(2);
  EXPECT_EQ(InstancePlanOf(config, {.threads_per_instance = 1, .cpus = 8}, 4).threads_per_instance, 2);
}

}  // namespace
}  // namespace modeld
