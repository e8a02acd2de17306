// The images that tests/fuzz/make_images.py wrote.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace modeld {

struct CorpusFile {
  std::string name;
  std::string bytes;
};

inline std::string CorpusBytes(const std::string& name) {
  std::ifstream file(std::filesystem::path(MODELD_CORPUS) / name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// By name.
inline std::vector<CorpusFile> Corpus() {
  std::vector<CorpusFile> files;
  for (const auto& entry : std::filesystem::directory_iterator(MODELD_CORPUS)) {
    files.push_back({entry.path().filename(), CorpusBytes(entry.path().filename())});
  }
  std::sort(files.begin(), files.end(),
            [](const CorpusFile& a, const CorpusFile& b) { return a.name < b.name; });
  return files;
}

}  // namespace modeld
