// Threads that register, command and resolve at random, against invariants and a plain reference model.
#include <algorithm>
#include <random>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "daemon/lifecycle/manager.h"
#include "tests/support/fake_prober.h"
#include "tests/support/manager_fixture.h"
#include "tests/support/torture.h"

namespace modeld {
namespace {

constexpr int kVersions = 8;

// What the events say about one model, replayed from the beginning: an account of its own of which versions
// may be live.
class Replay {
 public:
  // Checks one event against what came before it, and applies it.
  void Apply(const EventRecord& event) {
    const std::string at = absl::StrCat("event ", event.id, ": ", event.action, " ", event.version);
    for (const char* unrelated : {action::kProbed, action::kLabel, action::kCanary, action::kShadow}) {
      if (event.action == unrelated) return;
    }
    if (event.action == action::kRegistered || event.action == action::kReinstated) {
      EXPECT_FALSE(good_.contains(event.version)) << at;
      good_.insert(event.version);
    } else if (event.action == action::kQuarantined || event.action == action::kRetire) {
      const bool serves = good_.contains(event.version) && event.version == live_;
      EXPECT_FALSE(serves && event.action == action::kRetire) << at << ": the live version";
      good_.erase(event.version);
    } else {
      EXPECT_EQ(event.from_version, live_) << at;
      const bool allowed = event.to_version == live_ || good_.contains(event.to_version);
      EXPECT_TRUE(allowed) << at << ": not good";
      Move(event, at);
    }
  }
  const std::vector<std::string>& history() const { return history_; }
  const std::string& pinned() const { return pinned_; }
  const std::set<std::string>& good() const { return good_; }

 private:
  void Move(const EventRecord& event, const std::string& at) {
    if (event.action == action::kUnpin) {
      EXPECT_NE(pinned_, "") << at;
      EXPECT_EQ(event.to_version, live_) << at;
      pinned_.clear();
      return;
    }
    if (event.action == action::kRollback) {
      const auto last_time = std::find(history_.rbegin(), history_.rend(), event.to_version);
      if (last_time != history_.rend()) history_.erase(last_time.base(), history_.end());
      std::erase(history_, live_);
      if (history_.empty() || history_.back() != event.to_version) history_.push_back(event.to_version);
      pinned_ = event.to_version;
    } else {
      if (event.to_version != live_) history_.push_back(event.to_version);
      if (history_.size() > kMaxLiveHistory) history_.erase(history_.begin());
      if (event.action == action::kPin) pinned_ = event.to_version;
      if (event.action == action::kPromote) {
        const auto highest = std::max_element(good_.begin(), good_.end(), VersionLess());
        pinned_ = event.to_version == *highest ? "" : event.to_version;
      }
      if (event.action == action::kPublished) {
        EXPECT_TRUE(!good_.contains(pinned_) || pinned_ == event.to_version)
            << at << ": moved away from a pin";
      }
    }
    live_ = event.to_version;
  }

  std::set<std::string> good_;
  std::vector<std::string> history_;
  std::string live_;
  std::string pinned_;
};

class ManagerRandomTest : public ManagerTest, public ::testing::WithParamInterface<int> {
 protected:
  VersionProber* prober() override { return &prober_; }
  void TearDown() override {
    ManagerTest::TearDown();
    manager_.reset();  // before the prober
  }

  // One step of a thread that registers and commands.
  void Act(std::mt19937& random) {
    const std::string version = absl::StrCat("1.", random() % kVersions);
    Command command = By(version);
    const absl::Duration timeout = random() % 4 == 0 ? absl::ZeroDuration() : kLong;
    absl::Status status;
    switch (random() % 11) {
      case 0:
      case 1:
        status = Register(version);
        break;
      case 2:
        status = manager_->Promote(command, timeout).status();
        break;
      case 3:
        if (random() % 2 == 0) command.version.clear();
        status = manager_->Rollback(command, timeout).status();
        break;
      case 4:
        if (random() % 2 == 0) command.version.clear();
        status = manager_->Pin(command, timeout).status();
        break;
      case 5:
        status = manager_->Unpin(command, timeout).status();
        break;
      case 6:
        status = manager_->Retire(command);
        break;
      case 7:
        Disturb(version, random);
        break;
      case 8:
        if (random() % 2 == 0) command.version.clear();
        status = manager_->SetLabel(command, "stable", timeout).status();
        break;
      case 10: {
        const std::string plan = random() % 2 == 0 ? "fake" : "fake frozen";
        loader_.RunBy("digits/" + version, plan);
        manager_->Reload(Record(version), plan, /*resident_bytes=*/12);
        break;
      }
      case 9:
        if (random() % 2 == 0) command.version.clear();
        status = (random() % 2 == 0 ? manager_->SetCanary(command, 0.5, timeout)
                                    : manager_->SetShadow(command, 0.5, timeout))
                     .status();
        break;
    }
    const std::set<absl::StatusCode> expected = {absl::StatusCode::kOk, absl::StatusCode::kNotFound,
                                                 absl::StatusCode::kFailedPrecondition,
                                                 absl::StatusCode::kDeadlineExceeded};
    EXPECT_TRUE(expected.contains(status.code())) << status;
  }

  // Makes a version pass its probe and load, or fail in either, from now on; or lets time pass.
  void Disturb(const std::string& version, std::mt19937& random) {
    const auto fail = [&](const absl::Status& status) {
      if (random() % 2 == 0) {
        loader_.Fail("digits/" + version, status);
      } else {
        prober_.Fail("digits/" + version, status);
      }
    };
    switch (random() % 4) {
      case 0:
        fail(absl::InvalidArgumentError("bad magic"));
        break;
      case 1:
        fail(absl::ResourceExhaustedError("no memory"));
        break;
      case 2:
        loader_.Fail("digits/" + version, absl::OkStatus());
        prober_.Fail("digits/" + version, absl::OkStatus());
        break;
      case 3:
        clock_.Advance(absl::Seconds(1));
        manager_->Poke();
        break;
    }
  }

  // One request, checked.
  void Request(std::mt19937& random) {
    const std::string version = random() % 2 == 0 ? "" : absl::StrCat("1.", random() % kVersions);
    const absl::StatusOr<VersionHandle> handle = table_.Resolve({.model = "digits", .version = version});
    if (handle.ok()) {
      EXPECT_EQ(AnswerOf(*handle), (*handle)->version);
      EXPECT_TRUE(prober_.passed("digits/" + (*handle)->version)) << "answers without having been verified";
      EXPECT_TRUE(version.empty() || version == (*handle)->version);
    } else {
      const absl::StatusCode code = handle.status().code();
      EXPECT_TRUE(code == absl::StatusCode::kNotFound || code == absl::StatusCode::kFailedPrecondition)
          << handle.status();
    }
  }

  // A snapshot agrees with itself.
  void CheckView() {
    const absl::StatusOr<ModelView> view = manager_->GetModel("digits");
    if (!view.ok()) return;
    for (const VersionView& version : view->versions) {
      if (version.record.version != view->live) continue;
      EXPECT_EQ(version.state, VersionState::kReady) << "live is " << VersionStateName(version.state);
    }
  }

  FakeProber prober_;
};

TEST_P(ManagerRandomTest, HoldsItsInvariants) {
  const int seed = 100 * GetParam();
  constexpr int kActors = 3;
  const int steps = TortureRounds(/*shortly=*/100, /*at_length=*/1500);
  std::atomic<bool> done{false};
  std::vector<std::thread> actors;
  for (int t = 0; t < kActors; ++t) {
    actors.emplace_back([&, t] {
      std::mt19937 random(seed + t);
      for (int step = 0; step < steps; ++step) Act(random);
    });
  }
  std::vector<std::thread> requesters;
  for (int t = 0; t < 2; ++t) {
    requesters.emplace_back([&, t] {
      std::mt19937 random(seed + 50 + t);
      while (!done) {
        for (int i = 0; i < 100; ++i) Request(random);
        CheckView();
        std::this_thread::yield();  // so that the commands get their turn where cores are few
      }
    });
  }
  for (std::thread& actor : actors) actor.join();
  done = true;
  for (std::thread& requester : requesters) requester.join();

  // Once nothing fails any more and back-offs have passed, live is where the policy says.
  for (int i = 0; i < kVersions; ++i) loader_.Fail(absl::StrCat("digits/1.", i), absl::OkStatus());
  for (int i = 0; i < kVersions; ++i) prober_.Fail(absl::StrCat("digits/1.", i), absl::OkStatus());
  clock_.Advance(absl::Minutes(10));
  manager_->Poke();
  Settle();

  Replay replay;
  ASSERT_OK_AND_ASSIGN(const std::vector<EventRecord> events,
                       registry_->ListEvents({.model = "", .limit = 100'000}));
  for (auto event = events.rbegin(); event != events.rend(); ++event) replay.Apply(*event);
  const LiveState stored = Stored();
  EXPECT_EQ(stored.history, replay.history());
  EXPECT_EQ(stored.pinned, replay.pinned());

  const ModelView view = View();
  EXPECT_EQ(view.pinned, stored.pinned);
  std::set<std::string> good;
  int in_memory = 0;
  for (const VersionView& version : view.versions) {
    if (version.record.disposition == Disposition::kGood) good.insert(version.record.version);
    if (version.state == VersionState::kReady) ++in_memory;
    EXPECT_NE(version.state, VersionState::kLoading) << version.record.version;
    EXPECT_NE(version.state, VersionState::kDraining) << version.record.version;
  }
  EXPECT_EQ(good, replay.good());
  if (!good.empty()) {
    const std::string highest = *std::max_element(good.begin(), good.end(), VersionLess());
    EXPECT_EQ(view.live, good.contains(stored.pinned) ? stored.pinned : highest);
    EXPECT_EQ(Ask(), view.live);
  }
  EXPECT_EQ(loader_.alive(), in_memory);
  manager_.reset();
  EXPECT_EQ(loader_.alive(), 0);
}

INSTANTIATE_TEST_SUITE_P(Seeds, ManagerRandomTest, ::testing::Range(1, 4));

}  // namespace
}  // namespace modeld
