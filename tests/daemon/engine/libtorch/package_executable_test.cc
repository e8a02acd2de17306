#include "daemon/engine/libtorch/package_executable.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "daemon/engine/libtorch/libtorch_engine.h"
#include "daemon/engine/libtorch/package_files.h"
#include "registry/unpacker.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/values.h"

namespace modeld {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

KnownInput Known(std::string name, DType dtype, std::vector<int64_t> shape, bool always = true) {
  return {.name = std::move(name), .dtype = dtype, .shape = std::move(shape), .always = always};
}

const KnownInput kX = Known("x", DType::kFp32, {-1, 4});

// Mappings of this process whose file is a package's library.
int Mappings() {
  std::ifstream maps("/proc/self/maps");
  int count = 0;
  for (std::string line; std::getline(maps, line);) count += line.find(".wrapper.so") != std::string::npos;
  return count;
}

class PackageTest : public ::testing::Test {
 protected:
  // The package's files are gone once it is loaded.
  absl::StatusOr<std::unique_ptr<Executable>> Load(const std::string& name, std::vector<KnownInput> inputs,
                                                   int callers = 1) {
    auto unpacker = Unpacker::Open(FileSystem::Real(), dir_ / "unpacked");
    if (!unpacker.ok()) return unpacker.status();
    const std::string path = std::string(MODELD_TEST_PACKAGES) + "/" + name + ".pt2";
    absl::StatusOr<UnpackedFiles> unpacked = (*unpacker)->Unpack(path, ArtifactFormat::kPt2);
    if (!unpacked.ok()) return unpacked.status();
    return engine_->Load({.artifact_path = path,
                          .format = ArtifactFormat::kPt2,
                          .unpacked = unpacked->directory(),
                          .inputs = std::move(inputs),
                          .callers = callers});
  }

  const TempDir dir_;
  const std::unique_ptr<Engine> engine_ = NewLibtorchEngine();
};

TEST_F(PackageTest, RunsWithTheNamesThatAreDeclared) {
  ASSERT_OK_AND_ASSIGN(const auto executable, Load("classifier", {kX}));
  ASSERT_EQ(executable->methods().size(), 1u);
  const Method& forward = executable->methods().front();
  EXPECT_EQ(forward.name, "forward");
  ASSERT_EQ(forward.arguments.size(), 1u);
  EXPECT_EQ(forward.arguments[0].name, "x");
  EXPECT_EQ(TypeName(forward.returns), "Tensor");
  EXPECT_FALSE(executable->stateful());
  for (const int64_t rows : {1, 2, 64}) {
    const Tensor x = FloatTensor({rows, 4}, std::vector<float>(static_cast<size_t>(rows) * 4, 0.5f));
    ASSERT_OK_AND_ASSIGN(const Value answer, executable->Run(0, {Value{x}}));
    EXPECT_EQ(answer.get_if<Tensor>()->shape, (std::vector<int64_t>{rows, 3}));
    EXPECT_EQ(ElementsOf<float>(answer).back(), 6.0f);
  }
}

TEST_F(PackageTest, WhatItWasNotCompiledForNeverRuns) {
  ASSERT_OK_AND_ASSIGN(const auto executable, Load("classifier", {kX}));
  const auto refused = [&](Tensor tensor, const std::string& why) {
    EXPECT_THAT(executable->Run(0, {Value{std::move(tensor)}}).status(),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr("input \"x\": expected FP32[-1,4], got "), HasSubstr(why))));
  };
  refused(Zeros(DType::kFp64, {2, 4}), "(dtype is FP64, not FP32)");
  refused(Zeros(DType::kFp32, {2}), "(rank is 1, not 2)");
  refused(Zeros(DType::kFp32, {2, 3}), "(dimension 1 is 3, not 4)");
  refused(Zeros(DType::kFp32, {65, 4}), "(dimension 0 is 65, not at most 64)");
  refused(Zeros(DType::kFp32, {0, 4}), "(dimension 0 is 0, not at least 1)");
}

TEST_F(PackageTest, WhatIsKnownMustFitTheCode) {
  EXPECT_THAT(
      Load("classifier", {}).status(),
      StatusIs(absl::StatusCode::kInvalidArgument,
               AllOf(HasSubstr("takes 1 tensor (input), and dtype and rank of \"input\" are not known"),
                     HasSubstr("declare \"inputs\" in config.json"), HasSubstr("golden sample"))));
  EXPECT_THAT(
      Load("classifier", {Known("x", DType::kFp64, {-1, 4})}).status(),
      StatusIs(absl::StatusCode::kInvalidArgument, AllOf(HasSubstr("input \"x\" is declared FP64[-1,4]"),
                                                         HasSubstr("(dtype is FP64, not FP32)"))));
  EXPECT_THAT(Load("classifier", {Known("x", DType::kFp32, {-1, -1})}).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("dimension 1 may not be of any size")));
  // A golden sample says less, and is enough.
  ASSERT_OK_AND_ASSIGN(const auto sampled,
                       Load("classifier", {Known("rows", DType::kFp32, {-1, -1}, false)}));
  EXPECT_EQ(sampled->methods()[0].arguments[0].name, "rows");
  EXPECT_THAT(sampled->Run(0, {Value{Zeros(DType::kFp32, {2, 3})}}).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("dimension 1 is 3, not 4")));
}

TEST_F(PackageTest, KeywordArgumentsKeepTheirNamesAndResultsTheirShape) {
  const KnownInput scale = Known("scale", DType::kFp32, {1});
  const std::vector<KnownInput> declared = {scale, Known("b", DType::kFp32, {2}),
                                            Known("a", DType::kInt64, {3})};
  ASSERT_OK_AND_ASSIGN(const auto executable, Load("mixed", declared));
  const Method& forward = executable->methods().front();
  ASSERT_EQ(forward.arguments.size(), 3u);
  EXPECT_EQ(forward.arguments[0].name, "b");  // in the order of the declaration
  EXPECT_EQ(forward.arguments[1].name, "a");
  EXPECT_EQ(forward.arguments[2].name, "scale");
  EXPECT_EQ(TypeName(forward.returns), "Dict[str, Any]");
  ASSERT_OK_AND_ASSIGN(const Value answer,
                       executable->Run(0, {Value{FloatTensor({2}, {1, 2})}, Value{IntTensor({3}, {1, 2, 3})},
                                           Value{FloatTensor({1}, {10})}}));
  EXPECT_EQ(Dump(answer), Dump(DictOf({{Str("scaled"), Value{FloatTensor({2}, {10, 20})}},
                                       {Str("parts"), TupleOf({Value{FloatTensor({2}, {2, 3})},
                                                               Value{IntTensor({3}, {2, 4, 6})}})}})));

  // What samples alone name has no order.
  std::vector<KnownInput> sampled = declared;
  for (KnownInput& input : sampled) input.always = false;
  EXPECT_THAT(
      Load("mixed", sampled).status(),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("takes 3 tensors (input_0, input_1, scale)")));
  sampled[1].name = "input_0";
  sampled[2].name = "input_1";
  EXPECT_OK(Load("mixed", sampled));
}

TEST_F(PackageTest, ManyThreadsRunIt) {
  ASSERT_OK_AND_ASSIGN(const auto executable, Load("classifier", {kX}, /*callers=*/2));
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      engine_->PrepareThread(1);
      for (int call = 0; call < 200; ++call) {
        const int64_t rows = 1 + (call + i) % 7;
        const auto value = static_cast<float>(i + 1);
        const Tensor x = FloatTensor({rows, 4}, std::vector<float>(static_cast<size_t>(rows) * 4, value));
        const absl::StatusOr<Value> answer = executable->Run(0, {Value{x}});
        if (!answer.ok() || ElementsOf<float>(*answer).back() != 12 * value) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

// Its code stays in memory once a thread has called it.
TEST_F(PackageTest, LoadedAgainFromTheSameFilesItsCodeIsThereOnce) {
  ASSERT_OK_AND_ASSIGN(const auto unpacker, Unpacker::Open(FileSystem::Real(), dir_ / "unpacked"));
  const std::string path = std::string(MODELD_TEST_PACKAGES) + "/classifier.pt2";
  ASSERT_OK_AND_ASSIGN(const UnpackedFiles unpacked, unpacker->Unpack(path, ArtifactFormat::kPt2));
  int before = 0;
  for (int i = 0; i < 4; ++i) {
    ASSERT_OK_AND_ASSIGN(const auto executable, engine_->Load({.artifact_path = path,
                                                               .format = ArtifactFormat::kPt2,
                                                               .unpacked = unpacked.directory(),
                                                               .inputs = {kX}}));
    ASSERT_OK(executable->Run(0, {Value{Zeros(DType::kFp32, {2, 4})}}).status());
    if (i == 0) before = Mappings();
  }
  EXPECT_GT(before, 0);
  EXPECT_EQ(Mappings(), before);
}

TEST_F(PackageTest, WhatThisMachineCannotRunIsRefused) {
  const auto load = [&](const std::string& metadata) {
    dir_.Write("files/a.so", "no library");
    dir_.Write("files/a_metadata.json", metadata);
    return engine_
        ->Load({.artifact_path = dir_.path(),
                .format = ArtifactFormat::kPt2,
                .unpacked = dir_ / "files",
                .inputs = {kX}})
        .status();
  };
  EXPECT_THAT(load(R"({"AOTI_DEVICE_KEY": "cuda"})"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("compiled for the device \"cuda\"")));
  EXPECT_THAT(load("nonsense"),
              StatusIs(absl::StatusCode::kInvalidArgument, AllOf(HasSubstr("the package cannot be loaded"),
                                                                 HasSubstr("compile it with the PyTorch"))));
  EXPECT_EQ(MissingInstructions(""), "");
  EXPECT_EQ(MissingInstructions("SOMETHING_NEW"), "");
}

}  // namespace
}  // namespace modeld
