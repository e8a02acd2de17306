// What sessions say that they keep.
#include <gmock/gmock.h>

#include "daemon/engine/libtorch/libtorch_engine.h"
#include "tests/support/loaded_model.h"
#include "tests/support/status_matchers.h"
#include "tests/support/values.h"

namespace modeld {
namespace {

class StateBytesTest : public testing::Test {
 protected:
  void Load(const char* model) {
    ASSERT_OK_AND_ASSIGN(model_, engine_->Load({.artifact_path = ModelPath(model)}));
    ASSERT_OK_AND_ASSIGN(session_, model_->NewSession());
  }
  static Value Rows(int64_t count, int64_t features) {
    return Value{
        FloatTensor({count, features}, std::vector<float>(static_cast<size_t>(count * features), 1.0F))};
  }

  const std::unique_ptr<Engine> engine_ = NewLibtorchEngine();
  std::unique_ptr<Executable> model_;
  std::unique_ptr<Executable> session_;
};

// Its layer of 64 x 64 is shared.
TEST_F(StateBytesTest, AreThoseOfWhatIsKeptWithoutWhatIsShared) {
  Load("keeps_features");
  const int64_t loaded = session_->StateBytes();
  EXPECT_EQ(model_->StateBytes(), loaded) << "what a session begins with";
  EXPECT_LT(loaded, 1000);
  ASSERT_OK(session_->Run(0, {Rows(4, 64)}));
  EXPECT_EQ(session_->StateBytes() - loaded, 4 * 64 * 4);
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Executable> another, model_->NewSession());
  EXPECT_EQ(another->StateBytes(), loaded);
}

TEST_F(StateBytesTest, CountWhatLiesInListsAndDictionaries) {
  Load("keeps_in_lists_of_dict");
  const int64_t loaded = session_->StateBytes();
  ASSERT_OK(session_->Run(0, {Rows(2, 3)}));
  EXPECT_GE(session_->StateBytes() - loaded, 6 * 4);
  EXPECT_LT(session_->StateBytes() - loaded, 6 * 4 + 500);
}

// The walk was by recursion, and the daemon ended.
TEST_F(StateBytesTest, AListThatHoldsItselfIsCountedOnce) {
  Load("keeps_itself");
  const int64_t loaded = session_->StateBytes();
  for (int call = 0; call < 3; ++call) ASSERT_OK(session_->Run(0, {Rows(2, 3)}));
  EXPECT_GT(session_->StateBytes(), loaded);
}

TEST_F(StateBytesTest, AChainOfObjectsIsCounted) {
  Load("keeps_chain");
  const int64_t loaded = session_->StateBytes();
  ASSERT_OK(session_->Run(0, {Value{int64_t{20'000}}}));
  EXPECT_GT(session_->StateBytes() - loaded, 20'000 * 16);
}

// Tasks that it forked may still write what would be read.
TEST_F(StateBytesTest, OfAModuleThatForksStayWhatWasLoaded) {
  Load("keeps_by_fork");
  const int64_t loaded = session_->StateBytes();
  for (int call = 0; call < 3; ++call) ASSERT_OK(session_->Run(0, {Rows(2, 3)}));
  EXPECT_EQ(session_->StateBytes(), loaded);
}

}  // namespace
}  // namespace modeld
