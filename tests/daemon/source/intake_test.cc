// The life of a dropped file where nothing goes wrong but the file.
#include "daemon/source/intake.h"

#include "daemon/source/scan.h"
#include "tests/daemon/source/intake_fixture.h"
#include "tests/support/onnx_builder.h"

namespace modeld {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

TEST_F(IntakeTest, AFileIsTakenWhenItSettled) {
  Drop("digits.pt", Archive("1.0"));
  EXPECT_EQ(intake_->Step(), clock_.Now() + kSettle);
  const DroppedFileView settling = OnlyDropped();
  EXPECT_EQ(settling.path, "digits.pt");
  EXPECT_EQ(settling.state, DroppedState::kSettling);
  EXPECT_THAT(settling.reason, HasSubstr("stood still for 500ms"));
  EXPECT_EQ(settling.model, "digits");
  EXPECT_EQ(settling.since, clock_.Now());

  StepAfter(kSettle - absl::Milliseconds(1));
  EXPECT_THAT(sink_->names(), IsEmpty());
  EXPECT_EQ(opens(), 0);
  clock_.Advance(absl::Milliseconds(1));
  EXPECT_EQ(intake_->Step(), absl::InfiniteFuture());
  EXPECT_THAT(sink_->names(), ElementsAre("digits 1.0"));
  EXPECT_THAT(intake_->dropped_files(), IsEmpty());
}

TEST_F(IntakeTest, AVersionIsRegisteredWithWhatIsKnownOfIt) {
  const std::string archive = TorchScriptArchive(
      R"({"name": "digits", "version": "1.0", "description": "handwritten digits", "owner": "me"})");
  Drop("x.pt", archive);
  Settle();
  const VersionRecord version = sink_->version("digits 1.0");
  EXPECT_EQ(version.size_bytes, static_cast<int64_t>(archive.size()));
  EXPECT_EQ(version.format, ArtifactFormat::kTorchScript);
  EXPECT_EQ(version.disposition, Disposition::kGood);
  EXPECT_EQ(version.description, "handwritten digits");
  EXPECT_EQ(version.registered_at, clock_.Now());
  EXPECT_THAT(version.warnings, ElementsAre(HasSubstr("\"owner\"")));
  EXPECT_THAT(sink_->config("digits 1.0"), HasSubstr(R"("owner":"me")"));
  EXPECT_TRUE(store_->Contains(version.sha256));
  EXPECT_EQ(staging_files(), 0);

  const std::vector<FileRecord> remembered = Remembered();
  ASSERT_THAT(remembered, SizeIs(1));
  EXPECT_EQ(remembered[0].path, "x.pt");
  EXPECT_EQ(remembered[0].outcome, FileOutcome::kRegistered);
  EXPECT_EQ(remembered[0].identity, file_system_.Stat(drop_ + "/x.pt")->identity);
  EXPECT_EQ(remembered[0].sha256, version.sha256);
  EXPECT_EQ(remembered[0].model, "digits");
  EXPECT_EQ(remembered[0].version, "1.0");
  EXPECT_EQ(remembered[0].since, clock_.Now());
}

TEST_F(IntakeTest, AllLayoutsAreTaken) {
  Drop("flat.pt", Archive("1.0"));
  Drop("one/anything.pt", Archive("1.1"));
  Drop("numbered/3/model.pt", TorchScriptZip({}).Build());
  Drop("beside.pt", TorchScriptZip({}).Build());
  Drop("beside.pt.config.json", R"({"version": "7"})");
  Settle();
  EXPECT_THAT(sink_->names(), ElementsAre("beside 7", "flat 1.0", "numbered 3", "one 1.1"));
}

TEST_F(IntakeTest, OnnxFilesAreTaken) {
  Drop("a.onnx", OnnxFileWithConfig(R"({"version": "1.0"})"));
  Drop("b.onnx", OnnxFile());
  Drop("b.onnx.config.json", R"({"version": "2.0"})");
  Drop("c/3/model.onnx", OnnxFile());
  Settle();
  EXPECT_THAT(sink_->names(), ElementsAre("a 1.0", "b 2.0", "c 3"));
  EXPECT_EQ(sink_->version("a 1.0").format, ArtifactFormat::kOnnx);
  EXPECT_THAT(intake_->dropped_files(), IsEmpty());
}

TEST_F(IntakeTest, AnUnchangedFileIsNotReadAgainNotEvenAfterARestart) {
  Drop("good.pt", Archive("1.0"));
  Drop("bad.pt", TorchScriptArchive("{}"));
  Settle();
  const int before = opens();
  EXPECT_GT(before, 0);
  for (int i = 0; i < 5; ++i) StepAfter(absl::Minutes(1));
  Restart();
  Settle();
  EXPECT_EQ(opens(), before);
  EXPECT_EQ(sink_->calls(), 1);
}

TEST_F(IntakeTest, HundredsOfUnchangedFilesAreNotReadAfterARestart) {
  for (int i = 0; i < 300; ++i) Drop(absl::StrCat("model-", i, "/1/model.pt"), "x");
  ASSERT_OK_AND_ASSIGN(const ScanResult scan, Scan(file_system_, drop_));
  ASSERT_THAT(scan.files, SizeIs(300));
  for (const ScannedFile& file : scan.files) {
    ASSERT_OK(registry_->RecordFile({.path = file.path,
                                     .identity = file.identity,
                                     .sidecar = file.sidecar,
                                     .outcome = FileOutcome::kRegistered,
                                     .sha256 = "",
                                     .model = "m",
                                     .version = "1",
                                     .reason = "",
                                     .since = clock_.Now()},
                                    std::nullopt));
  }
  Restart();
  EXPECT_EQ(intake_->Step(), absl::InfiniteFuture());
  EXPECT_EQ(opens(), 0);
  EXPECT_THAT(intake_->dropped_files(), IsEmpty());
}

TEST_F(IntakeTest, AnotherDeviceNumberAfterARemountIsNoChange) {
  Drop("digits.pt", Archive("1.0"));
  Settle();
  FileRecord record = Remembered().at(0);
  record.identity.device += 7;
  ASSERT_OK(registry_->RecordFile(record, std::nullopt));
  const int before = opens();
  Restart();
  Settle();
  EXPECT_EQ(opens(), before);
}

TEST_F(IntakeTest, AFileOfTheSameSizeAndTimeIsStillSeenToBeAnother) {
  Drop("digits.pt", Archive("1.0"));
  const auto time = std::filesystem::last_write_time(drop_ + "/digits.pt");
  Settle();
  Drop("digits.pt", Archive("1.1"));
  std::filesystem::last_write_time(drop_ + "/digits.pt", time);
  Settle();
  EXPECT_THAT(sink_->names(), ElementsAre("digits 1.0", "digits 1.1"));
}

TEST_F(IntakeTest, AChangedFileIsTakenAnew) {
  Drop("digits.pt", Archive("1.0"));
  Settle();
  Drop("digits.pt", Archive("1.1"));
  Settle();
  EXPECT_THAT(sink_->names(), ElementsAre("digits 1.0", "digits 1.1"));
  EXPECT_THAT(Remembered(), ElementsAre(Field(&FileRecord::version, "1.1")));
}

TEST_F(IntakeTest, AChangedSidecarIsAChangeOfItsFile) {
  Drop("digits.pt", TorchScriptZip({}).Build());
  Settle();
  EXPECT_EQ(OnlyDropped().state, DroppedState::kQuarantined);
  EXPECT_THAT(OnlyDropped().reason, HasSubstr("no version"));
  Drop("digits.pt.config.json", R"({"version": "1.0"})");
  intake_->Step();
  EXPECT_EQ(OnlyDropped().state, DroppedState::kSettling);
  StepAfter(kSettle);
  EXPECT_THAT(sink_->names(), ElementsAre("digits 1.0"));
  EXPECT_THAT(intake_->dropped_files(), IsEmpty());
}

// --- Half-copied and truncated ---

TEST_F(IntakeTest, AHalfCopiedFileIsWaitedForAndThenTaken) {
  const std::string archive = Archive("1.0");
  for (const size_t bytes : {size_t{0}, archive.size() / 2, archive.size() - 1}) {
    Drop("digits.pt", archive.substr(0, bytes));
    Settle();
    EXPECT_EQ(OnlyDropped().state, DroppedState::kSettling) << bytes;
    EXPECT_THAT(OnlyDropped().reason, StartsWith("incomplete")) << bytes;
    StepAfter(kIncomplete - kSettle - absl::Milliseconds(1));
    EXPECT_EQ(OnlyDropped().state, DroppedState::kSettling) << bytes;
  }
  Drop("digits.pt", archive);
  Settle();
  EXPECT_THAT(sink_->names(), ElementsAre("digits 1.0"));
  EXPECT_THAT(intake_->dropped_files(), IsEmpty());
  EXPECT_THAT(Events(action::kQuarantined), IsEmpty());
}

TEST_F(IntakeTest, AHalfCopiedOnnxFileIsWaitedForAndThenTakenOrTruncated) {
  const std::string whole = OnnxFileWithConfig(R"({"version": "1.0"})");
  for (const std::string& bytes : {std::string(), whole.substr(0, whole.size() / 2),
                                   whole.substr(0, whole.size() / 2) + std::string(500, '\0')}) {
    Drop("digits.onnx", bytes);
    Settle();
    EXPECT_EQ(OnlyDropped().state, DroppedState::kSettling);
    EXPECT_THAT(OnlyDropped().reason, StartsWith("incomplete"));
    StepAfter(kIncomplete - kSettle);
    EXPECT_EQ(OnlyDropped().state, DroppedState::kQuarantined);
    EXPECT_THAT(OnlyDropped().reason, StartsWith("truncated"));
  }
  Drop("digits.onnx", whole);
  Settle();
  EXPECT_THAT(sink_->names(), ElementsAre("digits 1.0"));
}

TEST_F(IntakeTest, AFileThatIsStillBeingCopiedIsNotOpened) {
  const std::string archive = Archive("1.0");
  for (size_t bytes = 1; bytes < archive.size(); bytes += 40) {
    Drop("digits.pt", archive.substr(0, bytes));
    StepAfter(kSettle - absl::Milliseconds(1));
  }
  EXPECT_EQ(opens(), 0);
}

TEST_F(IntakeTest, ATruncatedFileIsQuarantinedWhenItStoodStillForTheIncompleteTime) {
  const std::string archive = Archive("1.0");
  Drop("digits.pt", archive.substr(0, archive.size() / 2));
  Settle();
  StepAfter(kIncomplete - kSettle);
  const DroppedFileView file = OnlyDropped();
  EXPECT_EQ(file.state, DroppedState::kQuarantined);
  EXPECT_THAT(file.reason, AllOf(StartsWith("truncated"), HasSubstr("10s"), HasSubstr("copy it again")));
  EXPECT_EQ(file.model, "digits");
  EXPECT_EQ(file.since, clock_.Now());
  EXPECT_THAT(Events(action::kQuarantined),
              ElementsAre(AllOf(Field(&EventRecord::reason, HasSubstr("file \"digits.pt\": truncated")),
                                Field(&EventRecord::actor, "daemon"), Field(&EventRecord::model, "digits"),
                                Field(&EventRecord::time, clock_.Now()))));

  Drop("digits.pt", archive);
  Settle();
  EXPECT_THAT(sink_->names(), ElementsAre("digits 1.0"));
  EXPECT_THAT(intake_->dropped_files(), IsEmpty());
}

// --- Refused ---

struct Refusal {
  std::string name;
  std::string path;
  std::string content;
  std::string reason;
};

class IntakeRefusalTest : public IntakeTest, public ::testing::WithParamInterface<Refusal> {};

TEST_P(IntakeRefusalTest, IsQuarantinedWithoutACopy) {
  Drop(GetParam().path, GetParam().content);
  Settle();
  EXPECT_EQ(OnlyDropped().state, DroppedState::kQuarantined);
  EXPECT_THAT(OnlyDropped().reason, HasSubstr(GetParam().reason));
  EXPECT_THAT(Events(action::kQuarantined), SizeIs(1));
  EXPECT_THAT(Remembered(), ElementsAre(AllOf(Field(&FileRecord::outcome, FileOutcome::kQuarantined),
                                              Field(&FileRecord::sha256, ""))));
  EXPECT_EQ(sink_->calls(), 0);
  EXPECT_EQ(store_file_system_.count(Call::kCreateExclusive), 0);
}

INSTANTIATE_TEST_SUITE_P(
    All, IntakeRefusalTest,
    ::testing::Values(Refusal{"NoZip", "a.pt", "hello, I am a text file", "no TorchScript archive"},
                      Refusal{"ZipThatIsNoTorchScript", "a.pt", ZipBuilder().Add("a/b.txt", "x").Build(),
                              "TorchScript"},
                      Refusal{"NoVersion", "a.pt", TorchScriptZip({}).Build(), "no version"},
                      Refusal{"InvalidConfig", "a.pt", TorchScriptArchive("{\"version\": "), "config.json"},
                      Refusal{"WrongTypeInConfig", "a.pt", TorchScriptArchive("{\"version\": 1}"), "version"},
                      Refusal{"NameThatBreaksTheRule", "Digits.pt",
                              TorchScriptArchive("{\"version\": \"1\"}"), "\"Digits\""},
                      Refusal{"FormatThatIsNotAllowed", "a.pt2", "whatever", "start modeld with --formats"},
                      Refusal{"NoOnnx", "a.onnx", "whatever", "no ONNX file"},
                      Refusal{"OnnxWithoutAVersion", "a.onnx", OnnxFile(), "no version"},
                      Refusal{"OnnxWithTensorsInOtherFiles", "a.onnx",
                              OnnxModel(OnnxGraph().Bytes(5, ExternalOnnxTensor("w"))).bytes(),
                              "\"w\" lies in another file"}),
    [](const auto& info) { return info.param.name; });

TEST_F(IntakeTest, AQuarantineIsOneEventNotOneARescanOrARestart) {
  Drop("digits.pt", TorchScriptZip({}).Build());
  Settle();
  const DroppedFileView before = OnlyDropped();
  for (int i = 0; i < 3; ++i) StepAfter(absl::Minutes(1));
  Restart();
  EXPECT_EQ(OnlyDropped().reason, before.reason) << "shown before the first scan";
  Settle();
  EXPECT_EQ(OnlyDropped().reason, before.reason);
  EXPECT_EQ(OnlyDropped().since, before.since);
  EXPECT_THAT(Events(action::kQuarantined), SizeIs(1));
}

TEST_F(IntakeTest, WhatWasRefusedForItsFormatIsTakenOnceThatIsAllowed) {
  Drop("m.pt2", PackageZip({{"config.json", R"({"version": "1.0"})"}}).Build());
  Drop("r/manifest.json", R"({"models": ["n.pt2"]})");
  Drop("r/n.pt2", PackageZip({{"config.json", R"({"version": "1.0"})"}}).Build());
  Settle();
  EXPECT_THAT(Events(action::kQuarantined), SizeIs(2));
  Restart();
  Settle();
  EXPECT_THAT(Events(action::kQuarantined), SizeIs(2)) << "not looked at again for nothing";
  inspect_.formats = AllFormats();
  Restart();
  Settle();
  EXPECT_THAT(intake_->dropped_files(), IsEmpty());
  EXPECT_THAT(sink_->names(), ::testing::UnorderedElementsAre("m 1.0", "n 1.0"));
}

TEST_F(IntakeTest, AQuarantinedFileThatIsDeletedIsForgotten) {
  Drop("digits.pt", TorchScriptZip({}).Build());
  Settle();
  Delete("digits.pt");
  intake_->Step();
  EXPECT_THAT(intake_->dropped_files(), IsEmpty());
  EXPECT_THAT(Remembered(), IsEmpty());
}

TEST_F(IntakeTest, AQuarantinedFileThatWasDeletedWhileTheDaemonWasDownIsForgotten) {
  Drop("digits.pt", TorchScriptZip({}).Build());
  Settle();
  Delete("digits.pt");
  Restart();
  EXPECT_THAT(intake_->dropped_files(), SizeIs(1));
  intake_->Step();
  EXPECT_THAT(intake_->dropped_files(), IsEmpty());
  EXPECT_THAT(Remembered(), IsEmpty());
}

TEST_F(IntakeTest, AFileThatVanishesWhileItSettlesIsForgotten) {
  Drop("digits.pt", Archive("1.0"));
  intake_->Step();
  Delete("digits.pt");
  EXPECT_EQ(intake_->Step(), absl::InfiniteFuture());
  EXPECT_THAT(intake_->dropped_files(), IsEmpty());
}

// --- Deleted and dropped again ---

TEST_F(IntakeTest, DeletingARegisteredFileForgetsTheFileAndNothingElse) {
  Drop("digits.pt", Archive("1.0"));
  Settle();
  const std::string sha256 = sink_->version("digits 1.0").sha256;
  Delete("digits.pt");
  intake_->Step();
  EXPECT_THAT(Remembered(), IsEmpty());
  EXPECT_EQ(sink_->calls(), 1);
  EXPECT_TRUE(store_->Contains(sha256));

  Drop("digits.pt", Archive("1.0"));
  Settle();
  EXPECT_EQ(sink_->calls(), 2);
  EXPECT_THAT(intake_->dropped_files(), IsEmpty());
  EXPECT_THAT(Remembered(), SizeIs(1));
}

// --- Conflicts ---

TEST_F(IntakeTest, AVersionWithOtherBytesIsQuarantinedAsAConflict) {
  Drop("digits.pt", Archive("1.0", "first"));
  Settle();
  Drop("digits.pt", Archive("1.0", "second"));
  Settle();
  const DroppedFileView conflict = OnlyDropped();
  EXPECT_EQ(conflict.state, DroppedState::kQuarantined);
  EXPECT_THAT(conflict.reason, HasSubstr("other bytes"));
  EXPECT_THAT(Events(action::kQuarantined),
              ElementsAre(AllOf(Field(&EventRecord::model, "digits"), Field(&EventRecord::version, "1.0"),
                                Field(&EventRecord::reason, HasSubstr("other bytes")))));
  EXPECT_THAT(Remembered(), ElementsAre(AllOf(Field(&FileRecord::outcome, FileOutcome::kQuarantined),
                                              Field(&FileRecord::sha256, SizeIs(64)))));
}

TEST_F(IntakeTest, OfTwoFilesInConflictInOneScanTheFirstByPathWins) {
  Drop("digits/b.pt", Archive("1.0", "b"));
  Drop("digits/a.pt", Archive("1.0", "a"));
  Settle();
  EXPECT_EQ(OnlyDropped().path, "digits/b.pt");
  EXPECT_EQ(OnlyDropped().model, "digits");
  EXPECT_EQ(OnlyDropped().version, "1.0");
}

TEST_F(IntakeTest, TheSameBytesTwiceAreNoConflict) {
  Drop("digits/a.pt", Archive("1.0"));
  Drop("digits/b.pt", Archive("1.0"));
  Settle();
  EXPECT_THAT(intake_->dropped_files(), IsEmpty());
  EXPECT_THAT(Remembered(), ElementsAre(Field(&FileRecord::outcome, FileOutcome::kRegistered),
                                        Field(&FileRecord::outcome, FileOutcome::kRegistered)));
  EXPECT_THAT(sink_->names(), SizeIs(1));
}

TEST_F(IntakeTest, AFileOfARetiredVersionIsQuarantined) {
  sink_->FailWith(absl::FailedPreconditionError("version is retired; promote it"));
  Drop("digits.pt", Archive("1.0"));
  Settle();
  EXPECT_EQ(OnlyDropped().state, DroppedState::kQuarantined);
  EXPECT_EQ(OnlyDropped().reason, "version is retired; promote it");
}

}  // namespace
}  // namespace modeld
