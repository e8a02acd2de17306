#include "daemon/engine/libtorch/custom_ops.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "daemon/engine/libtorch/libtorch_engine.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/values.h"

namespace modeld {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// In one test: what is loaded stays.
TEST(CustomOpsTest, AModelWithACustomOperatorNeedsItsLibrary) {
  const std::unique_ptr<Engine> engine = NewLibtorchEngine();
  const LoadRequest request = {.artifact_path = std::string(MODELD_TEST_PACKAGES) + "/custom.pt"};
  EXPECT_THAT(engine->Load(request).status(),
              StatusIs(absl::StatusCode::kUnimplemented,
                       AllOf(HasSubstr("modeld_test::twice"), HasSubstr("--custom-ops-library"))));
  ASSERT_OK(LoadCustomOps({MODELD_TEST_CUSTOM_OPS}));
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Executable> executable, engine->Load(request));
  ASSERT_OK_AND_ASSIGN(const Value answer, executable->Run(0, {Value{FloatTensor({2}, {1, 2})}}));
  EXPECT_EQ(Dump(answer), Dump(Value{FloatTensor({2}, {3, 5})}));
  EXPECT_OK(LoadCustomOps({MODELD_TEST_CUSTOM_OPS})) << "twice is once";
}

TEST(CustomOpsTest, ALibraryThatCannotBeLoadedIsNamed) {
  const TempDir dir;
  const std::string text = dir.Write("ops.so", "no library");
  EXPECT_THAT(LoadCustomOps({MODELD_TEST_CUSTOM_OPS, text}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr(text), HasSubstr("cannot be loaded"), HasSubstr("file too short"),
                             HasSubstr("--custom-ops-library"))));
  // Not from the system's directories.
  EXPECT_THAT(LoadCustomOps({"libm.so.6"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("/libm.so.6")));
  EXPECT_OK(LoadCustomOps({}));
}

}  // namespace
}  // namespace modeld
