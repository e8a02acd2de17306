#include "daemon/source/dropped_files.h"

#include <gmock/gmock.h>

namespace modeld {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;

DroppedFileView View(const std::string& path, DroppedState state, const std::string& reason, int seconds) {
  return {.path = path,
          .state = state,
          .reason = reason,
          .model = "m",
          .version = "1",
          .since = absl::FromUnixSeconds(seconds)};
}

TEST(DroppedFilesTest, KeepsTheTimeAtWhichAFileCameIntoItsState) {
  DroppedFiles files;
  EXPECT_TRUE(files.Show(View("a.pt", DroppedState::kRetrying, "disk full", 1)));
  EXPECT_FALSE(files.Show(View("a.pt", DroppedState::kRetrying, "disk still full", 2)));
  EXPECT_THAT(files.List(), ElementsAre(AllOf(Field(&DroppedFileView::reason, "disk still full"),
                                              Field(&DroppedFileView::since, absl::FromUnixSeconds(1)))));
  EXPECT_TRUE(files.Show(View("a.pt", DroppedState::kQuarantined, "a ZIP bomb", 3)));
  EXPECT_THAT(files.List(), ElementsAre(Field(&DroppedFileView::since, absl::FromUnixSeconds(3))));
}

TEST(DroppedFilesTest, ListsByPathAndHides) {
  DroppedFiles files;
  for (const char* path : {"c.pt", "a.pt", "b.pt"}) files.Show(View(path, DroppedState::kSettling, "", 1));
  const auto path_is = [](const std::string& path) { return Field(&DroppedFileView::path, path); };
  EXPECT_THAT(files.List(), ElementsAre(path_is("a.pt"), path_is("b.pt"), path_is("c.pt")));
  files.Hide("b.pt");
  files.Hide("never.pt");
  EXPECT_THAT(files.List(), ElementsAre(path_is("a.pt"), path_is("c.pt")));
  files.HideIf([](const std::string& path) { return path < "z"; });
  EXPECT_THAT(files.List(), IsEmpty());
}

}  // namespace
}  // namespace modeld
