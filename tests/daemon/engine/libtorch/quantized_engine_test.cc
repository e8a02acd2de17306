#include "daemon/engine/libtorch/quantized_engine.h"

#include <ATen/Context.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/loaded_model.h"
#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// In one test: what is set stays.
TEST(QuantizedEngineTest, IsTheOneThatIsNamed) {
  ASSERT_OK(UseQuantizedEngine(""));
  EXPECT_THAT(OtherQuantizedEngine(), IsEmpty());
  const NamedValues inputs = {{"input", Ramp({2, 4})}};
  LoadedModel own("quantized");
  ASSERT_OK_AND_ASSIGN(const Value expected, own.Call(inputs));

  EXPECT_THAT(UseQuantizedEngine("tensorcore"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("--quantized-engine is \"tensorcore\""), HasSubstr("qnnpack"))));
  EXPECT_THAT(OtherQuantizedEngine(), IsEmpty());

  ASSERT_OK(UseQuantizedEngine("qnnpack"));
  EXPECT_EQ(OtherQuantizedEngine(), "qnnpack");
  EXPECT_EQ(at::globalContext().qEngine(), at::QEngine::QNNPACK);
  EXPECT_EQ(EngineText(*NewLibtorchEngine()).find("libtorch "), 0u);
  EXPECT_THAT(EngineText(*NewLibtorchEngine()), HasSubstr("+qnnpack"))
      << "what was measured with another says nothing of this one";
  LoadedModel other("quantized");
  ASSERT_OK_AND_ASSIGN(const Value actual, other.Call(inputs));
  const std::vector<float> x = ElementsOf<float>(actual), y = ElementsOf<float>(expected);
  ASSERT_EQ(x.size(), y.size());
  for (size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(x[i], y[i], 0.05);
}

}  // namespace
}  // namespace modeld
