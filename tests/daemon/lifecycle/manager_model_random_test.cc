// The manager and a plain model of it, put through the same random sequences and compared after every step.
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/lifecycle/manager.h"
#include "tests/daemon/lifecycle/reference_model.h"
#include "tests/support/faulty_sqlite.h"
#include "tests/support/manager_fixture.h"
#include "tests/support/torture.h"

namespace modeld {
namespace {

using Loads = ReferenceModel::Loads;
using Standing = ReferenceModel::Standing;

constexpr int kVersions = 6;
constexpr int kSteps = 60;

class ManagerModelRandomTest : public ManagerTest, public ::testing::WithParamInterface<int> {
 protected:
  // Without waiting for the disk: thousands of changes are committed here, and none must survive a crash.
  void SetUp() override {
    sqlite_ = std::make_unique<FaultySqlite>();
    ManagerTest::SetUp();
  }
  void TearDown() override {
    ManagerTest::TearDown();
    manager_.reset();
    registry_.reset();
    sqlite_.reset();
  }

  void BeginAnew() {
    manager_.reset();
    registry_.reset();
    std::filesystem::remove(dir_ / "registry.db");
    for (int i = 0; i < kVersions; ++i) SetLoads(Name(i), Loads::kWell);
    OpenRegistry();
    StartManager();
    reference_ = ReferenceModel();
    trace_.clear();
  }

  static std::string Name(int number) { return absl::StrCat("1.", number); }
  std::string AnyName() { return Name(static_cast<int>(random_() % kVersions)); }
  // One in `n` times.
  bool OneIn(int n) { return random_() % n == 0; }

  void SetLoads(const std::string& version, Loads loads) {
    const std::string name = "digits/" + version;
    loader_.Fail(name, loads == Loads::kWell    ? absl::OkStatus()
                       : loads == Loads::kNever ? absl::InvalidArgumentError("bad magic")
                                                : absl::ResourceExhaustedError("no memory"));
    loads_[version] = loads;
    reference_.SetLoads(version, loads);
  }

  // One step of both; what it was goes to the trace.
  void Step() {
    const std::string version = AnyName();
    const std::string or_none = OneIn(3) ? "" : version;
    switch (random_() % 12) {
      case 0:
      case 1:
      case 2:
        return Both("register " + version, Register(version), reference_.Register(version, loads_[version]));
      case 3:
        return Both("promote " + version, manager_->Promote(By(version), kLong).status(),
                    reference_.MakeLive(version, /*pin=*/false));
      case 4:
        return Both("roll back to " + or_none, manager_->Rollback(By(or_none), kLong).status(),
                    reference_.Rollback(or_none));
      case 5:
        return Both("pin " + or_none, manager_->Pin(By(or_none), kLong).status(),
                    reference_.MakeLive(or_none, /*pin=*/true));
      case 6:
        return Both("unpin", manager_->Unpin(By(""), kLong).status(), reference_.Unpin());
      case 7:
        return Both("retire " + version, manager_->Retire(By(version)), reference_.Retire(version));
      case 8:
        return Both("label " + or_none, manager_->SetLabel(By(or_none), "stable", kLong).status(),
                    reference_.SetLabel(or_none));
      case 9:
        return Both("canary " + or_none, manager_->SetCanary(By(or_none), 0.5, kLong).status(),
                    reference_.SetCanary(or_none));
      case 10: {
        const Loads loads = OneIn(2) ? Loads::kWell : OneIn(2) ? Loads::kNever : Loads::kNotNow;
        SetLoads(version, loads);
        trace_.push_back(absl::StrCat("from now on ", version, " loads ",
                                      loads == Loads::kWell    ? "well"
                                      : loads == Loads::kNever ? "never"
                                                               : "not now"));
        return;
      }
      case 11:
        return Disturb();
    }
  }

  void Disturb() {
    if (OneIn(3)) {
      trace_.emplace_back("restart");
      Restart();
      reference_.Restart();
    } else {
      const absl::Duration span = OneIn(2) ? absl::Seconds(1) : absl::Minutes(2);
      trace_.push_back(absl::StrCat("after ", absl::FormatDuration(span)));
      clock_.Advance(span);
      manager_->Poke();
      reference_.Pass(span);
    }
  }

  void Both(const std::string& what, const absl::Status& real, absl::StatusCode reference) {
    trace_.push_back(what);
    EXPECT_EQ(real.code(), reference) << real;
  }

  // That nothing tells the two apart.
  void Compare() {
    Settle();
    const std::string serving = reference_.Serving();
    const LiveState stored = Stored();
    EXPECT_EQ(stored.history, reference_.history());
    EXPECT_EQ(stored.pinned, reference_.pinned());
    if (reference_.versions().empty()) return;

    const ModelView view = View();
    EXPECT_EQ(view.live, serving);
    EXPECT_EQ(view.pinned, reference_.pinned());
    EXPECT_EQ(LabelOf(view, "stable"), reference_.label());
    EXPECT_EQ(LabelOf(view, "canary"), reference_.canary());
    std::map<std::string, std::string> states;
    for (const VersionView& version : view.versions) {
      states[version.record.version] = std::string(VersionStateName(version.state));
    }
    std::map<std::string, std::string> expected;
    int in_memory = 0;
    for (const auto& [name, version] : reference_.versions()) {
      expected[name] = StateOf(version);
      if (!version.in_memory) continue;
      ++in_memory;
      EXPECT_EQ(Ask({.model = "digits", .version = name}), name);
    }
    EXPECT_EQ(states, expected);
    EXPECT_EQ(loader_.alive(), in_memory);
    if (serving.empty()) {
      EXPECT_FALSE(table_.Resolve({.model = "digits"}).ok());
    } else {
      EXPECT_EQ(Ask({.model = "digits", .label = "live"}), serving);
    }
  }
  static std::string LabelOf(const ModelView& view, const std::string& label) {
    const auto found = view.labels.find(label);
    return found == view.labels.end() ? "" : found->second;
  }
  static std::string StateOf(const ReferenceModel::Version& version) {
    if (version.standing == Standing::kQuarantined) return "quarantined";
    if (version.standing == Standing::kRetired) return "retired";
    return version.in_memory ? "ready" : "available";
  }

  std::unique_ptr<FaultySqlite> sqlite_;
  std::mt19937 random_{static_cast<unsigned>(GetParam())};
  std::map<std::string, Loads> loads_;
  ReferenceModel reference_;
  std::vector<std::string> trace_;
};

TEST_P(ManagerModelRandomTest, DoesWhatAPlainModelOfItDoes) {
  const int rounds = TortureRounds(/*shortly=*/10, /*at_length=*/250);
  for (int round = 0; round < rounds; ++round) {
    BeginAnew();
    for (int step = 0; step < kSteps; ++step) {
      Step();
      Compare();
      ASSERT_FALSE(HasFailure()) << "after:\n  " << absl::StrJoin(trace_, "\n  ");
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, ManagerModelRandomTest, ::testing::Range(1, 5));

}  // namespace
}  // namespace modeld
