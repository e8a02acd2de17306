#include "registry/archive_reader.h"

#include <sys/stat.h>
#include <zip.h>

#include <filesystem>
#include <random>

#include "absl/strings/str_cat.h"
#include "registry/incomplete.h"
#include "registry/zip_directory.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/zip_builder.h"

namespace modeld {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Optional;
using Call = FaultyFileSystem::Call;

constexpr char kConfig[] = R"({"version": "1.0"})";

auto IsRefused(const std::string& part) {
  return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(part));
}

MATCHER(IsIncompleteFile, negation ? "is not incomplete" : "is incomplete") {
  const absl::Status& status = StatusOf(arg);
  *result_listener << "status is " << status.ToString();
  return IsIncomplete(status) && absl::IsUnavailable(status);
}

class ArchiveReaderTest : public ::testing::Test {
 protected:
  absl::StatusOr<ArchiveContents> Read(const std::string& bytes, const ArchiveLimits& limits = {}) {
    // A new file each time: file systems sync one that is written over, which takes milliseconds.
    std::filesystem::remove(dir_ / "model.pt");
    return ReadArchive(files_, dir_.Write("model.pt", bytes), limits);
  }
  absl::StatusOr<ArchiveContents> Read(const ZipBuilder& builder, const ArchiveLimits& limits = {}) {
    return Read(builder.Build(), limits);
  }

  const TempDir dir_;
  FaultyFileSystem files_;
};

// A valid archive that holds this entry too.
ZipBuilder WithEntry(ZipBuilderEntry entry) {
  ZipBuilder builder = TorchScriptZip({{"config.json", kConfig}});
  builder.Add(std::move(entry));
  return builder;
}
ZipBuilderEntry Entry(std::string name, std::string data = "") {
  ZipBuilderEntry entry;
  entry.name = std::move(name);
  entry.data = std::move(data);
  return entry;
}

// An archive whose entry `name` was deflated by libzip.
std::string Deflated(const TempDir& dir, const std::string& name, const std::string& content) {
  const std::string path = dir.Write("deflated.zip", TorchScriptZip({}).Build());
  zip_t* const zip = zip_open(path.c_str(), 0, nullptr);
  zip_source_t* const source = zip_source_buffer(zip, content.data(), content.size(), 0);
  const zip_int64_t index = zip_file_add(zip, name.c_str(), source, 0);
  EXPECT_GE(index, 0);
  EXPECT_EQ(zip_set_file_compression(zip, index, ZIP_CM_DEFLATE, 1), 0);
  EXPECT_EQ(zip_close(zip), 0);
  return *ReadFile(*FileSystem::Real(), path, 1 << 30);
}

TEST(FormatTest, NamesAndExtensions) {
  using enum ArtifactFormat;
  for (const ArtifactFormat format : {kTorchScript, kPt2, kOnnx}) {
    EXPECT_THAT(FormatFromName(FormatName(format)), Optional(format));
  }
  EXPECT_EQ(FormatFromName("TorchScript"), std::nullopt);
  for (const char* path : {"a.pt", "a.pth", "a.jit", "a.ts", "a.b.pt", "dir.onnx/a.pt", "A.PT"}) {
    EXPECT_THAT(FormatFromExtension(path), Optional(kTorchScript)) << path;
  }
  EXPECT_THAT(FormatFromExtension("a.pt2"), Optional(kPt2));
  EXPECT_THAT(FormatFromExtension("a/b.onnx"), Optional(kOnnx));
  for (const char* path : {"", "a", ".pt", "dir/.pt", "a.pt.tmp", "a.json", "dir.pt/a", "a.", "pt"}) {
    EXPECT_EQ(FormatFromExtension(path), std::nullopt) << path;
  }
}

TEST_F(ArchiveReaderTest, ReadsConfigAndNamesOfExtraFiles) {
  const ZipBuilder builder =
      TorchScriptZip({{"labels.txt", "a\nb"}, {"config.json", kConfig}, {"golden/0", "xx"}}, "any name");
  ASSERT_OK_AND_ASSIGN(const ArchiveContents contents, Read(builder));
  EXPECT_EQ(contents.format, ArtifactFormat::kTorchScript);
  EXPECT_EQ(contents.file_bytes, builder.Build().size());
  EXPECT_THAT(contents.config_json, Optional(std::string(kConfig)));
  EXPECT_THAT(contents.extra_files, ElementsAre("config.json", "golden/0", "labels.txt"));
}

TEST_F(ArchiveReaderTest, AConfigIsOptional) {
  ASSERT_OK_AND_ASSIGN(const ArchiveContents contents, Read(TorchScriptZip({})));
  EXPECT_EQ(contents.config_json, std::nullopt);
  EXPECT_THAT(contents.extra_files, IsEmpty());
}

TEST_F(ArchiveReaderTest, ReadsWhatOtherZipToolsWrite) {
  ZipBuilder folders;  // with entries for folders, without 64-bit records
  folders.Add("model/").Add("model/extra/").Add("model/extra/config.json", kConfig).Add("model/data.pkl");
  folders.Add("model/constants.pkl").Add("model/.data/version", "3\n");
  ASSERT_OK_AND_ASSIGN(const ArchiveContents contents, Read(folders));
  EXPECT_THAT(contents.config_json, Optional(std::string(kConfig)));
  EXPECT_THAT(contents.extra_files, ElementsAre("config.json"));

  std::string with_comment = folders.Build();
  with_comment[with_comment.size() - 2] = 5;  // the comment's length
  EXPECT_OK(Read(with_comment + "hello"));
}

TEST_F(ArchiveReaderTest, ReadsADeflatedConfig) {
  const std::string config =
      absl::StrCat(R"({"version": "1.0", "description": ")", std::string(10'000, 'x'), "\"}");
  ASSERT_OK_AND_ASSIGN(const ArchiveContents contents,
                       Read(Deflated(dir_, "model/extra/config.json", config)));
  EXPECT_THAT(contents.config_json, Optional(config));
}

TEST_F(ArchiveReaderTest, TruncatedAnywhereIsIncomplete) {
  const std::string whole = TorchScriptArchive(kConfig);
  ASSERT_OK(Read(whole));
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THAT(Read(whole.substr(0, size)), IsIncompleteFile()) << size << " of " << whole.size();
  }
}

TEST_F(ArchiveReaderTest, ADirectoryThatDoesNotLieInTheFileIsIncomplete) {
  // The end of a large archive in a file that lacks its middle.
  const std::string whole = TorchScriptZip({{"config.json", std::string(100'000, ' ')}}).Build();
  EXPECT_THAT(Read(whole.substr(0, 100) + whole.substr(whole.size() - 200)), IsIncompleteFile());
}

TEST_F(ArchiveReaderTest, ReservedSpaceIsIncomplete) {
  EXPECT_THAT(Read(std::string(100'000, '\0')), IsIncompleteFile());
  EXPECT_THAT(Read(TorchScriptArchive(kConfig).replace(0, 50, std::string(50, '\0'))), IsIncompleteFile());
  EXPECT_THAT(Read(TorchScriptArchive(kConfig).substr(0, 100) + std::string(100'000, '\0')),
              IsIncompleteFile());
}

TEST_F(ArchiveReaderTest, WhatIsNoZipIsRefusedAtOnce) {
  const std::pair<std::string, std::string> cases[] = {
      {std::string("\x80\x02\x8a\x0al\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15),
       "torch.save file of the legacy format"},
      {"\x80\x04\x95", "Python pickle"},
      {"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "run git lfs pull"},
      {"<!DOCTYPE html><html>", "error page"},
      {"\x1f\x8b\x08", "gzip"},
      {"\x89HDF\r\n\x1a\n", "HDF5"},
      {std::string(300, 'x').replace(257, 5, "ustar"), "tar"},
      {"hi\n", "it begins with \"hi\\n\" and is no ZIP file"},
      {"\xff\xff\xff\xff", "it begins with \"\\xff\\xff\\xff\\xff\""},
      {"P", ""},  // as a ZIP begins
  };
  for (const auto& [bytes, message] : cases) {
    if (message.empty()) {
      EXPECT_THAT(Read(bytes), IsIncompleteFile());
    } else {
      EXPECT_THAT(Read(bytes), IsRefused(message)) << message;
    }
  }
}

TEST_F(ArchiveReaderTest, AZipThatIsNoTorchScriptIsRefusedWithAHint) {
  EXPECT_THAT(Read(ZipBuilder().Add("model/data.pkl").Add("model/data/0").Add("model/version")),
              IsRefused("it looks like torch.save, which writes no code; save it with torch.jit.save("));
  EXPECT_THAT(Read(ZipBuilder().Add("model/archive_format", "pt2").Add("model/models/model.json")),
              IsRefused("torch.export"));
  EXPECT_THAT(Read(ZipBuilder().Add("archive/serialized_exported_program.json")), IsRefused("torch.export"));
  EXPECT_THAT(Read(ZipBuilder().Add("model/.data/extern_modules")), IsRefused("torch.package"));
  EXPECT_THAT(Read(ZipBuilder().Add("data.pkl").Add("notes.txt")), IsRefused("a ZIP, but no TorchScript"));
  EXPECT_THAT(Read(ZipBuilder()), IsRefused("a ZIP, but no TorchScript"));
  EXPECT_THAT(Read(ZipBuilder().Add("m/data.pkl").Add("m/constants.pkl")), IsRefused("no TorchScript"));
}

TEST_F(ArchiveReaderTest, NamesThatAreNoRelativePathsAreRefused) {
  const std::pair<std::string, std::string> cases[] = {
      {"/etc/passwd", "entry \"/etc/passwd\" has an absolute path"},
      {"C:/windows", "absolute path"},
      {"../evil", "has a path with \"..\""},
      {"model/../evil", "has a path with \"..\""},
      {"model/code/..", "has a path with \"..\""},
      {"model\\evil", "has a name with a backslash"},
      {std::string("model/extra/config.json\0.txt", 28), "control characters"},
      {"model/\x1b[31m", "control characters"},
      {"model/\xff", "not UTF-8"},
      {"", "has no name"},
      {"other/file", "entry \"other/file\" lies outside the archive's folder \"model/\""},
      {"config.json", "lies outside"},
      {"model/code/__torch__.py", "entry \"model/code/__torch__.py\" is there twice"},
  };
  for (const auto& [name, message] : cases) EXPECT_THAT(Read(WithEntry(Entry(name))), IsRefused(message));
  for (const char* name : {"model/..a", "model/a..", "model/a:b", "model/größe", "model/say \"hi\""}) {
    EXPECT_OK(Read(WithEntry(Entry(name)))) << name;
  }
}

TEST_F(ArchiveReaderTest, EntriesThatAreMoreThanFilesAreRefused) {
  ZipBuilderEntry link = Entry("model/link", "/etc/passwd");
  link.external_attributes = 0120777u << 16;
  EXPECT_THAT(Read(WithEntry(link)), IsRefused("\"model/link\" is a symbolic link"));
  ZipBuilderEntry encrypted = Entry("model/secret", "x");
  encrypted.flags = 1;
  EXPECT_THAT(Read(WithEntry(encrypted)), IsRefused("\"model/secret\" is encrypted"));
  ZipBuilderEntry lzma = Entry("model/small", "x");
  lzma.method = 14;
  EXPECT_THAT(Read(WithEntry(lzma)), IsRefused("\"model/small\" is compressed by method 14"));
}

TEST_F(ArchiveReaderTest, ABombIsRefusedByItsOwnWord) {
  const std::string bomb = Deflated(dir_, "model/data/0", std::string(8 << 20, '\0'));
  ASSERT_LT(bomb.size(), 64u << 10);
  EXPECT_OK(Read(bomb));  // within the allowance
  ArchiveLimits limits;
  limits.expansion_allowance_bytes = 1 << 20;
  EXPECT_THAT(
      Read(bomb, limits),
      IsRefused(absl::StrCat("the archive of ", bomb.size(), " bytes would unpack to more than ",
                             8 * bomb.size() + (1 << 20), " bytes, which is 8 times its size plus 1048576")));
}

TEST_F(ArchiveReaderTest, ManyEntriesAreABombToo) {
  ZipBuilder builder = TorchScriptZip({});
  for (int i = 0; i < 1000; ++i) {
    ZipBuilderEntry entry = Entry(absl::StrCat("model/data/", i));
    entry.uncompressed_size = 0xFFFFFFF0;
    builder.Add(entry);
  }
  EXPECT_THAT(Read(builder), IsRefused("would unpack to more than"));
}

TEST_F(ArchiveReaderTest, SizesThatLieDoNotGetMoreIntoMemory) {
  ArchiveLimits limits;
  limits.max_config_bytes = 1000;
  // Says a small size, unpacks to more.
  const std::string content(1 << 20, ' ');
  std::string bytes = Deflated(dir_, "model/extra/config.json", content);
  const std::string honest("\0\0\x10\0", 4), lie("\x10\0\0\0", 4);
  size_t patched = 0;
  for (size_t at = bytes.find(honest); at != std::string::npos; at = bytes.find(honest, at + 4), ++patched) {
    bytes.replace(at, 4, lie);
  }
  ASSERT_GE(patched, 1u);
  EXPECT_THAT(Read(bytes, limits).status().code(), absl::StatusCode::kInvalidArgument);

  // Says a large size, is small.
  ZipBuilderEntry large = Entry("model/extra/config.json", kConfig);
  large.uncompressed_size = 1001;
  EXPECT_THAT(Read(TorchScriptZip({}).Add(large), limits), IsRefused("larger than the 1000 bytes allowed"));
}

TEST_F(ArchiveReaderTest, AConfigBeyondItsLimitIsRefused) {
  ArchiveLimits limits;
  limits.max_config_bytes = sizeof(kConfig) - 1;
  EXPECT_OK(Read(TorchScriptArchive(kConfig), limits));
  limits.max_config_bytes -= 1;
  EXPECT_THAT(Read(TorchScriptArchive(kConfig), limits),
              IsRefused("entry \"model/extra/config.json\" is larger than the 17 bytes allowed"));
}

TEST_F(ArchiveReaderTest, ADamagedConfigIsRefused) {
  std::string bytes = TorchScriptArchive(kConfig);
  bytes[bytes.find("1.0")] = '2';
  EXPECT_THAT(Read(bytes), IsRefused("entry \"model/extra/config.json\" is damaged"));
  std::string deflated = Deflated(dir_, "model/extra/config.json", std::string(1000, ' '));
  const size_t data = deflated.find("model/extra/config.json") + 23;
  deflated[data] = '\xff';  // no block type of deflate
  EXPECT_THAT(Read(deflated), IsRefused("is damaged"));
}

TEST_F(ArchiveReaderTest, CountsBeyondTheLimitsAreRefusedBeforeReading) {
  ArchiveLimits limits;
  limits.max_entries = 4;
  EXPECT_THAT(Read(TorchScriptArchive(kConfig), limits),
              IsRefused("claims 5 entries; at most 4 are allowed"));
  limits = {};
  limits.max_directory_bytes = 100;
  EXPECT_THAT(Read(TorchScriptArchive(kConfig), limits), IsRefused("at most 100 are allowed"));
}

TEST_F(ArchiveReaderTest, ADirectoryThatContradictsItselfIsRefused) {
  EXPECT_THAT(Read(TorchScriptZip({}).ClaimEntries(5)), IsRefused("damaged ZIP directory"));
  EXPECT_THAT(Read(TorchScriptZip({}).ClaimEntries(3)), IsRefused("more than the 3 entries claimed"));
  EXPECT_THAT(Read(TorchScriptZip({}).ClaimEntries(60'000)), IsRefused("damaged ZIP directory"));
  ZipBuilderEntry outside = Entry("model/data/0", "x");
  outside.local_offset = 1'000'000;
  EXPECT_THAT(Read(WithEntry(outside)), IsRefused("entry \"model/data/0\" lies outside the archive"));
  outside.local_offset = 0xFFFFFFFF;
  EXPECT_THAT(Read(WithEntry(outside)), IsRefused("lacks its 64-bit sizes"));
}

// Of an end inside the comment, our reader took the outer one and libzip the inner: the config was not that
// of the entries that were checked.
TEST_F(ArchiveReaderTest, ASecondEndInTheCommentIsRefused) {
  const auto with_comment = [](std::string comment) {
    std::string archive = TorchScriptArchive(kConfig);
    archive.replace(archive.size() - 2, 2, {static_cast<char>(comment.size()), '\0'});
    return archive + comment;
  };
  EXPECT_OK(Read(with_comment("made by hand")));
  EXPECT_THAT(Read(with_comment("PK\5\6" + std::string(18, '\0') + "rest")),
              IsRefused("its comment holds a second end of an archive"));
}

TEST_F(ArchiveReaderTest, DamagedBytesNeverCrashIt) {
  const std::string whole = TorchScriptArchive(kConfig);
  std::mt19937 random(1);
  int refused = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = whole;
    for (int i = 0; i < 3; ++i) bytes[random() % bytes.size()] = static_cast<char>(random());
    refused += Read(bytes).ok() ? 0 : 1;
  }
  EXPECT_GT(refused, 1000);
}

TEST_F(ArchiveReaderTest, ErrorsOfTheFileItself) {
  EXPECT_THAT(
      ReadArchive(files_, dir_ / "missing.pt"),
      StatusIs(absl::StatusCode::kNotFound, AllOf(HasSubstr("missing.pt"), HasSubstr("no such file"))));
  std::filesystem::create_directory(dir_ / "directory.pt");
  EXPECT_THAT(ReadArchive(files_, dir_ / "directory.pt"), IsRefused("is not a regular file"));
  ASSERT_EQ(::mkfifo((dir_ / "pipe.pt").c_str(), 0600), 0);
  EXPECT_THAT(ReadArchive(files_, dir_ / "pipe.pt"), IsRefused("is not a regular file"));
  const std::string path = dir_.Write("model.pt", TorchScriptArchive(kConfig));
  files_.FailPath(Call::kOpenForRead, path, absl::PermissionDeniedError("cannot open: permission denied"));
  EXPECT_THAT(ReadArchive(files_, path),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("permission denied")));
}

TEST_F(ArchiveReaderTest, AFileCutShortAfterItsSizeWasTakenIsIncomplete) {
  const std::string bytes = TorchScriptArchive(kConfig);
  ASSERT_OK_AND_ASSIGN(const UniqueFd fd, files_.OpenForRead(dir_.Write("model.pt", bytes.substr(0, 300))));
  EXPECT_THAT(ReadZipDirectory(fd.get(), bytes.size(), {.max_entries = 100, .max_bytes = 10'000}),
              IsIncompleteFile());
}

TEST_F(ArchiveReaderTest, ReadExtraFile) {
  const std::string path =
      dir_.Write("model.pt", TorchScriptZip({{"labels.txt", "cat\ndog"}, {"golden/0", "bytes"}}).Build());
  ASSERT_OK_AND_ASSIGN(const std::string labels, ReadExtraFile(files_, path, "labels.txt", 100));
  EXPECT_EQ(labels, "cat\ndog");
  ASSERT_OK_AND_ASSIGN(const std::string golden, ReadExtraFile(files_, path, "golden/0", 5));
  EXPECT_EQ(golden, "bytes");
  EXPECT_THAT(ReadExtraFile(files_, path, "golden/0", 4),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("larger than the 4 bytes")));
  EXPECT_THAT(ReadExtraFile(files_, path, "golden/1", 100),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no extra file \"golden/1\"")));
  EXPECT_THAT(ReadExtraFile(files_, path, "../data.pkl", 100),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no extra file")));
}

class GraphIdentityTest : public ArchiveReaderTest {
 protected:
  std::string Identity(const ZipBuilder& builder) {
    std::filesystem::remove(dir_ / "model.pt");
    const absl::StatusOr<std::string> identity =
        ReadGraphIdentity(files_, dir_.Write("model.pt", builder.Build()));
    EXPECT_OK(identity);
    return identity.value_or("");
  }
  // What an archive consists of, beside what every archive has.
  struct Parts {
    std::string root = "model";
    std::string code = "def forward(self, x): return x";
    std::string structure = "\x80\x02N.";
    std::string constants = "\x80\x02).";
    std::string weight = "1234";
    std::string constant = "5678";
    std::string config = "{}";
  };
  static ZipBuilder Archive(const Parts& parts) {
    const std::string root = parts.root + "/";
    ZipBuilder builder;
    builder.Add(root + "data.pkl", parts.structure).Add(root + "code/__torch__.py", parts.code);
    builder.Add(root + "code/__torch__.py.debug_pkl", "lines of " + parts.config);
    builder.Add(root + "data/0", parts.weight).Add(root + "constants/0", parts.constant);
    builder.Add(root + "constants.pkl", parts.constants).Add(root + "version", "3\n");
    builder.Add(root + "extra/config.json", parts.config);
    return builder.UseZip64();
  }
};

TEST_F(GraphIdentityTest, WeightsAndWhatLiesBesideThemDoNotCount) {
  const std::string identity = Identity(Archive({}));
  EXPECT_EQ(identity.size(), 64u);
  EXPECT_EQ(Identity(Archive({.weight = "4321"})), identity);
  EXPECT_EQ(Identity(Archive({.constant = "8765"})), identity);
  EXPECT_EQ(Identity(Archive({.config = R"({"version": "2.0"})"})), identity)
      << "nor where its code came from";
  EXPECT_EQ(Identity(Archive({.root = "digits-2"})), identity);
  ZipBuilder more = Archive({});
  EXPECT_EQ(Identity(more.Add("model/extra/golden/0", "xx").Add("model/.data/serialization_id", "7")),
            identity);
}

// Two runs of the same script had other identities, as Python's hashes had it.
TEST_F(GraphIdentityTest, TheOrderOfConstantsInAClassDoesNotCount) {
  const std::string stride = "  stride : Final[int] = 1\n", groups = "  groups : Final[int] = 2\n";
  const std::string begin = "class A(Module):\n  training : bool\n", end = "  def forward(self): ...\n";
  const std::string identity = Identity(Archive({.code = begin + stride + groups + end}));
  EXPECT_EQ(Identity(Archive({.code = begin + groups + stride + end})), identity);
  EXPECT_NE(Identity(Archive({.code = begin + groups + end + stride})), identity) << "of another class";
  EXPECT_NE(Identity(Archive({.code = begin + groups + end})), identity);
}

TEST_F(GraphIdentityTest, CodeStructureAndSizesCount) {
  const std::string identity = Identity(Archive({}));
  EXPECT_NE(Identity(Archive({.code = "def forward(self, x): return y"})), identity);
  EXPECT_NE(Identity(Archive({.structure = "\x80\x02K."})), identity);
  EXPECT_NE(Identity(Archive({.constants = "\x80\x02]."})), identity);
  EXPECT_NE(Identity(Archive({.weight = "12345678"})), identity);
  EXPECT_NE(Identity(Archive({.constant = "56"})), identity);
  ZipBuilder more_code = Archive({}), more_tensors = Archive({});
  EXPECT_NE(Identity(more_code.Add("model/code/__torch__/block.py", "def forward(self): ...")), identity);
  EXPECT_NE(Identity(more_tensors.Add("model/data/1", "9")), identity);
}

TEST_F(GraphIdentityTest, TheOrderOfTheEntriesDoesNotCount) {
  const auto archive = [](const std::string& first, const std::string& second) {
    ZipBuilder builder = TorchScriptZip({});
    return builder.Add("model/data/" + first, "1").Add("model/data/" + second, "1");
  };
  EXPECT_EQ(Identity(archive("0", "1")), Identity(archive("1", "0")));
}

TEST_F(GraphIdentityTest, WhatIsNoArchiveHasNone) {
  EXPECT_THAT(ReadGraphIdentity(files_, dir_.Write("text.pt", "no archive")), IsRefused("is no ZIP file"));
  EXPECT_THAT(ReadGraphIdentity(files_, dir_ / "missing.pt"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("missing.pt")));
  const std::string whole = Archive({}).Build();
  EXPECT_THAT(ReadGraphIdentity(files_, dir_.Write("part.pt", whole.substr(0, whole.size() / 2))),
              IsIncompleteFile());
}

}  // namespace
}  // namespace modeld
