#include "registry/stamp.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "registry/archive_reader.h"
#include "registry/onnx_reader.h"
#include "registry/zip_appender.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/onnx_builder.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/zip_builder.h"

namespace modeld {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using Call = FaultyFileSystem::Call;

// --- The config ---

Stamp Version(const std::string& version, const std::string& name = "", bool force = false) {
  return {.name = name, .version = version, .description = std::nullopt, .force = force};
}

TEST(StampConfigTest, WithoutAConfigItIsWhatIsStamped) {
  ASSERT_OK_AND_ASSIGN(
      const StampedConfig stamped,
      StampConfig(
          std::nullopt,
          {.name = "digits", .version = "1.1", .description = "by hand \"written\"", .force = false}));
  EXPECT_EQ(stamped.json,
            "{\n  \"name\": \"digits\",\n  \"version\": \"1.1\",\n  \"description\": \"by hand "
            "\\\"written\\\"\"\n}\n");
  EXPECT_EQ(stamped.name, "digits");
  EXPECT_THAT(stamped.warnings, IsEmpty());
}

TEST(StampConfigTest, OtherKeysAreKeptInTheirOrderAndToldOf) {
  ASSERT_OK_AND_ASSIGN(
      const StampedConfig stamped,
      StampConfig(R"({"zeta": 1, "warmup": {"batch_sizes": [1, 2]}, "description": "old"})", Version("2")));
  EXPECT_EQ(nlohmann::ordered_json::parse(stamped.json).dump(),
            R"({"zeta":1,"warmup":{"batch_sizes":[1,2]},"description":"old","version":"2"})");
  EXPECT_THAT(stamped.warnings, Contains(HasSubstr("kept from the config.json that it carries: zeta, "
                                                   "warmup, description")));
  EXPECT_THAT(stamped.warnings, Contains(HasSubstr("unknown key \"zeta\"")));
}

TEST(StampConfigTest, WhatIsNestedWithoutEndIsReplacedByForceOnly) {
  const std::string deep =
      R"({"version":"1","a":)" + std::string(400'000, '[') + std::string(400'000, ']') + "}";
  EXPECT_FALSE(StampConfig(deep, Version("2")).ok());
  Stamp forced = Version("2");
  forced.force = true;
  EXPECT_OK(StampConfig(deep, forced));
}

TEST(StampConfigTest, AnotherVersionOrNameNeedsForce) {
  const std::string existing = R"({"name": "digits", "version": "1.0"})";
  EXPECT_THAT(StampConfig(existing, Version("1.1")),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("version \"1.0\", not \"1.1\""), HasSubstr("--force"))));
  EXPECT_THAT(StampConfig(existing, Version("1.0", "faces")),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("name \"digits\", not \"faces\"")));
  EXPECT_OK(StampConfig(existing, Version("1.0", "digits")));
  ASSERT_OK_AND_ASSIGN(const StampedConfig stamped, StampConfig(existing, Version("1.1", "faces", true)));
  EXPECT_EQ(stamped.name, "faces");
  EXPECT_EQ(stamped.version, "1.1");
}

TEST(StampConfigTest, ABrokenConfigNeedsForce) {
  for (const char* broken : {"{", "[1]", R"({"version": 1})"}) {
    EXPECT_THAT(StampConfig(broken, Version("2")),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--force")))
        << broken;
    ASSERT_OK_AND_ASSIGN(const StampedConfig stamped, StampConfig(broken, Version("2", "", true)));
    EXPECT_EQ(stamped.version, "2");
  }
}

TEST(StampConfigTest, WhatTheDaemonWouldRefuseIsNotStamped) {
  EXPECT_THAT(StampConfig(std::nullopt, Version("1 0")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("version")));
  EXPECT_THAT(StampConfig(std::nullopt, Version("1.0", "Digits")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("name")));
  // Also with force where it is another key that is wrong.
  EXPECT_THAT(StampConfig(R"({"inputs": 7})", Version("1.0", "", true)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("inputs")));
}

// --- The archive ---

class StampTest : public testing::Test {
 protected:
  absl::StatusOr<StampedConfig> Stamped(const std::string& path, const Stamp& stamp,
                                        const std::string& output = "") {
    return StampArchive(files_, path, output, stamp);
  }
  std::string Content(const std::string& path) { return *ReadFile(*FileSystem::Real(), path, 100 << 20); }
  std::string ConfigOf(const std::string& path) {
    const absl::StatusOr<ArchiveContents> archive = ReadArchive(*FileSystem::Real(), path);
    EXPECT_OK(archive);
    return archive.ok() ? archive->config_json.value_or("none") : "unreadable";
  }
  // What the archive at `path` says of its entries.
  ZipDirectory DirectoryOfArchive(const std::string& path) {
    absl::StatusOr<UniqueFd> fd = FileSystem::Real()->OpenForRead(path);
    EXPECT_OK(fd);
    absl::StatusOr<ZipDirectory> directory = ReadWholeZipDirectory(
        fd->get(), std::filesystem::file_size(path), {.max_entries = 1'000'000, .max_bytes = 1 << 30});
    EXPECT_OK(directory);
    return *std::move(directory);
  }

  TempDir dir_;
  FaultyFileSystem files_;
};

TEST_F(StampTest, InPlace) {
  const std::string path = dir_.Write("m.pt", TorchScriptZip({{"labels.txt", "a\nb"}}).Build());
  const std::string before = Content(path);
  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
  ASSERT_OK(Stamped(path, Version("1.0", "digits")));
  EXPECT_THAT(ConfigOf(path), HasSubstr("\"digits\""));
  struct stat status;
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0640u);
  EXPECT_THAT(*FileSystem::Real()->List(dir_.path()), ElementsAre("m.pt"));
  // All that was there stands where it stood.
  const uint64_t kept = DirectoryOfArchive(dir_.Write("old", before)).offset;
  EXPECT_THAT(Content(path), StartsWith(before.substr(0, kept)));
}

TEST_F(StampTest, TheNewEntrysBytesAreAligned) {
  for (int length = 1; length <= 70; ++length) {
    const std::string root(static_cast<size_t>(length), 'r');
    const std::string path = dir_.Write("m.pt", TorchScriptZip({}, root).Build());
    ASSERT_OK(Stamped(path, Version("1.0")));
    const std::string config = ConfigOf(path);
    EXPECT_EQ(Content(path).find(config) % 64, 0u) << length;
  }
}

TEST_F(StampTest, StampingAgainReplacesTheEntryAndTheFileDoesNotGrow) {
  const std::string path = dir_.Write("m.pt", TorchScriptZip({}).Build());
  ASSERT_OK(Stamped(path, Version("1.0")));
  const auto size = std::filesystem::file_size(path);
  for (int i = 1; i < 10; ++i) ASSERT_OK(Stamped(path, Version(absl::StrCat("1.", i), "", true)));
  EXPECT_EQ(std::filesystem::file_size(path), size);
  EXPECT_THAT(ConfigOf(path), HasSubstr("1.9"));
  EXPECT_EQ(DirectoryOfArchive(path).entries.size(), 5u);
}

TEST_F(StampTest, AnEntryInTheMiddleIsReplacedInTheDirectory) {
  // TorchScriptZip puts extra files first: the archive's folder is told by the first entry.
  const std::string path =
      dir_.Write("m.pt", TorchScriptZip({{"config.json", R"({"version": "1.0"})"}}, "folder").Build());
  ASSERT_OK(Stamped(path, Version("1.1", "", true)));
  const ZipDirectory directory = DirectoryOfArchive(path);
  EXPECT_EQ(directory.entries[0].name, "folder/extra/config.json");
  EXPECT_EQ(directory.entries.size(), 5u);
  EXPECT_THAT(ConfigOf(path), HasSubstr("1.1"));
}

TEST_F(StampTest, AnArchiveOfZipsOldKindIsStampedToo) {
  ZipBuilder builder;
  builder.Add("m/data.pkl", "\x80\x02N.").Add("m/constants.pkl", "\x80\x02).").Add("m/version", "3\n");
  const std::string path = dir_.Write("m.pt", builder.Build());
  ASSERT_OK(Stamped(path, Version("1.0")));
  EXPECT_THAT(ConfigOf(path), HasSubstr("1.0"));
}

TEST_F(StampTest, IntoAnotherFile) {
  const std::string path = dir_.Write("m.pt", TorchScriptZip({}).Build());
  const std::string before = Content(path);
  ASSERT_OK(Stamped(path, Version("1.0"), dir_ / "stamped.pt"));
  EXPECT_EQ(Content(path), before);
  EXPECT_THAT(ConfigOf(dir_ / "stamped.pt"), HasSubstr("1.0"));
  EXPECT_THAT(Stamped(path, Version("1.1"), dir_ / "stamped.pt"),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("--force")));
  EXPECT_THAT(ConfigOf(dir_ / "stamped.pt"), HasSubstr("1.0"));
  EXPECT_OK(Stamped(path, Version("1.1", "", true), dir_ / "stamped.pt"));
}

TEST_F(StampTest, ThroughALinkTheFileItselfIsReplaced) {
  const std::string path = dir_.Write("real/m.pt", TorchScriptZip({}).Build());
  std::filesystem::create_symlink(path, dir_ / "link.pt");
  ASSERT_OK(Stamped(dir_ / "link.pt", Version("1.0")));
  EXPECT_TRUE(std::filesystem::is_symlink(dir_ / "link.pt"));
  EXPECT_THAT(ConfigOf(path), HasSubstr("1.0"));
}

TEST_F(StampTest, ASidecarThatIsNotReadAnyMoreIsToldOf) {
  const std::string path = dir_.Write("m.pt", TorchScriptZip({}).Build());
  dir_.Write("m.pt.config.json", R"({"version": "0.9"})");
  ASSERT_OK_AND_ASSIGN(const StampedConfig stamped, Stamped(path, Version("1.0")));
  EXPECT_THAT(stamped.warnings, Contains(HasSubstr("m.pt.config.json")));
}

TEST_F(StampTest, WhatIsNoTorchScriptIsLeftAlone) {
  const std::string path = dir_.Write("m.pt", ZipBuilder().Add("a/b", "c").Build());
  const std::string before = Content(path);
  EXPECT_THAT(Stamped(path, Version("1.0")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no TorchScript")));
  EXPECT_EQ(Content(path), before);
  EXPECT_THAT(Stamped(dir_ / "none.pt", Version("1.0")),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("none.pt")));
}

TEST_F(StampTest, AnOnnxFile) {
  const std::string bare = OnnxFile({{"author", "me"}});
  const std::string path = dir_.Write("m.onnx", bare);
  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
  ASSERT_OK_AND_ASSIGN(const StampedConfig first, Stamped(path, Version("1.0", "digits")));
  EXPECT_EQ(Content(path), bare + WireBuilder().Bytes(14, OnnxProperty("modeld.config", first.json)).bytes());
  struct stat status;
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0640u);

  EXPECT_THAT(Stamped(path, Version("1.1")),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("--force")));
  ASSERT_OK_AND_ASSIGN(const StampedConfig second, Stamped(path, Version("1.1", "", true)));
  EXPECT_EQ(Content(path),
            bare + WireBuilder().Bytes(14, OnnxProperty("modeld.config", second.json)).bytes());
}

TEST_F(StampTest, AnOnnxFilesOldConfigIsTakenOutWhereverItWas) {
  const std::string config = R"({"version": "1.0", "mine": 1})";
  const std::string rest = OnnxModel(OnnxGraph()).Bytes(14, OnnxProperty("zeta", "x")).bytes();
  for (const char* key : {"config.json", "modeld.config"}) {
    const std::string old = WireBuilder().Bytes(14, OnnxProperty(key, config)).bytes();
    const std::string path = dir_.Write("m.onnx", old + rest);
    ASSERT_OK_AND_ASSIGN(const StampedConfig stamped, Stamped(path, Version("1.0")));
    EXPECT_THAT(stamped.json, HasSubstr("mine"));
    EXPECT_EQ(Content(path),
              rest + WireBuilder().Bytes(14, OnnxProperty("modeld.config", stamped.json)).bytes());
  }
}

TEST_F(StampTest, AnOnnxFileThatIsNoneIsLeftAlone) {
  const std::string path = dir_.Write("m.onnx", OnnxFile().substr(0, 40));
  EXPECT_THAT(Stamped(path, Version("1.0")),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("incomplete")));
  EXPECT_EQ(Content(path), OnnxFile().substr(0, 40));
}

class StampFaultTest : public StampTest,
                       public testing::WithParamInterface<std::pair<std::string, std::string>> {};

INSTANTIATE_TEST_SUITE_P(
    Formats, StampFaultTest,
    testing::Values(std::pair("m.pt", TorchScriptZip({{"big", std::string(3 << 20, 'x')}}).Build()),
                    std::pair("m.pt2", PackageZip({{"big", std::string(3 << 20, 'x')}}, "").Build()),
                    std::pair("m.onnx", OnnxModel(OnnxGraph())
                                            .Bytes(14, OnnxProperty("modeld.config", R"({"version": "1.0"})"))
                                            .Bytes(6, std::string(3 << 20, 'x'))
                                            .bytes())),
    [](const auto& info) { return info.param.first.substr(2); });

TEST_P(StampFaultTest, EveryFaultLeavesTheFileAsItWas) {
  const std::string& name = GetParam().first;
  const std::string& before = GetParam().second;
  const std::string path = dir_.Write(name, before);
  int faults = 0;
  for (const Call call : {Call::kRealPath, Call::kOpenForRead, Call::kStatDescriptor, Call::kCreateExclusive,
                          Call::kRead, Call::kWrite, Call::kSetMode, Call::kFsync, Call::kRename}) {
    for (int nth = 1;; ++nth) {
      const int calls = files_.count(call);
      files_.FailNth(call, nth, absl::ResourceExhaustedError("no space left on device"));
      const absl::StatusOr<StampedConfig> stamped = Stamped(path, Version("1.0"));
      files_.Heal();
      if (files_.count(call) < calls + nth) break;
      ++faults;
      EXPECT_THAT(stamped, StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("no space")));
      EXPECT_EQ(Content(path), before);
      EXPECT_THAT(*FileSystem::Real()->List(dir_.path()), ElementsAre(name));
    }
    dir_.Write(name, before);  // it succeeded in the end
  }
  EXPECT_GE(faults, 12);
  files_.LimitDiskSpace(1000);
  EXPECT_THAT(Stamped(path, Version("1.0")),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("no space")));
  EXPECT_EQ(Content(path), before);
}

TEST_F(StampTest, AFileThatChangesMeanwhileIsLeftAlone) {
  const std::string path = dir_.Write("m.pt", TorchScriptZip({}).Build());
  files_.Before(Call::kWrite, 1,
                [&] { std::filesystem::resize_file(path, std::filesystem::file_size(path) + 1); });
  EXPECT_THAT(Stamped(path, Version("1.0")), StatusIs(absl::StatusCode::kAborted, HasSubstr("changed")));
}

// --- The end of the archive ---

TEST(ZipAppenderTest, BeyondFourGigabytesTheOffsetIsIn64Bits) {
  ZipDirectory directory;
  directory.offset = (uint64_t{5} << 30) + 1;
  const ZipTail tail = AppendZipEntry(directory, "m/extra/config.json", "{}");
  EXPECT_EQ(tail.kept_bytes, directory.offset);
  // The record of the directory, its extra field with the offset, and the 64-bit end.
  const size_t record = tail.bytes.find("PK\1\2");
  ASSERT_NE(record, std::string::npos);
  EXPECT_EQ(tail.bytes.substr(record + 42, 4), "\xFF\xFF\xFF\xFF");
  const std::string offset = {1, 0, 0, 0x40, 1, 0, 0, 0};
  EXPECT_EQ(tail.bytes.substr(record + 46 + 19 + 4, 8), offset);
  EXPECT_NE(tail.bytes.find("PK\6\6"), std::string::npos);
}

}  // namespace
}  // namespace modeld
