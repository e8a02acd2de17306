#include "daemon/vision/image_limits.h"

#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using ::testing::HasSubstr;

TEST(CheckImageLimitsTest, EachLimit) {
  const ImageLimits limits{.max_bytes = 1000, .max_pixels = 10'000, .max_ratio = 10, .free_pixels = 100};
  const auto check = [&](int64_t width, int64_t height, size_t bytes) {
    return CheckImageLimits({.format = ImageFormat::kPng, .width = width, .height = height}, bytes, limits);
  };
  const auto is_refused = [](const std::string& part) {
    return StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr(part));
  };
  EXPECT_OK(check(10, 10, 1));
  EXPECT_OK(check(50, 60, 1000));
  EXPECT_THAT(check(1, 1, 1001), is_refused("the image takes 1001 bytes; at most 1000 are decoded"));
  EXPECT_THAT(check(100, 101, 1000), is_refused("the PNG has 100x101 pixels; at most 10000 are decoded"));
  EXPECT_THAT(check(4294967295, 4294967295, 1000), is_refused("pixels; at most 10000"));
  EXPECT_THAT(check(50, 60, 899),
              is_refused("50x60 pixels in 899 bytes, which is more than 10 decoded bytes"));
  EXPECT_OK(check(50, 60, 900));
  EXPECT_THAT(CheckImageLimits({.format = ImageFormat::kBmp, .width = 1, .height = 2 << 20}, 10, {}),
              is_refused("the BMP has 1x2097152 pixels; at most 1048576 a side"));
  EXPECT_OK(CheckImageLimits({.width = 10, .height = 10, .scans = 64}, 10, {}));
  EXPECT_THAT(CheckImageLimits({.width = 10, .height = 10, .scans = 65}, 10, {}),
              is_refused("the JPEG has 65 scans; at most 64 are decoded"));
}

}  // namespace
}  // namespace modeld
