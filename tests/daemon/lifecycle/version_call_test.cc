#include "daemon/lifecycle/version_call.h"

#include <gmock/gmock.h>

#include <limits>

#include "tests/support/fake_engine.h"
#include "tests/support/status_matchers.h"
#include "tests/support/values.h"

namespace modeld {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

class VersionCallTest : public testing::Test {
 protected:
  VersionCallTest() {
    version_.model = "digits";
    version_.version = "1.0";
    version_.inputs = {{.name = "x", .dtype = DType::kFp32, .shape = {}}};
    version_.outputs = {{.name = "logits", .dtype = {}, .shape = {}}};
    Method embed = FakeForward({FakeArgument("x")});
    embed.name = "embed";
    version_.executable =
        std::make_unique<RecordingExecutable>(std::vector<Method>{FakeForward({FakeArgument("x")}), embed},
                                              &runs_, [this](const std::vector<Value>&) { return result_; });
  }

  // As a request is run.
  CallResult Counted(std::vector<Value> arguments) {
    RequestCount count;
    count.Begin(version_, arguments);
    absl::StatusOr<Value> value = version_.executable->Run(0, std::move(arguments));
    count.End(version_, value, 1'000);
    return {NameResult(version_, 0, std::move(value)), 1'000};
  }
  static std::vector<Value> Arguments(float x = 1) { return {Value{FloatTensor({1}, {x})}}; }

  absl::StatusOr<Value> result_ = Int(7);
  std::vector<std::string> runs_;
  ServedVersion version_;
};

TEST_F(VersionCallTest, FindsMethods) {
  EXPECT_EQ(*FindMethod(version_, ""), 0u);
  EXPECT_EQ(*FindMethod(version_, "embed"), 1u);
  EXPECT_THAT(FindMethod(version_, "embet"),
              StatusIs(absl::StatusCode::kNotFound,
                       AllOf(HasSubstr(R"(model "digits" version 1.0 has no method "embet")"),
                             HasSubstr(R"(did you mean "embed")"), HasSubstr("methods: forward, embed"))));
}

TEST_F(VersionCallTest, DeclarationsAreForwards) {
  const NamedValues doubles{{"x", Value{MakeTensor<double>(DType::kFp64, {1}, {1})}}};
  EXPECT_THAT(BindInputs(version_, 0, doubles),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("model \"digits\" version 1.0: ")));
  EXPECT_OK(BindInputs(version_, 1, doubles));
  EXPECT_TRUE(Call(version_, 0, Arguments()).outputs->contains("logits"));
  EXPECT_TRUE(Call(version_, 1, Arguments()).outputs->contains("output"));
}

TEST_F(VersionCallTest, ErrorsNameTheVersion) {
  result_ = absl::InternalError("ValueError: no");
  EXPECT_THAT(Call(version_, 0, Arguments()).outputs,
              StatusIs(absl::StatusCode::kInternal, "model \"digits\" version 1.0: ValueError: no"));
}

TEST_F(VersionCallTest, OnlyRequestsCount) {
  (void)Call(version_, 0, Arguments());
  EXPECT_EQ(version_.stats.Snapshot().requests, 0);
  const CallResult result = Counted(Arguments());
  EXPECT_EQ(result.outputs->at("logits").get_if<int64_t>()[0], 7);
  EXPECT_EQ(version_.stats.Snapshot().requests, 1);
  EXPECT_EQ(version_.stats.Snapshot().latency.total(), 1);
  result_ = absl::InternalError("no");
  EXPECT_FALSE(Counted(Arguments()).outputs.ok());
  EXPECT_EQ(version_.stats.Snapshot().errors, 1);
  EXPECT_EQ(runs_.size(), 3u);
}

TEST_F(VersionCallTest, NanIsLookedForWhileAskedAndNotWhereItWasGiven) {
  result_ = Value{kNan};
  (void)Counted(Arguments());
  EXPECT_EQ(version_.stats.Snapshot().looked_for_nan, 0);
  version_.stats.set_look_for_nan(true);
  (void)Counted(Arguments());
  (void)Counted(Arguments(static_cast<float>(kNan)));
  result_ = Value{1.0};
  (void)Counted(Arguments());
  result_ = absl::InternalError("no");
  (void)Counted(Arguments());
  const StatsSnapshot stats = version_.stats.Snapshot();
  EXPECT_EQ(stats.looked_for_nan, 2);
  EXPECT_EQ(stats.not_a_number, 1);
  EXPECT_EQ(stats.nan_of_huge, 0);
  result_ = Value{kNan};
  (void)Counted(Arguments(std::numeric_limits<float>::infinity()));
  EXPECT_EQ(version_.stats.Snapshot().not_a_number, 2);
  EXPECT_EQ(version_.stats.Snapshot().nan_of_huge, 1);
}

}  // namespace
}  // namespace modeld
