#include "registry/base/log.h"

#include <gmock/gmock.h>

#include "absl/status/status.h"

namespace modeld {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

TEST(FormatLogLineTest, WritesFactsAsKeysAndValues) {
  EXPECT_EQ(FormatLogLine(LogLevel::kInfo, "version published",
                          {{"model", "digits"}, {"version", "1.1"}, {"bytes", 42}}),
            R"(level=info msg="version published" model=digits version=1.1 bytes=42)");
  EXPECT_EQ(FormatLogLine(LogLevel::kDebug, "a", {}), R"(level=debug msg="a")");
  EXPECT_EQ(FormatLogLine(LogLevel::kWarning, "a", {}), R"(level=warning msg="a")");
  EXPECT_EQ(FormatLogLine(LogLevel::kError, "a", {{"reason", absl::NotFoundError("no such file")}}),
            R"(level=error msg="a" reason="no such file")");
}

TEST(FormatLogLineTest, QuotesWhatWouldEndAValue) {
  const std::pair<std::string, std::string> cases[] = {
      {"plain", "plain"},
      {"", R"("")"},
      {"two words", R"("two words")"},
      {"a=b", R"("a=b")"},
      {R"(say "hi")", R"("say \"hi\"")"},
      {R"(back\slash)", R"("back\\slash")"},
      {"line\nlevel=error msg=forged", R"("line\nlevel=error msg=forged")"},
      {"bell\x07", R"("bell\x07")"},
      {"\xff", R"("\xff")"},
      {"größe", "größe"},
  };
  for (const auto& [value, written] : cases) {
    EXPECT_EQ(FormatLogLine(LogLevel::kInfo, "m", {{"k", value}}), "level=info msg=\"m\" k=" + written);
  }
}

TEST(FormatLogLineTest, AMessageCannotForgeALine) {
  EXPECT_THAT(FormatLogLine(LogLevel::kInfo, "a\nb", {}), Not(HasSubstr("\n")));
}

TEST(LogTest, WritesToStandardErrorFromItsLevelOn) {
  ::testing::internal::CaptureStderr();
  LogDebug("unseen");
  LogInfo("seen", {{"n", 1}});
  SetLogLevel(LogLevel::kError);
  LogWarning("unseen");
  LogError("seen too");
  SetLogLevel(LogLevel::kDebug);
  LogDebug("seen at last");
  SetLogLevel(LogLevel::kInfo);
  const std::string time = "time=....-..-..T..:..:......Z ";
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              MatchesRegex(time + "level=info msg=\"seen\" n=1\n" +   //
                           time + "level=error msg=\"seen too\"\n" +  //
                           time + "level=debug msg=\"seen at last\"\n"));
}

}  // namespace
}  // namespace modeld
