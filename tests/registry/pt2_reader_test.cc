#include "registry/pt2_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "registry/incomplete.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/zip_builder.h"

namespace modeld {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Optional;

constexpr char kConfig[] = R"({"version": "1.0"})";
constexpr char kModel[] = "m/data/aotinductor/model/";

auto IsRefused(const std::string& message) {
  return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message));
}

class Pt2ReaderTest : public ::testing::Test {
 protected:
  absl::StatusOr<ArchiveContents> Read(const std::string& bytes) {
    return ReadPt2(*FileSystem::Real(), dir_.Write("m.pt2", bytes));
  }
  absl::StatusOr<ArchiveContents> Read(const ZipBuilder& zip) { return Read(zip.Build()); }

  const TempDir dir_;
};

TEST_F(Pt2ReaderTest, ReadsConfigAndNamesOfExtraFiles) {
  for (const char* root : {"m/", "any name/", ""}) {
    ASSERT_OK_AND_ASSIGN(const ArchiveContents contents,
                         Read(PackageZip({{"golden/0", "xx"}, {"config.json", kConfig}}, root)));
    EXPECT_EQ(contents.format, ArtifactFormat::kPt2);
    EXPECT_EQ(contents.root, root);
    EXPECT_THAT(contents.config_json, Optional(std::string(kConfig)));
    EXPECT_THAT(contents.extra_files, ElementsAre("config.json", "golden/0"));
    ASSERT_OK_AND_ASSIGN(const std::string sample,
                         ReadExtraFile(*FileSystem::Real(), dir_ / "m.pt2", "golden/0", 10));
    EXPECT_EQ(sample, "xx");
  }
}

TEST_F(Pt2ReaderTest, WhatIsNoPackageIsRefusedWithAHint) {
  EXPECT_THAT(Read(ZipBuilder().Add("m/archive_format", "pt2").Add("m/models/model.json")),
              IsRefused("a torch.export archive without compiled code; compile it with "
                        "torch._inductor.aoti_compile_and_package("));
  EXPECT_THAT(Read(TorchScriptZip({})), IsRefused("it looks like TorchScript, which is to be named .pt"));
  EXPECT_THAT(Read(ZipBuilder().Add("m/a.txt")), IsRefused("a ZIP without data/aotinductor/"));
  EXPECT_THAT(Read(ZipBuilder().Add("a/b/data/aotinductor/model/x.so")), IsRefused("a ZIP without"));
  EXPECT_THAT(Read("hello, I am a text file"), IsRefused("no AOTInductor package: it begins with \"hell\""));
  EXPECT_THAT(ReadArchive(*FileSystem::Real(), dir_.Write("m.pt", PackageZip({}).Build())),
              IsRefused("it looks like an AOTInductor package, which is to be named .pt2"));
}

TEST_F(Pt2ReaderTest, OneCompiledModelIsExpected) {
  EXPECT_THAT(Read(PackageZip({}).Add("m/data/aotinductor/other/b.so")),
              IsRefused("holds 2 compiled models (\"model, other\"); expected one"));
  EXPECT_THAT(Read(ZipBuilder().Add(std::string(kModel) + "a.cpp")),
              IsRefused("has 0 shared libraries (.so), expected one"));
  EXPECT_THAT(Read(PackageZip({}).Add(std::string(kModel) + "b.so")), IsRefused("has 2 shared libraries"));
  EXPECT_THAT(Read(PackageZip({}).Add("other/file")),
              IsRefused("entry \"other/file\" lies outside the archive's folder \"m/\""));
  EXPECT_THAT(Read(PackageZip({}).Add(std::string(kModel) + "../../evil.so")),
              IsRefused("has a path with \"..\""));
}

TEST_F(Pt2ReaderTest, EveryBeginningOfAPackageIsIncomplete) {
  const std::string bytes = PackageZip({{"config.json", kConfig}}).Build();
  for (size_t size = 0; size < bytes.size(); size += 7) {
    const absl::Status cut = Read(bytes.substr(0, size)).status();
    EXPECT_TRUE(IsIncomplete(cut)) << size << ": " << cut;
  }
}

}  // namespace
}  // namespace modeld
