#include "registry/cli/local.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "registry/base/clock.h"
#include "registry/base/file_lock.h"
#include "tests/support/registry_records.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace modeld {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class LocalTest : public testing::Test {
 protected:
  // digits: 1.0, 1.1 and 1.2 registered, live 1.0, then 1.1, then 1.2.
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Registry> registry, Registry::Open(path_));
    for (const char* version : {"1.0", "1.1", "1.2"}) {
      ASSERT_OK(registry->RegisterVersion(TestVersion("digits", version),
                                          absl::StrCat(R"({"version":")", version, "\"}"),
                                          TestEvent(action::kRegistered)));
      history_.push_back(version);
      ASSERT_OK(registry->SetLiveState("digits", {.history = history_, .pinned = "", .pin_reason = ""},
                                       TestEvent(action::kPublished)));
    }
  }

  std::unique_ptr<LocalBackend> Open(Registry::Mode mode = Registry::Mode::kReadWrite) {
    absl::StatusOr<std::unique_ptr<LocalBackend>> backend = LocalBackend::Open(path_, mode, &clock_);
    EXPECT_OK(backend);
    return backend.ok() ? *std::move(backend) : nullptr;
  }

  void SetDisposition(const std::string& version, Disposition disposition, const std::string& reason) {
    ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Registry> registry, Registry::Open(path_));
    ASSERT_OK(
        registry->SetDisposition("digits", version, disposition, reason, TestEvent(action::kQuarantined)));
  }

  // What the registry holds of digits, read anew.
  ModelRecord Model() {
    const std::unique_ptr<Registry> registry = Registry::Open(path_).value();
    return registry->ListModels().value().at(0);
  }
  EventRecord LastEvent() {
    const std::unique_ptr<Registry> registry = Registry::Open(path_).value();
    return registry->ListEvents({}).value().at(0);
  }

  template <typename Request>
  static Request RequestFor(const std::string& version = "") {
    Request request;
    request.set_model("digits");
    if constexpr (requires { request.set_to_version(version); }) {
      request.set_to_version(version);
    } else if constexpr (requires { request.set_version(version); }) {
      request.set_version(version);
    }
    request.set_reason("because");
    request.set_actor("alice");
    return request;
  }

  const TempDir directory_;
  const std::string path_ = directory_ / "registry.db";
  std::vector<std::string> history_;
  ManualClock clock_;
};

TEST_F(LocalTest, AMissingFileIsNotCreated) {
  EXPECT_THAT(LocalBackend::Open(directory_ / "other.db", Registry::Mode::kReadWrite, &clock_).status(),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("other.db")));
  EXPECT_FALSE(std::filesystem::exists(directory_ / "other.db"));
}

TEST_F(LocalTest, IsRefusedWhileADaemonHoldsTheRegistry) {
  ASSERT_OK_AND_ASSIGN(const FileLock lock, FileLock::Acquire(directory_ / "lock"));
  for (const Registry::Mode mode : {Registry::Mode::kReadWrite, Registry::Mode::kReadOnly}) {
    EXPECT_THAT(
        LocalBackend::Open(path_, mode, &clock_).status(),
        StatusIs(absl::StatusCode::kFailedPrecondition,
                 AllOf(HasSubstr("the daemon holds the registry"),
                       HasSubstr(absl::StrCat("process ", ::getpid())), HasSubstr("leave out --db"))));
  }
}

TEST_F(LocalTest, HoldsTheLockWhileItLives) {
  std::unique_ptr<LocalBackend> backend = Open();
  EXPECT_THAT(FileLock::Acquire(directory_ / "lock").status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, testing::_));
  backend.reset();
  EXPECT_OK(FileLock::Acquire(directory_ / "lock").status());
}

TEST_F(LocalTest, ListsModelsAndRefusedFiles) {
  {
    ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Registry> registry, Registry::Open(path_));
    FileRecord file;
    file.path = "broken\xff.pt";
    file.outcome = FileOutcome::kQuarantined;
    file.model = "digits";
    file.reason = "truncated";
    ASSERT_OK(registry->RecordFile(file, std::nullopt));
    file.path = "digits.pt";
    file.outcome = FileOutcome::kRegistered;
    ASSERT_OK(registry->RecordFile(file, std::nullopt));
  }
  SetDisposition("1.1", Disposition::kQuarantined, "raises");
  const std::unique_ptr<LocalBackend> backend = Open(Registry::Mode::kReadOnly);
  ASSERT_OK_AND_ASSIGN(const v1::ListModelsResponse response, backend->ListModels());
  ASSERT_EQ(response.models_size(), 1);
  const v1::Model& model = response.models(0);
  EXPECT_EQ(model.live_version(), "1.2");
  EXPECT_EQ(model.labels().at("live"), "1.2");
  EXPECT_EQ(model.labels().at("previous"), "1.0");  // 1.1 cannot be served
  ASSERT_EQ(model.versions_size(), 3);
  EXPECT_EQ(model.versions(0).version(), "1.2");
  EXPECT_EQ(model.versions(0).state(), v1::VERSION_STATE_AVAILABLE);
  EXPECT_EQ(model.versions(0).registered_at().seconds(), absl::ToUnixSeconds(TestTime()));
  EXPECT_EQ(model.versions(1).state(), v1::VERSION_STATE_QUARANTINED);
  EXPECT_EQ(model.versions(1).reason(), "raises");
  ASSERT_EQ(response.dropped_files_size(), 1);
  EXPECT_EQ(response.dropped_files(0).path(), "\"broken\\xff.pt\"");

  ASSERT_OK_AND_ASSIGN(const v1::GetModelResponse one, backend->GetModel("digits"));
  EXPECT_EQ(one.config().version(), "1.2");
  EXPECT_EQ(one.dropped_files_size(), 1);
  ASSERT_OK_AND_ASSIGN(const v1::GetStatusResponse status, backend->GetStatus());
  EXPECT_EQ(status.versions(), 3);
  EXPECT_EQ(status.quarantined_versions(), 1);
  EXPECT_EQ(status.process_id(), 0);
}

TEST_F(LocalTest, UnknownModelAndVersionAreNotFound) {
  const std::unique_ptr<LocalBackend> backend = Open();
  EXPECT_THAT(backend->GetModel("digit").status(),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("did you mean \"digits\"?")));
  EXPECT_THAT(backend->Promote(RequestFor<v1::PromoteRequest>("2")).status(),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("registered: 1.2, 1.1, 1.0")));
  EXPECT_THAT(backend->Rollback(RequestFor<v1::RollbackRequest>("2")).status(),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no version \"2\"")));
}

TEST_F(LocalTest, RollbackPinsThePreviousVersionAndRecordsIt) {
  ASSERT_OK_AND_ASSIGN(const v1::RollbackResponse response,
                       Open()->Rollback(RequestFor<v1::RollbackRequest>()));
  EXPECT_EQ(response.change().from_version(), "1.2");
  EXPECT_EQ(response.change().to_version(), "1.1");
  EXPECT_EQ(response.change().pinned_version(), "1.1");
  EXPECT_EQ(Model().live, (LiveState{.history = {"1.0", "1.1"}, .pinned = "1.1", .pin_reason = "because"}));
  const EventRecord event = LastEvent();
  EXPECT_EQ(event.action, action::kRollback);
  EXPECT_EQ(event.actor, "alice");
  EXPECT_EQ(event.version, "1.1");
  EXPECT_EQ(event.from_version, "1.2");
  EXPECT_EQ(event.to_version, "1.1");
  EXPECT_EQ(event.reason, "because");
  EXPECT_EQ(event.time, clock_.Now());
}

TEST_F(LocalTest, RollbackToAVersion) {
  ASSERT_OK(Open()->Rollback(RequestFor<v1::RollbackRequest>("1.0")));
  EXPECT_THAT(Model().live.history, ElementsAre("1.0"));
  EXPECT_THAT(
      Open()->Rollback(RequestFor<v1::RollbackRequest>()).status(),
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("model \"digits\": no usable version")));
}

TEST_F(LocalTest, PromotePinsUnlessItIsTheHighest) {
  ASSERT_OK_AND_ASSIGN(const v1::PromoteResponse older,
                       Open()->Promote(RequestFor<v1::PromoteRequest>("1.0")));
  EXPECT_EQ(older.change().pinned_version(), "1.0");
  ASSERT_OK_AND_ASSIGN(const v1::PromoteResponse newest,
                       Open()->Promote(RequestFor<v1::PromoteRequest>("1.2")));
  EXPECT_EQ(newest.change().pinned_version(), "");
  EXPECT_EQ(newest.change().from_version(), "1.0");
  EXPECT_EQ(LastEvent().action, action::kPromote);
}

TEST_F(LocalTest, PromoteReinstatesARetiredVersion) {
  SetDisposition("1.1", Disposition::kRetired, "old");
  ASSERT_OK(Open()->Promote(RequestFor<v1::PromoteRequest>("1.1")));
  EXPECT_EQ(Model().versions[1].disposition, Disposition::kGood);
  EXPECT_EQ(Model().live.pinned, "1.1");
}

TEST_F(LocalTest, OnlyTheDaemonCanTryAQuarantinedVersionAgain) {
  SetDisposition("1.1", Disposition::kQuarantined, "raises");
  EXPECT_THAT(Open()->Promote(RequestFor<v1::PromoteRequest>("1.1")).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("quarantined (raises)"), HasSubstr("modelctl promote digits 1.1"))));
  EXPECT_THAT(Model().live.history, ElementsAre("1.0", "1.1", "1.2"));
}

TEST_F(LocalTest, PinAndUnpin) {
  ASSERT_OK_AND_ASSIGN(const v1::PinResponse pinned, Open()->Pin(RequestFor<v1::PinRequest>()));
  EXPECT_EQ(pinned.change().pinned_version(), "1.2");
  EXPECT_EQ(LastEvent().action, action::kPin);
  ASSERT_OK_AND_ASSIGN(const v1::UnpinResponse unpinned, Open()->Unpin(RequestFor<v1::UnpinRequest>()));
  EXPECT_EQ(unpinned.change().pinned_version(), "");
  EXPECT_EQ(unpinned.change().to_version(), "1.2");
  EXPECT_EQ(LastEvent().action, action::kUnpin);
  const int64_t events = LastEvent().id;
  ASSERT_OK(Open()->Unpin(RequestFor<v1::UnpinRequest>()));
  EXPECT_EQ(LastEvent().id, events);  // nothing was pinned: nothing to record
}

TEST_F(LocalTest, Retire) {
  EXPECT_THAT(Open()->Retire(RequestFor<v1::RetireRequest>("1.2")).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("is live")));
  ASSERT_OK(Open()->Retire(RequestFor<v1::RetireRequest>("1.0")));
  EXPECT_EQ(Model().versions[0].disposition, Disposition::kRetired);
  EXPECT_EQ(Model().versions[0].reason, "because");
  EXPECT_EQ(LastEvent().action, action::kRetire);
}

TEST_F(LocalTest, EventsNewestFirst) {
  ASSERT_OK(Open()->Rollback(RequestFor<v1::RollbackRequest>()));
  ASSERT_OK_AND_ASSIGN(const v1::ListEventsResponse response, Open()->ListEvents("digits", 2));
  ASSERT_EQ(response.events_size(), 2);
  EXPECT_EQ(response.events(0).action(), "rollback");
  EXPECT_EQ(response.events(1).action(), "published");
}

TEST_F(LocalTest, WhatNeedsTheDaemonSaysSo) {
  const std::unique_ptr<LocalBackend> backend = Open();
  EXPECT_THAT(backend->Predict({}).status(), StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("--db")));
  EXPECT_THAT(backend->Rescan().status(), StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("--db")));
}

TEST_F(LocalTest, OneVersionInFull) {
  {
    ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Registry> registry, Registry::Open(path_));
    v1::ProbeReport probe;
    probe.set_outcome(v1::PROBE_OUTCOME_PASSED);
    probe.set_load_seconds(0.5);
    ASSERT_OK(registry->RecordProbe("digits", "1.2", probe, TestEvent(action::kProbed)));
  }
  const std::unique_ptr<LocalBackend> backend = Open(Registry::Mode::kReadOnly);
  ASSERT_OK_AND_ASSIGN(const v1::GetVersionResponse live, backend->GetVersion("digits", "1.2"));
  EXPECT_EQ(live.version().version(), "1.2");
  EXPECT_EQ(live.config_json(), R"({"version":"1.2"})");
  EXPECT_EQ(live.probe().load_seconds(), 0.5);
  EXPECT_TRUE(live.live());
  ASSERT_OK_AND_ASSIGN(const v1::GetVersionResponse other, backend->GetVersion("digits", "1.0"));
  EXPECT_FALSE(other.has_probe());
  EXPECT_FALSE(other.live());
  EXPECT_THAT(backend->GetVersion("digits", "9"), StatusIs(absl::StatusCode::kNotFound, HasSubstr("\"9\"")));
}

TEST_F(LocalTest, LabelsAreSetMovedAndTakenAway) {
  v1::SetLabelRequest request;
  request.set_model("digits");
  request.set_label("stable");
  request.set_version("1.0");
  request.set_actor("alice");
  request.set_reason("holds");
  const auto set = [&] { return Open()->SetLabel(request); };
  ASSERT_OK_AND_ASSIGN(const v1::SetLabelResponse first, set());
  EXPECT_EQ(first.from_version(), "");
  EXPECT_EQ(Model().routing.labels.at("stable"), "1.0");
  EXPECT_EQ(LastEvent().action, action::kLabel);
  EXPECT_EQ(LastEvent().actor, "alice");
  EXPECT_EQ(LastEvent().reason, "\"stable\": holds");
  request.set_version("1.1");
  ASSERT_OK_AND_ASSIGN(const v1::SetLabelResponse second, set());
  EXPECT_EQ(second.from_version(), "1.0");
  request.set_version("");
  ASSERT_OK_AND_ASSIGN(const v1::SetLabelResponse third, set());
  EXPECT_EQ(third.from_version(), "1.1");
  EXPECT_TRUE(Model().routing.labels.empty());
  EXPECT_THAT(set(), StatusIs(absl::StatusCode::kNotFound, HasSubstr("no label \"stable\"")));
  request.set_version("9");
  EXPECT_THAT(set(), StatusIs(absl::StatusCode::kNotFound, HasSubstr("\"9\"")));
  request.set_label("live");
  EXPECT_THAT(set(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("live")));
  SetDisposition("1.0", Disposition::kRetired, "old");
  request.set_label("stable");
  request.set_version("1.0");
  EXPECT_THAT(set(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("retired")));
}

TEST_F(LocalTest, CanaryAndShadowAreSetAndEnded) {
  v1::SetCanaryRequest canary;
  canary.set_model("digits");
  canary.set_version("1.0");
  canary.set_share(0.05);
  ASSERT_OK_AND_ASSIGN(const v1::SetCanaryResponse response, Open()->SetCanary(canary));
  EXPECT_EQ(response.traffic().canary_version(), "1.0");
  EXPECT_EQ(Model().routing.canary_share, 0.05);
  EXPECT_EQ(LastEvent().reason, "5 %");
  v1::SetShadowRequest shadow;
  shadow.set_model("digits");
  shadow.set_version("1.1");
  shadow.set_share(1);
  ASSERT_OK(Open()->SetShadow(shadow));
  EXPECT_EQ(Model().routing.shadow, "1.1");
  EXPECT_EQ(Model().routing.canary, "1.0");

  canary.set_share(1.5);
  EXPECT_THAT(Open()->SetCanary(canary), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("share")));
  shadow.set_version("1.2");
  EXPECT_THAT(Open()->SetShadow(shadow),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("is live")));
  canary.set_version("");
  ASSERT_OK(Open()->SetCanary(canary));
  EXPECT_EQ(Model().routing.canary, "");
  EXPECT_EQ(LastEvent().reason, "off");
}

}  // namespace
}  // namespace modeld
