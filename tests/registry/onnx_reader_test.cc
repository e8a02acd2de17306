#include "registry/onnx_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "registry/incomplete.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/onnx_builder.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace modeld {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Optional;
using Call = FaultyFileSystem::Call;

constexpr char kConfig[] = R"({"version": "1.0"})";

auto IsRefused(const std::string& part) {
  return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(part));
}

MATCHER_P(IsIncompleteFile, part, "") {
  const absl::Status& status = StatusOf(arg);
  *result_listener << "status is " << status.ToString();
  return IsIncomplete(status) && absl::IsUnavailable(status) &&
         std::string(status.message()).find(part) != std::string::npos;
}

class OnnxReaderTest : public ::testing::Test {
 protected:
  absl::StatusOr<ArchiveContents> Read(std::string_view bytes, const ArchiveLimits& limits = {}) {
    // A new file each time: file systems sync one that is written over, which takes milliseconds.
    std::filesystem::remove(dir_ / "model.onnx");
    return ReadOnnx(files_, dir_.Write("model.onnx", bytes), limits);
  }

  const TempDir dir_;
  FaultyFileSystem files_;
};

TEST_F(OnnxReaderTest, ReadsTheConfigOfEitherKey) {
  for (const char* key : {"modeld.config", "config.json"}) {
    const std::string bytes = OnnxFile({{"author", "me"}, {key, kConfig}, {"zeta", "x"}});
    ASSERT_OK_AND_ASSIGN(const ArchiveContents contents, Read(bytes));
    EXPECT_EQ(contents.format, ArtifactFormat::kOnnx);
    EXPECT_EQ(contents.file_bytes, bytes.size());
    EXPECT_THAT(contents.config_json, Optional(std::string(kConfig)));
    EXPECT_THAT(contents.extra_files, IsEmpty());
  }
  ASSERT_OK_AND_ASSIGN(const ArchiveContents bare, Read(OnnxFile()));
  EXPECT_EQ(bare.config_json, std::nullopt);
}

TEST_F(OnnxReaderTest, TheOrderOfFieldsIsFree) {
  const std::string property = OnnxProperty("modeld.config", kConfig).bytes();
  const WireBuilder swapped = WireBuilder().Bytes(2, kConfig).Bytes(1, "modeld.config");
  for (const std::string& entry : {property, swapped.bytes()}) {
    const WireBuilder model =
        WireBuilder().Bytes(14, entry).Bytes(7, OnnxGraph()).Bytes(8, "").Bytes(6, "text").Varint(1, 7);
    ASSERT_OK_AND_ASSIGN(const ArchiveContents contents, Read(model));
    EXPECT_THAT(contents.config_json, Optional(std::string(kConfig)));
  }
}

TEST_F(OnnxReaderTest, FieldsThatTheFormatGetsLaterAreSkipped) {
  WireBuilder model = OnnxModel(OnnxGraph().Bytes(900, "x").Varint(901, 1).Fixed32(902, 1).Fixed64(903, 1));
  model.Bytes(26, "configuration").Varint(27, 1).Fixed32(500, 7).Fixed64(501, 7).Varint(5, ~uint64_t{0});
  EXPECT_OK(Read(model));
}

TEST_F(OnnxReaderTest, AConfigBeyondItsLimitIsRefused) {
  ArchiveLimits limits;
  limits.max_config_bytes = sizeof(kConfig) - 1;
  EXPECT_OK(Read(OnnxFileWithConfig(kConfig), limits));
  EXPECT_OK(Read(OnnxFile({{"notes", std::string(10'000, 'x')}, {std::string(10'000, 'k'), "x"}}), limits));
  limits.max_config_bytes -= 1;
  EXPECT_THAT(Read(OnnxFileWithConfig(kConfig), limits),
              IsRefused("metadata property \"modeld.config\" is larger than the 17 bytes allowed"));
}

TEST_F(OnnxReaderTest, TwoConfigsAreRefused) {
  EXPECT_THAT(Read(OnnxFile({{"modeld.config", kConfig}, {"config.json", kConfig}})),
              IsRefused("hold two configs, \"config.json\" and \"modeld.config\"; keep one"));
  WireBuilder twice = OnnxModel(OnnxGraph());
  for (int i = 0; i < 2; ++i) twice.Bytes(14, OnnxProperty("modeld.config", kConfig));
  EXPECT_THAT(Read(twice), IsRefused("two configs"));
}

// --- Incomplete ---

TEST_F(OnnxReaderTest, TruncatedAnywhereIsNeverTaken) {
  const std::string model = OnnxModel(OnnxGraph()).bytes();
  const std::string whole = OnnxFile({{"modeld.config", kConfig}, {"notes", "x"}});
  // Between entries after the operator sets nothing shows that something is missing.
  const std::set<size_t> looks_whole = {model.size(), OnnxFileWithConfig(kConfig).size()};
  // Between the fields before the graph it is told that there is none.
  const std::set<size_t> refused = {WireBuilder().Varint(1, 8).bytes().size(),
                                    WireBuilder().Varint(1, 8).Bytes(2, "test").bytes().size()};
  ASSERT_OK(Read(whole));
  for (size_t size = 0; size < whole.size(); ++size) {
    SCOPED_TRACE(absl::StrCat(size, " of ", whole.size()));
    const absl::StatusOr<ArchiveContents> contents = Read(whole.substr(0, size));
    if (looks_whole.count(size) > 0) {
      EXPECT_OK(contents);
    } else if (refused.count(size) > 0) {
      EXPECT_THAT(contents, IsRefused("it has no graph"));
    } else {
      EXPECT_THAT(contents, IsIncompleteFile("incomplete"));
    }
  }
}

TEST_F(OnnxReaderTest, ReservedSpaceIsIncomplete) {
  EXPECT_THAT(Read(std::string(100'000, '\0')), IsIncompleteFile("begins with zeros"));
  const std::string whole = OnnxFileWithConfig(kConfig);
  for (const size_t written : {size_t{2}, OnnxModel(OnnxGraph()).bytes().size(), whole.size()}) {
    EXPECT_THAT(Read(whole.substr(0, written) + std::string(1000, '\0')),
                IsIncompleteFile(absl::StrCat("zeros at byte ", written)));
  }
  // A hole in the graph.
  EXPECT_THAT(Read(OnnxModel(OnnxGraph().Raw(std::string(100, '\0')))), IsIncompleteFile("zeros at byte"));
}

TEST_F(OnnxReaderTest, WithoutOperatorSetsOnlyTheOldestAreWhole) {
  EXPECT_THAT(Read(WireBuilder().Varint(1, 3).Bytes(7, OnnxGraph())), IsIncompleteFile("operator sets"));
  EXPECT_OK(Read(WireBuilder().Varint(1, 2).Bytes(7, OnnxGraph())));
}

TEST_F(OnnxReaderTest, AFileCutShortWhileItIsReadIsIncomplete) {
  const std::string bytes = OnnxModel(OnnxGraph().Bytes(10, std::string(200'000, 'd'))).bytes();
  const std::string path = dir_.Write("model.onnx", bytes);
  files_.Before(Call::kRead, 3, [&] { std::filesystem::resize_file(path, 50'000); });
  EXPECT_THAT(ReadOnnx(files_, path), IsIncompleteFile("cut short while it was read"));
}

// --- Refused ---

TEST_F(OnnxReaderTest, OtherFilesAreToldApart) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"hello, I am a text file", "no ONNX file: it begins with \"hell\", as no onnx.ModelProto does"},
      {"ir_version: 8\ngraph {\n}\n", "it begins with \"ir_v\""},
      {"{\"a\": 1}", "it begins with"},
      {std::string("PK\3\4 and more", 13), "it looks like a ZIP file"},
      {"version https://git-lfs.github.com/spec/v1", "run git lfs pull"},
      {"<html>", "it looks like HTML"},
      {"\x1f\x8b\x08", "gzip"},
      {"\x80\x04N.", "Python pickle"},
  };
  for (const auto& [bytes, message] : cases) EXPECT_THAT(Read(bytes), IsRefused(message));
}

TEST_F(OnnxReaderTest, WhatEveryModelHasMustBeThere) {
  EXPECT_THAT(Read(WireBuilder().Bytes(2, "pytorch").Bytes(7, OnnxGraph()).Bytes(8, "")),
              IsRefused("no ir_version"));
  EXPECT_THAT(Read(WireBuilder().Varint(1, 8).Bytes(8, "")), IsRefused("it has no graph"));
  EXPECT_THAT(Read(OnnxFile() + OnnxFile()), IsRefused("second graph, at byte"));
}

TEST_F(OnnxReaderTest, FieldsOfAnotherTypeAreRefused) {
  EXPECT_THAT(Read(WireBuilder().Varint(1, 8).Varint(7, 1)),
              IsRefused("field 7 of onnx.ModelProto, at byte 2, has the wire type 0, not 2"));
  EXPECT_THAT(Read(OnnxModel(OnnxGraph().Varint(5, 1))), IsRefused("is no message"));
  EXPECT_THAT(Read(OnnxModel(OnnxGraph().Bytes(5, WireBuilder().Bytes(14, "\1")))),
              IsRefused("data_location is no number"));
}

TEST_F(OnnxReaderTest, HostileNumbersAreRefused) {
  const std::string begin = WireBuilder().Varint(1, 8).bytes();
  const auto after = [&](std::string_view bytes) {
    return begin + std::string(bytes) + std::string(20, 'x');
  };
  const std::string endless(11, '\xff'), ten_bytes = std::string(9, '\xff') + "\x01";
  EXPECT_THAT(Read(after("\x08" + endless)), IsRefused("a number of more than 10 bytes"));
  EXPECT_THAT(Read(after("\x1a" + endless)), IsRefused("a number of more than 10 bytes"));
  EXPECT_THAT(Read(after(endless)), IsRefused("a number of more than 10 bytes"));
  EXPECT_THAT(Read(after("\x1a" + ten_bytes)), IsRefused("a field of 18446744073709551615 bytes"));
  EXPECT_THAT(Read(after(WireBuilder().Claim(3, uint64_t{1} << 31))),
              IsRefused("a field of 2147483648 bytes"));
  EXPECT_THAT(Read(after(WireBuilder().Claim(3, (uint64_t{1} << 31) - 1))), IsRefused("of 2147483647 bytes"));
  EXPECT_THAT(Read(after(WireBuilder().Claim(3, (uint64_t{1} << 31) - 2))),
              IsIncompleteFile("within a field"));
  EXPECT_THAT(Read(after(ten_bytes)), IsRefused("a field of the number 2305843009213693951"));
  EXPECT_THAT(Read(after("\x02")), IsRefused("a field of the number 0"));
  for (const int type : {3, 4, 6, 7}) {
    EXPECT_THAT(Read(after(std::string(1, static_cast<char>(14 << 3 | type)))),
                IsRefused(absl::StrCat("wire type ", type)));
  }
}

// Inside a message that is all there, a length too long is no matter of time.
TEST_F(OnnxReaderTest, LengthsBeyondTheirMessageAreRefused) {
  const WireBuilder fixed64 = WireBuilder().Raw("\x11 123456"), fixed32 = WireBuilder().Raw("\x15 12");
  const WireBuilder varint = WireBuilder().Raw("\x10\x80"), tag = WireBuilder().Raw("\x90");
  for (const WireBuilder& graph :
       {WireBuilder().Claim(5, 4), WireBuilder().Claim(2, 1), fixed64, fixed32, varint, tag,
        WireBuilder().Bytes(5, WireBuilder().Claim(9, 1)), WireBuilder().Bytes(5, WireBuilder().Claim(8, 1)),
        WireBuilder().Bytes(5, varint), WireBuilder().Bytes(1, WireBuilder().Claim(5, 1))}) {
    EXPECT_THAT(Read(OnnxModel(graph)), IsRefused("a field that goes beyond the message that holds it"))
        << testing::PrintToString(graph.bytes());
  }
}

TEST_F(OnnxReaderTest, ADepthBombIsRefused) {
  const auto nested = [](int depth) {
    std::string graph = OnnxGraph().bytes();
    for (int i = 0; i < depth; ++i) {
      graph = WireBuilder().Bytes(1, OnnxNode(WireBuilder().Bytes(6, graph))).bytes();
    }
    return OnnxModel(graph);
  };
  EXPECT_OK(Read(nested(30)));
  EXPECT_THAT(Read(nested(40)), IsRefused("nested deeper than 100"));
  EXPECT_THAT(Read(nested(5000)), IsRefused("nested deeper than 100"));
}

TEST_F(OnnxReaderTest, MoreThanAMessageCanHoldIsRefused) {
  const std::string path = dir_.Write("model.onnx", OnnxFile());
  std::filesystem::resize_file(path, (uint64_t{1} << 31) - 1);  // sparse: takes no space
  EXPECT_THAT(ReadOnnx(files_, path), IsRefused("of 2147483647 bytes; at most 2147483646 are possible"));
  std::filesystem::resize_file(path, (uint64_t{1} << 31) - 2);
  EXPECT_THAT(ReadOnnx(files_, path), IsIncompleteFile("zeros"));
}

// --- Tensors in other files ---

TEST_F(OnnxReaderTest, TensorsInOtherFilesAreRefusedWhereverTheyLie) {
  const WireBuilder tensor = ExternalOnnxTensor("fc.weight");
  const WireBuilder sparse = WireBuilder().Bytes(2, OnnxTensor("i")).Bytes(1, tensor);
  const WireBuilder graph = OnnxGraph().Bytes(5, OnnxTensor("first")).Bytes(5, tensor);
  const auto in_attribute = [](uint32_t field, std::string_view value) {
    return OnnxModel(OnnxGraph().Bytes(1, OnnxNode(WireBuilder().Bytes(1, "a").Bytes(field, value)))).bytes();
  };
  const WireBuilder node = OnnxNode(WireBuilder().Bytes(5, tensor));
  const std::map<std::string, std::string> models = {
      {"initializer", OnnxModel(graph).bytes()},
      {"sparse initializer", OnnxModel(OnnxGraph().Bytes(15, sparse)).bytes()},
      {"attribute t", in_attribute(5, tensor)},
      {"attribute tensors", in_attribute(10, tensor)},
      {"attribute sparse_tensor", in_attribute(22, sparse)},
      {"attribute sparse_tensors", in_attribute(23, sparse)},
      {"subgraph g", in_attribute(6, graph)},
      {"subgraph graphs", in_attribute(11, WireBuilder().Bytes(1, OnnxNode(WireBuilder().Bytes(6, graph))))},
      {"training initialization", OnnxModel(OnnxGraph()).Bytes(20, WireBuilder().Bytes(1, graph)).bytes()},
      {"training algorithm", OnnxModel(OnnxGraph()).Bytes(20, WireBuilder().Bytes(2, graph)).bytes()},
      {"function", OnnxModel(OnnxGraph()).Bytes(25, WireBuilder().Bytes(7, node)).bytes()},
      {"function's attribute",
       OnnxModel(OnnxGraph()).Bytes(25, WireBuilder().Bytes(11, WireBuilder().Bytes(5, tensor))).bytes()},
  };
  for (const auto& [where, bytes] : models) {
    EXPECT_THAT(Read(bytes), IsRefused("the tensor \"fc.weight\" lies in another file")) << where;
    EXPECT_THAT(Read(bytes), IsRefused("save_as_external_data=False")) << where;
  }
}

TEST_F(OnnxReaderTest, HalfAWordOfAnotherFileIsEnough) {
  const auto with = [](const WireBuilder& tensor) { return OnnxModel(OnnxGraph().Bytes(5, tensor)); };
  EXPECT_OK(Read(with(OnnxTensor("w").Varint(14, 0))));
  EXPECT_THAT(Read(with(OnnxTensor("w").Varint(14, 1))), IsRefused("another file"));
  EXPECT_THAT(Read(with(OnnxTensor("w").Varint(14, 1).Varint(14, 0))), IsRefused("another file"));
  // Parsers take the lower half: EXTERNAL.
  EXPECT_THAT(Read(with(OnnxTensor("w").Varint(14, (uint64_t{1} << 32) + 1))), IsRefused("another file"));
  EXPECT_THAT(Read(with(OnnxTensor("w").Bytes(13, ""))), IsRefused("another file"));
  EXPECT_THAT(Read(with(ExternalOnnxTensor(std::string(5000, 'n')))), IsRefused("the tensor \"\" lies"));
  EXPECT_THAT(Read(with(ExternalOnnxTensor("\x1b[31m"))), IsRefused("\"\\x1b[31m\""));
}

// --- The file ---

TEST_F(OnnxReaderTest, TensorsAreNotRead) {
  constexpr uint64_t kTensorBytes = 200'000'000;
  const std::string tensor = WireBuilder().Bytes(8, "w").Claim(9, kTensorBytes).bytes();
  WireBuilder model = WireBuilder().Varint(1, 8);
  const std::string initializer = WireBuilder().Claim(5, tensor.size() + kTensorBytes).Raw(tensor).bytes();
  model.Claim(7, initializer.size() + kTensorBytes).Raw(initializer);
  const std::string path = dir_.Write("model.onnx", model.bytes());
  std::filesystem::resize_file(path, model.bytes().size() + kTensorBytes);  // a hole, which takes no space
  std::ofstream(path, std::ios::binary | std::ios::app)
      << WireBuilder().Bytes(8, "").Bytes(14, OnnxProperty("modeld.config", kConfig)).bytes();
  ASSERT_OK_AND_ASSIGN(const ArchiveContents contents, ReadOnnx(files_, path));
  EXPECT_THAT(contents.config_json, Optional(std::string(kConfig)));
  EXPECT_LT(files_.count(Call::kRead), 10);
}

TEST_F(OnnxReaderTest, DamagedBytesNeverCrashIt) {
  const std::string whole = OnnxModel(OnnxGraph().Bytes(1, OnnxNode(WireBuilder().Bytes(6, OnnxGraph()))))
                                .Bytes(14, OnnxProperty("modeld.config", kConfig))
                                .bytes();
  std::mt19937 random(1);
  int refused = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = whole;
    for (int i = 0; i < 3; ++i) bytes[random() % bytes.size()] = static_cast<char>(random());
    refused += Read(bytes).ok() ? 0 : 1;
  }
  EXPECT_GT(refused, 1000);
}

TEST_F(OnnxReaderTest, ErrorsOfTheFileItself) {
  EXPECT_THAT(
      ReadOnnx(files_, dir_ / "missing.onnx"),
      StatusIs(absl::StatusCode::kNotFound, AllOf(HasSubstr("missing.onnx"), HasSubstr("no such file"))));
  std::filesystem::create_directory(dir_ / "directory.onnx");
  EXPECT_THAT(ReadOnnx(files_, dir_ / "directory.onnx"), IsRefused("is not a regular file"));
  ASSERT_EQ(::mkfifo((dir_ / "pipe.onnx").c_str(), 0600), 0);
  EXPECT_THAT(ReadOnnx(files_, dir_ / "pipe.onnx"), IsRefused("is not a regular file"));
  const std::string path = dir_.Write("model.onnx", OnnxFile());
  for (const int nth : {1, 2}) {
    files_.FailNth(Call::kRead, nth, absl::UnavailableError("input/output error"));
    const absl::Status status = ReadOnnx(files_, path).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("input/output error")));
    EXPECT_FALSE(IsIncomplete(status));
    files_.Heal();
  }
}

}  // namespace
}  // namespace modeld
