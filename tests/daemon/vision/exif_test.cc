#include "daemon/vision/exif.h"

#include <gtest/gtest.h>

#include <string>

namespace modeld {
namespace {

using std::string_literals::operator""s;

TEST(ExifOrientationTest, InBothByteOrders) {
  EXPECT_EQ(ExifOrientation("II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0"s), 6);
  EXPECT_EQ(ExifOrientation("MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x08\0\0"s), 8);
}

TEST(ExifOrientationTest, WhatCannotBeUnderstoodIsUpright) {
  const std::string good = "II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0"s;
  for (size_t size = 0; size < good.size(); ++size)
    EXPECT_EQ(ExifOrientation(good.substr(0, size)), 1) << size;
  const auto with = [&](size_t at, char byte) {
    std::string changed = good;
    changed[at] = byte;
    return ExifOrientation(changed);
  };
  EXPECT_EQ(with(0, 'J'), 1);
  EXPECT_EQ(with(2, '+'), 1);   // no TIFF
  EXPECT_EQ(with(7, 0x7F), 1);  // the directory lies beyond the end
  EXPECT_EQ(with(12, 4), 1);    // another type
  EXPECT_EQ(with(18, 9), 1);    // no orientation
  EXPECT_EQ(with(18, 0), 1);
}

}  // namespace
}  // namespace modeld
