// gc, verify, backup and restore on a registry file: the whole of modelctl but its process.
#include "registry/cli/store_commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "registry/cli/run.h"
#include "tests/registry/store_fixture.h"

namespace modeld {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

struct Ran {
  int exit_code;
  std::string out;
  std::string err;
};

class StoreCommandsTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    first_ = Add("digits", "1.0", "one");
    second_ = Add("digits", "1.1", "two");
    third_ = Add("digits", "1.2", "three");
    MakeLive("digits", "1.2");
  }

  // Closes the registry first: one writer.
  Ran Run(std::vector<std::string> words) {
    care_.reset();
    keeper_.reset();
    registry_.reset();
    words.insert(words.begin(), {"modelctl", "--db", state_ / "registry.db"});
    std::vector<const char*> argv;
    for (const std::string& word : words) argv.push_back(word.c_str());
    std::ostringstream out, err;
    const Environment environment = {.out = &out,
                                     .err = &err,
                                     .out_is_terminal = false,
                                     .variable = [](const char*) { return std::nullopt; },
                                     .actor = [] { return "alice"; },
                                     .clock = Clock::Real(),
                                     .zone = absl::UTCTimeZone,
                                     .completion_timeout = absl::Seconds(60)};
    const int exit_code = RunModelctl(static_cast<int>(argv.size()), argv.data(), environment);
    EXPECT_OK(Reopen());
    return {exit_code, out.str(), err.str()};
  }
  absl::Status Reopen() {
    absl::StatusOr<std::unique_ptr<Registry>> registry = Registry::Open(state_ / "registry.db");
    if (registry.ok()) registry_ = *std::move(registry);
    return registry.status();
  }

  std::string first_, second_, third_;
};

TEST_F(StoreCommandsTest, GcSaysWhatItWouldDoAndHowToDoIt) {
  const Ran ran = Run({"gc", "--keep", "1"});
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_THAT(ran.out, AllOf(HasSubstr("1.0"), HasSubstr("1.1"), Not(HasSubstr("1.2")), HasSubstr("6 B"),
                             HasSubstr("add --apply to do it")));
  EXPECT_TRUE(store_->Contains(first_));
  EXPECT_EQ(Version("digits", "1.0").disposition, Disposition::kGood);
}

TEST_F(StoreCommandsTest, GcApplied) {
  const Ran ran = Run({"gc", "digits", "--keep=2", "--apply", "--reason", "disk is full", "-o", "json"});
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  const nlohmann::json json = nlohmann::json::parse(ran.out);
  EXPECT_EQ(json["applied"], true);
  EXPECT_EQ(json["versions"][0]["version"], "1.0");
  EXPECT_FALSE(store_->Contains(first_));
  EXPECT_EQ(Events().front().reason, "disk is full");
  EXPECT_EQ(Events().front().actor, "alice");
  EXPECT_EQ(Run({"gc", "--keep=2"}).out, "nothing to collect\n");

  // Only the daemon can bring it back.
  const Ran promoted = Run({"promote", "digits", "1.0"});
  EXPECT_EQ(promoted.exit_code, 1);
  EXPECT_THAT(promoted.err, HasSubstr("drop the file again"));
  EXPECT_TRUE(IsCollected(Version("digits", "1.0")));
}

TEST_F(StoreCommandsTest, GcKeepsTheYoung) {
  EXPECT_EQ(Run({"gc", "--keep=1", "--keep-younger=5200w"}).out, "nothing to collect\n");
  EXPECT_THAT(Run({"gc", "--keep=1", "--keep-younger=1d"}).out, HasSubstr("1.0"));
}

TEST_F(StoreCommandsTest, WrongUsageIsNamed) {
  for (const char* age : {"30", "d", "-3d", "1.5d", "99999999999999999w", "30y", ""}) {
    const Ran ran = Run({"gc", absl::StrCat("--keep-younger=", age)});
    EXPECT_EQ(ran.exit_code, 2) << age;
    EXPECT_THAT(ran.err, HasSubstr("--keep-younger")) << age;
  }
  EXPECT_EQ(Run({"gc", "--keep=-1"}).exit_code, 2);
  EXPECT_EQ(Run({"gc", "digit"}).exit_code, 3);
}

TEST_F(StoreCommandsTest, VerifyFindsAndFailsUntilItIsRepaired) {
  EXPECT_THAT(Run({"verify"}).out, AllOf(HasSubstr("3 artifacts read"), HasSubstr("all is well")));
  FlipByte(first_);
  const Ran found = Run({"verify"});
  EXPECT_EQ(found.exit_code, 1);
  EXPECT_THAT(found.out, AllOf(HasSubstr("damaged"), HasSubstr("digits 1.0")));
  EXPECT_THAT(found.err, AllOf(HasSubstr("findings not repaired: 1"), HasSubstr("--repair")));
  EXPECT_EQ(Version("digits", "1.0").disposition, Disposition::kGood);

  const Ran repaired = Run({"verify", "--repair"});
  EXPECT_EQ(repaired.exit_code, 0) << repaired.err;
  EXPECT_THAT(repaired.out, HasSubstr("digits 1.0 quarantined; removed"));
  EXPECT_EQ(Version("digits", "1.0").disposition, Disposition::kQuarantined);
}

TEST_F(StoreCommandsTest, ARegistryFileWithoutItsStoreIsNamed) {
  std::filesystem::remove_all(state_ / "artifacts");
  const Ran ran = Run({"verify"});
  EXPECT_EQ(ran.exit_code, 3);
  EXPECT_THAT(ran.err, HasSubstr("no artifact store"));
}

TEST_F(StoreCommandsTest, BackupAndRestore) {
  const TempDir elsewhere;
  const std::string backup = elsewhere / "backup";
  const std::string target = elsewhere / "state";
  Ran ran = Run({"backup", backup, "-o", "json"});
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(nlohmann::json::parse(ran.out)["received_artifacts"], 3);
  ran = Run({"backup", backup});
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_THAT(ran.out, AllOf(HasSubstr("3 artifacts"), HasSubstr("new: 0")));

  ran = Run({"restore", backup, "--state-directory", target});
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("3 artifacts"));
  ran = Run({"restore", backup, "--state-directory", target});
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.err, HasSubstr("--force"));
  ran = Run({"restore", backup, "--state-directory", target, "--force"});
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("before-restore"));

  EXPECT_EQ(Run({"restore", elsewhere / "nothing", "--state-directory", target}).exit_code, 3);
  EXPECT_EQ(Run({"restore", backup}).exit_code, 2);
  EXPECT_EQ(Run({"backup", state_.path()}).exit_code, 1);  // onto itself
}

}  // namespace
}  // namespace modeld
