#include "registry/sha256.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/status/status.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace modeld {
namespace {

// FIPS 180-4's example for "abc".
constexpr char kAbc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST(Sha256Test, HashesWhatWasGivenInPieces) {
  Sha256 sha256;
  sha256.Update("a");
  sha256.Update("bc");
  ASSERT_OK_AND_ASSIGN(const std::string digest, sha256.Finish());
  EXPECT_EQ(digest, kAbc);
}

TEST(Sha256Test, HashesAFile) {
  const TempDir directory;
  ASSERT_OK_AND_ASSIGN(const std::string digest,
                       Sha256OfFile(*FileSystem::Real(), directory.Write("f", "abc")));
  EXPECT_EQ(digest, kAbc);
}

TEST(Sha256Test, MissingFileIsNotFound) {
  const TempDir directory;
  EXPECT_THAT(Sha256OfFile(*FileSystem::Real(), directory / "missing"),
              StatusIs(absl::StatusCode::kNotFound, testing::HasSubstr("missing")));
}

}  // namespace
}  // namespace modeld
