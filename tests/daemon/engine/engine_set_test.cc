#include "daemon/engine/engine_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class NamedExecutable final : public Executable {
 public:
  const std::vector<Method>& methods() const override { return methods_; }
  absl::StatusOr<Value> Run(size_t, std::vector<Value>) override { return Value{}; }

 private:
  const std::vector<Method> methods_ = {};
};

// Runs one format by one plan.
class OneFormatEngine final : public Engine {
 public:
  OneFormatEngine(std::string name, ArtifactFormat format, std::vector<std::string>* log)
      : name_(std::move(name)), format_(format), log_(log) {}
  std::vector<EngineLibrary> libraries() const override { return {{name_, "1"}}; }
  std::vector<Plan> plans(ArtifactFormat format) const override {
    if (format != format_) return {};
    return {{.engine = name_, .variant = "", .precision = Precision::kAsSaved}};
  }
  absl::StatusOr<std::unique_ptr<Executable>> Load(const LoadRequest& request) override {
    log_->push_back(name_ + " loads " + request.artifact_path);
    return std::make_unique<NamedExecutable>();
  }
  void PrepareThread(int threads) override {
    log_->push_back(name_ + " prepares " + std::to_string(threads));
  }
  absl::Status health() const override { return state; }

  absl::Status state;

 private:
  const std::string name_;
  const ArtifactFormat format_;
  std::vector<std::string>* const log_;
};

class EngineSetTest : public ::testing::Test {
 protected:
  EngineSetTest() : set_(Engines()) {}
  std::vector<std::unique_ptr<Engine>> Engines() {
    std::vector<std::unique_ptr<Engine>> engines;
    engines.push_back(std::make_unique<OneFormatEngine>("first", ArtifactFormat::kTorchScript, &log_));
    engines.push_back(std::make_unique<OneFormatEngine>("second", ArtifactFormat::kTorchScript, &log_));
    engines.push_back(std::make_unique<OneFormatEngine>("third", ArtifactFormat::kOnnx, &log_));
    return engines;
  }
  absl::Status Load(ArtifactFormat format, const std::string& engine) {
    return set_
        .Load({.artifact_path = "a",
               .format = format,
               .plan = {.engine = engine, .variant = "", .precision = Precision::kAsSaved}})
        .status();
  }
  std::vector<std::string> log_;
  EngineSet set_;
};

TEST_F(EngineSetTest, HasWhatItsEnginesHave) {
  EXPECT_EQ(EngineText(set_), "first 1, second 1, third 1");
  EXPECT_EQ(set_.plans(ArtifactFormat::kTorchScript).size(), 2);
  EXPECT_EQ(set_.plans(ArtifactFormat::kOnnx).size(), 1);
  EXPECT_THAT(set_.plans(ArtifactFormat::kPt2), IsEmpty());
}

TEST_F(EngineSetTest, ThePlanSaysWhichEngineLoads) {
  EXPECT_OK(Load(ArtifactFormat::kTorchScript, "second"));
  EXPECT_OK(Load(ArtifactFormat::kTorchScript, ""));
  EXPECT_OK(Load(ArtifactFormat::kOnnx, ""));
  EXPECT_THAT(log_, ElementsAre("second loads a", "first loads a", "third loads a"));
}

TEST_F(EngineSetTest, APlanThatNoneHasIsRefused) {
  EXPECT_THAT(
      Load(ArtifactFormat::kOnnx, "first"),
      StatusIs(absl::StatusCode::kInvalidArgument, R"(no engine of this build runs onnx as "first")"));
  EXPECT_THAT(Load(ArtifactFormat::kPt2, ""),
              StatusIs(absl::StatusCode::kInvalidArgument, "no engine of this build runs pt2"));
  EXPECT_THAT(log_, IsEmpty());
}

TEST_F(EngineSetTest, IsAsUnwellAsOneOfThem) {
  auto second = std::make_unique<OneFormatEngine>("second", ArtifactFormat::kTorchScript, &log_);
  absl::Status& state = second->state;
  std::vector<std::unique_ptr<Engine>> engines;
  engines.push_back(std::make_unique<OneFormatEngine>("first", ArtifactFormat::kTorchScript, &log_));
  engines.push_back(std::move(second));
  const EngineSet set(std::move(engines));
  EXPECT_OK(set.health());
  state = absl::UnavailableError("its GPU is lost");
  EXPECT_THAT(set.health(), StatusIs(absl::StatusCode::kUnavailable, "its GPU is lost"));
}

TEST_F(EngineSetTest, PreparesThreadsForAll) {
  set_.PrepareThread(3);
  EXPECT_THAT(log_, ElementsAre("first prepares 3", "second prepares 3", "third prepares 3"));
}

}  // namespace
}  // namespace modeld
