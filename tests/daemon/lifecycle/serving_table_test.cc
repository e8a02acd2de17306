#include "daemon/lifecycle/serving_table.h"

#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "daemon/lifecycle/reaper.h"
#include "tests/support/fake_loader.h"
#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class ServingTableTest : public ::testing::Test {
 protected:
  ServingTableTest() {
    auto entry = std::make_shared<ServingEntry>();
    entry->ready["1.9"] = Handle("digits", "1.9");
    entry->ready["1.10"] = Handle("digits", "1.10");
    entry->live = entry->ready["1.10"];
    entry->labels = {{"live", "1.10"}, {"previous", "1.9"}, {"canary", "2.0"}};
    entry->unavailable["2.0"] = "version \"2.0\" of model \"digits\" is quarantined: bad magic";
    table_.Publish("digits", entry);
  }
  ~ServingTableTest() override { table_.Clear(); }

  VersionHandle Handle(const std::string& model, const std::string& version) {
    return reaper_.MakeHandle(FakeServedVersion(model, version, &alive_));
  }
  std::string Answer(const VersionSelector& selector) {
    const absl::StatusOr<VersionHandle> handle = table_.Resolve(selector);
    return handle.ok() ? AnswerOf(*handle) : handle.status().ToString();
  }

  std::atomic<int> alive_{0};
  Reaper reaper_{nullptr};
  ServingTable table_;
};

TEST_F(ServingTableTest, Resolves) {
  EXPECT_EQ(Answer({.model = "digits"}), "1.10");
  EXPECT_EQ(Answer({.model = "digits", .version = "1.9"}), "1.9");
  EXPECT_EQ(Answer({.model = "digits", .label = "previous"}), "1.9");
  EXPECT_EQ(Answer({.model = "digits", .label = "live"}), "1.10");
}

TEST_F(ServingTableTest, UnknownModelSaysWhatWasMeantAndHowManyThereAre) {
  EXPECT_THAT(table_.Resolve({.model = "digit"}),
              StatusIs(absl::StatusCode::kNotFound,
                       R"(no model "digit" (did you mean "digits"?); models served: 1)"));
  table_.Clear();
  EXPECT_THAT(table_.Resolve({.model = "digit"}),
              StatusIs(absl::StatusCode::kNotFound, R"(no model "digit": no model is registered yet)"));
}

TEST_F(ServingTableTest, UnknownVersionListsTheReadyOnesAndLabels) {
  EXPECT_THAT(
      table_.Resolve({.model = "digits", .version = "1.4"}),
      StatusIs(absl::StatusCode::kNotFound,
               R"(model "digits" has no version "1.4"; ready: 1.10, 1.9; labels: canary, live, previous)"));
}

TEST_F(ServingTableTest, UnknownLabelListsTheKnownOnes) {
  EXPECT_THAT(table_.Resolve({.model = "digits", .label = "stable"}),
              StatusIs(absl::StatusCode::kNotFound,
                       R"(model "digits" has no label "stable"; labels: canary, live, previous)"));
}

TEST_F(ServingTableTest, KnownButNotReadySaysWhy) {
  const auto quarantined =
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("is quarantined: bad magic"));
  EXPECT_THAT(table_.Resolve({.model = "digits", .version = "2.0"}), quarantined);
  EXPECT_THAT(table_.Resolve({.model = "digits", .label = "canary"}), quarantined);
}

TEST_F(ServingTableTest, NothingLiveSaysWhyOfTheVersionThatShouldBe) {
  auto entry = std::make_shared<ServingEntry>();
  entry->unavailable = {{"1.9", "1.9 is loading"}, {"1.10", "1.10 is quarantined"}};
  table_.Publish("other", entry);
  EXPECT_THAT(table_.Resolve({.model = "other"}),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       R"(model "other" has no live version: 1.10 is quarantined)"));
  auto with_label = std::make_shared<ServingEntry>(*entry);
  with_label->labels["live"] = "1.9";
  table_.Publish("other", with_label);
  const auto loading =
      StatusIs(absl::StatusCode::kFailedPrecondition, R"(model "other" has no live version: 1.9 is loading)");
  EXPECT_THAT(table_.Resolve({.model = "other"}), loading);
  EXPECT_THAT(table_.Resolve({.model = "other", .label = "live"}), loading);
}

TEST_F(ServingTableTest, HostileNamesAreQuoted) {
  EXPECT_THAT(table_.Resolve({.model = "a\x1b[2J\n"}),
              StatusIs(absl::StatusCode::kNotFound, AllOf(HasSubstr(R"(\x1b)"), HasSubstr(R"(\n)"))));
}

TEST_F(ServingTableTest, ReplacedEntriesAreLetGo) {
  EXPECT_EQ(alive_, 2);
  const VersionHandle held = *table_.Resolve({.model = "digits"});
  const std::weak_ptr<const ServedVersion> unheld = *table_.Resolve({.model = "digits", .version = "1.9"});
  table_.Publish("digits", nullptr);
  EXPECT_TRUE(unheld.expired());
  EXPECT_EQ(AnswerOf(held), "1.10") << "who holds a handle finishes on it";
  EXPECT_THAT(table_.Resolve({.model = "digits"}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no model")));
}

TEST_F(ServingTableTest, PublishAllAddsReplacesAndRemovesInOneSwap) {
  auto entry = std::make_shared<ServingEntry>();
  entry->live = entry->ready["3.0"] = Handle("faces", "3.0");
  table_.PublishAll({{"digits", nullptr}, {"faces", entry}, {"unknown", nullptr}});
  EXPECT_EQ(Answer({.model = "faces"}), "3.0");
  EXPECT_THAT(table_.Resolve({.model = "digits"}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("models served: 1")));
}

// Readers never miss the model, and never see an older version after a newer one; every instance is
// destroyed.
TEST(ServingTableThreadsTest, SwapsUnderReaders) {
  constexpr int kSwaps = 3000;
  constexpr int kReaders = 4;
  std::atomic<int> alive{0};
  {
    Reaper reaper(nullptr);
    ServingTable table;
    const auto publish = [&](int version) {
      auto entry = std::make_shared<ServingEntry>();
      const std::string name = absl::StrCat(version);
      entry->live = entry->ready[name] = reaper.MakeHandle(FakeServedVersion("digits", name, &alive));
      table.Publish("digits", std::move(entry));
    };
    publish(0);

    std::atomic<bool> done{false};
    std::atomic<int> published{0};
    std::vector<std::thread> readers;
    for (int r = 0; r < kReaders; ++r) {
      readers.emplace_back([&] {
        int last = 0;
        while (!done) {
          const int at_least = published;
          const absl::StatusOr<VersionHandle> handle = table.Resolve({.model = "digits"});
          ASSERT_OK(handle);
          int version = -1;
          ASSERT_TRUE(absl::SimpleAtoi(AnswerOf(*handle), &version));
          ASSERT_GE(version, last);
          ASSERT_GE(version, at_least) << "published, but the one before was answered";
          last = version;
        }
      });
    }
    for (int version = 1; version <= kSwaps; ++version) {
      publish(version);
      published = version;
    }
    done = true;
    for (std::thread& reader : readers) reader.join();
    table.Clear();
  }
  EXPECT_EQ(alive, 0);
}

// Several writers and models at once: each model keeps its own order.
TEST(ServingTableThreadsTest, WritersOfDifferentModelsDoNotLoseEachOthersEntries) {
  constexpr int kModels = 3;
  constexpr int kSwaps = 300;
  Reaper reaper(nullptr);
  ServingTable table;
  std::vector<std::thread> writers;
  for (int m = 0; m < kModels; ++m) {
    writers.emplace_back([&, m] {
      const std::string model = absl::StrCat("model", m);
      for (int version = 0; version < kSwaps; ++version) {
        auto entry = std::make_shared<ServingEntry>();
        const std::string name = absl::StrCat(version);
        entry->live = entry->ready[name] = reaper.MakeHandle(FakeServedVersion(model, name));
        table.Publish(model, std::move(entry));
        const absl::StatusOr<VersionHandle> handle = table.Resolve({.model = model});
        ASSERT_OK(handle);
        ASSERT_EQ(AnswerOf(*handle), name);
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  for (int m = 0; m < kModels; ++m) EXPECT_OK(table.Resolve({.model = absl::StrCat("model", m)}));
  table.Clear();
}

}  // namespace
}  // namespace modeld
