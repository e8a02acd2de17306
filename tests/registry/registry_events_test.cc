// Listening to the events that a Registry commits.
#include <gmock/gmock.h>

#include <vector>

#include "registry/registry.h"
#include "tests/support/registry_records.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace modeld {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

EventRecord Event(const std::string& action) {
  EventRecord event;
  event.action = action;
  return event;
}

class RegistryEventsTest : public testing::Test {
 protected:
  RegistryEventsTest() {
    absl::StatusOr<std::unique_ptr<Registry>> registry = Registry::Open(dir_ / "registry.db");
    EXPECT_OK(registry);
    registry_ = *std::move(registry);
  }

  absl::StatusOr<int64_t> Listen() {
    return registry_->ListenToEvents([this](int64_t id) { heard_.push_back(id); });
  }

  TempDir dir_;
  std::unique_ptr<Registry> registry_;
  std::vector<int64_t> heard_;
};

TEST_F(RegistryEventsTest, EachCommitWithEventsIsHeardOnce) {
  ASSERT_OK_AND_ASSIGN(const int64_t before, Listen());
  EXPECT_EQ(before, 0);
  ASSERT_OK(registry_->RecordEvent(Event("started")));
  ASSERT_OK(registry_->RegisterVersion(TestVersion("digits", "1.0"), "{}", Event("registered")));
  // Three events, one commit.
  const LiveState live = {.history = {"1.0"}, .pinned = "", .pin_reason = ""};
  ASSERT_OK(registry_->SetLiveStates({{.model = "digits", .state = live, .event = Event("published")},
                                      {.model = "digits", .state = live, .event = Event("pin")}}));
  EXPECT_THAT(heard_, ElementsAre(1, 2, 4));
}

TEST_F(RegistryEventsTest, WhatIsNotCommittedOrHasNoEventIsNotHeard) {
  ASSERT_OK(Listen());
  EXPECT_FALSE(registry_->SetDisposition("digits", "1.0", Disposition::kRetired, "", Event("retire")).ok());
  FileRecord file;
  file.path = "a.pt";
  ASSERT_OK(registry_->RecordFile(file, std::nullopt));
  ASSERT_OK(registry_->ForgetFiles({"a.pt"}));
  EXPECT_THAT(heard_, IsEmpty());
}

TEST_F(RegistryEventsTest, ListeningBeginsAfterTheLastEventAndEnds) {
  ASSERT_OK(registry_->RecordEvent(Event("started")));
  ASSERT_OK_AND_ASSIGN(const int64_t before, Listen());
  EXPECT_EQ(before, 1);
  ASSERT_OK(registry_->RecordEvent(Event("stopped")));
  ASSERT_OK(registry_->ListenToEvents(nullptr));
  ASSERT_OK(registry_->RecordEvent(Event("started")));
  EXPECT_THAT(heard_, ElementsAre(2));
}

}  // namespace
}  // namespace modeld
