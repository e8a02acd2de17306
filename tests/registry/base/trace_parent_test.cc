#include "registry/base/trace_parent.h"

#include <gmock/gmock.h>

#include <string>

namespace modeld {
namespace {

constexpr char kTrace[] = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr char kParent[] = "00f067aa0ba902b7";

std::string Text(const std::string& version = "00", const std::string& trace = kTrace,
                 const std::string& parent = kParent, const std::string& flags = "01") {
  return version + "-" + trace + "-" + parent + "-" + flags;
}

TEST(TraceParentTest, IsReadAsTheStandardsOwnExample) {
  const std::optional<TraceParent> trace = ParseTraceParent(Text());
  ASSERT_TRUE(trace.has_value());
  EXPECT_EQ(trace->trace_id, kTrace);
  EXPECT_EQ(trace->parent_id, kParent);
  EXPECT_TRUE(trace->sampled);
}

TEST(TraceParentTest, OnlyTheLowestFlagSaysThatItIsSampled) {
  EXPECT_FALSE(ParseTraceParent(Text("00", kTrace, kParent, "00"))->sampled);
  EXPECT_FALSE(ParseTraceParent(Text("00", kTrace, kParent, "fe"))->sampled);
  EXPECT_TRUE(ParseTraceParent(Text("00", kTrace, kParent, "03"))->sampled);
  EXPECT_TRUE(ParseTraceParent(Text("00", kTrace, kParent, "0b"))->sampled);
}

TEST(TraceParentTest, WhatIsNotOneIsNone) {
  const std::string zeros(32, '0');
  std::string nul = Text();
  nul[10] = '\0';
  for (const std::string& text : {
           std::string(),
           std::string("00"),
           Text().substr(0, 54),
           Text() + "0",
           Text() + "-01",  // version 00 has four fields
           Text() + "\n",
           " " + Text().substr(1),
           Text("00", zeros),
           Text("00", kTrace, zeros.substr(16)),
           Text("ff"),
           Text("0G"),
           Text("00", "4BF92F3577B34DA6A3CE929D0E0E4736"),
           Text("00", kTrace, "00F067AA0BA902B7"),
           Text("00", kTrace, kParent, "0x"),
           Text("00", kTrace, kParent, "0A"),
           Text("00", std::string(kTrace).substr(1) + "-"),
           Text("00", std::string(kTrace) + "0", std::string(kParent).substr(1)),
           std::string(55, '-'),
           std::string(55, '\xff'),
           std::string(1 << 20, '0'),
           nul,
       }) {
    EXPECT_EQ(ParseTraceParent(text), std::nullopt) << testing::PrintToString(text.substr(0, 80));
  }
}

TEST(TraceParentTest, OfAVersionToComeTheKnownFieldsAreRead) {
  EXPECT_TRUE(ParseTraceParent(Text("01")).has_value());
  EXPECT_TRUE(ParseTraceParent(Text("cc") + "-what-the-future-will-be-like").has_value());
  EXPECT_EQ(ParseTraceParent(Text("cc") + "x"), std::nullopt);
  EXPECT_EQ(ParseTraceParent(Text("cc") + "-" + std::string(1'000, 'x')), std::nullopt);
}

}  // namespace
}  // namespace modeld
