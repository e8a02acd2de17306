// Mutations of kept images, seeded: nothing crashes, and what is refused is refused as stated.
#include <gtest/gtest.h>

#include <random>

#include "corpus.h"
#include "tests/fuzz/image_target.h"

namespace modeld {
namespace {

std::string Mutated(const std::vector<CorpusFile>& files, std::mt19937& random) {
  const auto below = [&](size_t limit) {
    return std::uniform_int_distribution<size_t>(0, limit - 1)(random);
  };
  std::string bytes = files[below(files.size())].bytes;
  for (size_t changes = 1 + below(4); changes > 0 && !bytes.empty(); --changes) {
    const size_t at = below(2) == 0 ? below(bytes.size()) : below(std::min<size_t>(bytes.size(), 64));
    switch (below(6)) {
      case 0:
        bytes[at] = static_cast<char>(below(256));
        break;
      case 1:
        bytes[at] ^= static_cast<char>(1u << below(8));
        break;
      case 2:
        bytes.resize(at);
        break;
      case 3:
        bytes.insert(at, bytes.substr(below(bytes.size()), below(16)));
        break;
      case 4:
        bytes.erase(at, below(16));
        break;
      default: {  // numbers at their limits
        constexpr char kEdges[] = {0, 1, 0x7F, static_cast<char>(0x80), static_cast<char>(0xFF)};
        const char edge = kEdges[below(5)];
        for (size_t i = at; i < std::min(at + 1 + below(4), bytes.size()); ++i) bytes[i] = edge;
      }
    }
  }
  return bytes;
}

TEST(MutationTest, OfKeptImages) {
  const std::vector<CorpusFile> files = Corpus();
  ASSERT_GT(files.size(), 30u);
  for (const CorpusFile& file : files) TryImageBytes(file.bytes);
  std::mt19937 random(20261128);
  for (int i = 0; i < 20'000; ++i) TryImageBytes(Mutated(files, random));
}

// Every place at which a transfer may end.
TEST(MutationTest, OfKeptImagesThatEndEarly) {
  for (const CorpusFile& file : Corpus()) {
    for (size_t size = 0; size < file.bytes.size(); ++size) {
      const std::string bytes = file.bytes.substr(0, size);
      (void)ReadImageHeader(bytes);
      (void)LooksLikeImage(bytes);
    }
  }
}

}  // namespace
}  // namespace modeld
